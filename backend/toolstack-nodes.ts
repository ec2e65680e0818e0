/**
 * What the toolstack writes into xenstore for a domain and its vTPM: libxl 4.17 as recorded, node by node.
 */

import { vtpmPaths } from '../protocol/vtpm-paths.js';
import { backendPath, DeviceNode, domainPath, frontendPath, shutdownPath } from '../protocol/xenbus.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';

/** One virtual TPM, whoever runs it; both devices of a migrating guest carry it. */
export const VTPM_UUID = '00000000-0000-4000-8000-000000000001';

/** A store that can be asked what traces do not show. */
export interface PeekableStore extends StoreAccess {
  peek(path: string): string | null;
}

export interface VtpmPlace {
  readonly frontend: number;
  readonly backend: number;
  /** Node `instance`, which the hotplug script of 2006 wrote for the v1 backend. */
  readonly instance: boolean;
}

/** The home of a domain, before it is introduced. */
export function writeDomainNodes(store: StoreAccess, domid: number): void {
  const home = domainPath(domid);
  store.transaction(() => {
    own(store, `${home}/device`, '', ['n0', `r${domid}`]);
    own(store, `${home}/device/suspend/event-channel`, '', [`n${domid}`]);
    own(store, `${home}/control`, '', ['n0', `r${domid}`]);
    for (const node of ['shutdown', 'feature-poweroff', 'feature-reboot', 'feature-suspend', 'sysrq']) {
      own(store, `${home}/control/${node}`, '', [`n${domid}`]);
    }
  });
}

/** Front directory, back directory and libxl's private copy in one transaction, front first. */
export function writeVtpmNodes(store: StoreAccess, place: VtpmPlace): void {
  const front = frontendPath({ frontend: place.frontend, handle: 0 });
  const back = backendPath({ frontend: place.frontend, backend: place.backend, handle: 0 });
  const kept = privatePath(place.frontend);
  const frontPermissions = [`n${place.frontend}`, `r${place.backend}`];
  store.transaction(() => {
    store.remove(kept);
    store.write(`${kept}/${DeviceNode.Frontend}`, front);
    store.write(`${kept}/${DeviceNode.Backend}`, back);
    store.remove(front);
    store.mkdir(front);
    store.setPermissions(front, frontPermissions);
    store.write(`${front}/${DeviceNode.Backend}`, back);
    for (const [node, value] of [
      [DeviceNode.BackendId, String(place.backend)],
      [DeviceNode.State, '1'],
      [DeviceNode.Handle, '0'],
    ] as const) {
      own(store, `${front}/${node}`, value, frontPermissions);
    }
    store.remove(back);
    store.mkdir(back);
    store.setPermissions(back, [`n${place.backend}`, `r${place.frontend}`]);
    store.write(`${back}/${DeviceNode.Frontend}`, front);
    const rest = [
      [DeviceNode.FrontendId, String(place.frontend)],
      [DeviceNode.Online, '1'],
      [DeviceNode.State, '1'],
      [DeviceNode.Handle, '0'],
      [DeviceNode.Uuid, VTPM_UUID],
      [DeviceNode.Resume, 'False'],
    ] as const;
    for (const [node, value] of rest) store.write(`${back}/${node}`, value);
    for (const [node, value] of rest) store.write(`${kept}/${node}`, value);
    if (place.instance) store.write(`${back}/${DeviceNode.Instance}`, '1');
  });
}

/** Asks the backend to close; it answers with state 6. */
export function closeVtpm(store: StoreAccess, place: VtpmPlace): void {
  const front = frontendPath({ frontend: place.frontend, handle: 0 });
  const back = backendPath({ frontend: place.frontend, backend: place.backend, handle: 0 });
  store.transaction(() => {
    removeWithEmptyParents(store, front);
    store.write(`${back}/${DeviceNode.Online}`, '0');
    store.write(`${back}/${DeviceNode.State}`, '5');
  });
}

/** Removes what is left of a closed device. */
export function removeVtpmNodes(store: StoreAccess, place: VtpmPlace): void {
  const back = backendPath({ frontend: place.frontend, backend: place.backend, handle: 0 });
  const kept = privatePath(place.frontend);
  store.transaction(() => {
    store.remove(frontendPath({ frontend: place.frontend, handle: 0 }));
    removeWithEmptyParents(store, kept);
    removeWithEmptyParents(store, back);
  });
}

export function backendState(store: PeekableStore, place: VtpmPlace): string | null {
  return store.peek(vtpmPaths(place.backend, place.frontend).back(DeviceNode.State));
}

export function requestSuspend(store: StoreAccess, domid: number): void {
  store.write(shutdownPath(domid), 'suspend');
}

/** Takes the request back unless the guest has acknowledged it in the same moment. True when it was taken back. */
export function withdrawSuspend(store: StoreAccess, domid: number): boolean {
  let withdrawn = false;
  store.transaction(() => {
    withdrawn = store.read(shutdownPath(domid)) === 'suspend';
    if (withdrawn) store.write(shutdownPath(domid), '');
  });
  return withdrawn;
}

export function suspendAcknowledged(store: PeekableStore, domid: number): boolean {
  return store.peek(SHUTDOWN_PATHS[domid] ?? shutdownPath(domid)) === '';
}

/** Asked for in every state; made once for the few domains of a world. */
const SHUTDOWN_PATHS: readonly string[] = [0, 1, 2, 3].map(shutdownPath);

function own(store: StoreAccess, path: string, value: string, permissions: readonly string[]): void {
  store.write(path, value);
  store.setPermissions(path, permissions);
}

function privatePath(domid: number): string {
  return `/libxl/${domid}/device/vtpm/0`;
}

/** The directories above that are left empty go too, up to that of all vTPMs. */
function removeWithEmptyParents(store: StoreAccess, path: string): void {
  store.remove(path);
  let above = parent(path);
  while (OF_VTPMS.test(above) && store.list(above)?.length === 0) {
    store.remove(above);
    above = parent(above);
  }
}

const OF_VTPMS = /\/vtpm(\/|$)/;

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
