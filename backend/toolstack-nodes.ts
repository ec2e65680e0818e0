/**
 * What the toolstack writes into xenstore for a domain and its vTPM: libxl 4.17 as recorded, node by node.
 */

import { vtpmPaths } from '../protocol/vtpm-paths.js';
import { DeviceNode, domainPath, shutdownPath } from '../protocol/xenbus.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';
import {
  type DevicePlace,
  deviceDirectories,
  writeOwned as own,
  removeWithEmptyParents,
  writeDeviceNodes,
} from './device-nodes.js';

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

export function writeVtpmNodes(store: StoreAccess, place: VtpmPlace): void {
  const { frontend, backend } = place;
  writeDeviceNodes(store, vtpmDevice(place), {
    front: [
      [DeviceNode.BackendId, String(backend)],
      [DeviceNode.State, '1'],
      [DeviceNode.Handle, '0'],
    ],
    back: [
      [DeviceNode.FrontendId, String(frontend)],
      [DeviceNode.Online, '1'],
      [DeviceNode.State, '1'],
      [DeviceNode.Handle, '0'],
      [DeviceNode.Uuid, VTPM_UUID],
      [DeviceNode.Resume, 'False'],
    ],
    extra: place.instance ? [[DeviceNode.Instance, '1']] : [],
  });
}

/** Asks the backend to close; it answers with state 6. */
export function closeVtpm(store: StoreAccess, place: VtpmPlace): void {
  const { front, back } = deviceDirectories(vtpmDevice(place));
  store.transaction(() => {
    removeWithEmptyParents(store, 'vtpm', front);
    store.write(`${back}/${DeviceNode.Online}`, '0');
    store.write(`${back}/${DeviceNode.State}`, '5');
  });
}

/** Removes what is left of a closed device. */
export function removeVtpmNodes(store: StoreAccess, place: VtpmPlace): void {
  const { front, back, kept } = deviceDirectories(vtpmDevice(place));
  store.transaction(() => {
    store.remove(front);
    removeWithEmptyParents(store, 'vtpm', kept);
    removeWithEmptyParents(store, 'vtpm', back);
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

function vtpmDevice({ frontend, backend }: VtpmPlace): DevicePlace {
  return { kind: 'vtpm', frontend, backend, handle: 0 };
}
