/**
 * What the toolstack writes into xenstore for a device of any kind: libxl 4.17 as recorded, node by node.
 */
import { backendPath, type DeviceKind, DeviceNode, frontendPath } from '../protocol/xenbus.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';

/** One device, and the domains of its two ends. */
export interface DevicePlace {
  readonly kind: DeviceKind;
  readonly frontend: number;
  readonly backend: number;
  readonly handle: number;
}

export type Nodes = readonly (readonly [node: string, value: string])[];

/** Front directory, back directory, and libxl's private copy of the latter. */
export interface DeviceDirectories {
  readonly front: string;
  readonly back: string;
  readonly kept: string;
}

export function deviceDirectories(place: DevicePlace): DeviceDirectories {
  const { kind, frontend, handle } = place;
  return {
    front: frontendPath(place),
    back: backendPath(place),
    kept: `/libxl/${frontend}/device/${kind}/${handle}`,
  };
}

/**
 * Writes all three in one transaction, front first. `front` and `back`: the nodes in each beside the path of the other
 * end, in order; `extra` is what is written by hand into the back directory and not kept.
 */
export function writeDeviceNodes(
  store: StoreAccess,
  place: DevicePlace,
  nodes: { readonly front: Nodes; readonly back: Nodes; readonly extra?: Nodes },
): void {
  const { front, back, kept } = deviceDirectories(place);
  const frontPermissions = [`n${place.frontend}`, `r${place.backend}`];
  store.transaction(() => {
    store.remove(kept);
    store.write(`${kept}/${DeviceNode.Frontend}`, front);
    store.write(`${kept}/${DeviceNode.Backend}`, back);
    store.remove(front);
    store.mkdir(front);
    store.setPermissions(front, frontPermissions);
    store.write(`${front}/${DeviceNode.Backend}`, back);
    for (const [node, value] of nodes.front) writeOwned(store, `${front}/${node}`, value, frontPermissions);
    store.remove(back);
    store.mkdir(back);
    store.setPermissions(back, [`n${place.backend}`, `r${place.frontend}`]);
    store.write(`${back}/${DeviceNode.Frontend}`, front);
    for (const [node, value] of nodes.back) store.write(`${back}/${node}`, value);
    for (const [node, value] of nodes.back) store.write(`${kept}/${node}`, value);
    for (const [node, value] of nodes.extra ?? []) store.write(`${back}/${node}`, value);
  });
}

/** Writes a node and says whose it is. */
export function writeOwned(store: StoreAccess, path: string, value: string, permissions: readonly string[]): void {
  store.write(path, value);
  store.setPermissions(path, permissions);
}

/** Removes a directory of a device; the directories above that are left empty go too, up to that of all of its kind. */
export function removeWithEmptyParents(store: StoreAccess, kind: DeviceKind, path: string): void {
  store.remove(path);
  let above = parent(path);
  while (isOfKind(above, kind) && store.list(above)?.length === 0) {
    store.remove(above);
    above = parent(above);
  }
}

function isOfKind(path: string, kind: DeviceKind): boolean {
  return path.endsWith(`/${kind}`) || path.includes(`/${kind}/`);
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
