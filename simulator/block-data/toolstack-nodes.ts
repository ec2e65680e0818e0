/**
 * What the toolstack and the block script write into xenstore for a virtual disk: libxl 4.17 and the stock script as
 * recorded, node by node.
 */
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import { vbdPaths, XVDA } from '../../protocol/vbd-paths.js';
import { backendPath, DeviceNode, frontendPath } from '../../protocol/xenbus.js';
import type { StoreClient } from '../store-client.js';

export interface VbdPlace {
  readonly frontend: number;
  readonly backend: number;
}

export const PARAMS = '/lab/guest/disk.img';

/** Front directory, back directory and libxl's private copy in one transaction, front first. */
export function writeVbdNodes(store: StoreClient, place: VbdPlace): void {
  const { front, back, kept } = directories(place);
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
      [BlkifNode.VirtualDevice, String(XVDA)],
      [BlkifNode.DeviceType, 'disk'],
      ['trusted', '1'],
      [BlkifNode.Protocol, 'x86_64-abi'],
    ] as const) {
      store.write(`${front}/${node}`, value);
      store.setPermissions(`${front}/${node}`, frontPermissions);
    }
    store.remove(back);
    store.mkdir(back);
    store.setPermissions(back, [`n${place.backend}`, `r${place.frontend}`]);
    store.write(`${back}/${DeviceNode.Frontend}`, front);
    const rest = [
      [BlkifNode.Params, PARAMS],
      [BlkifNode.Script, '/etc/xen/scripts/block'],
      [DeviceNode.FrontendId, String(place.frontend)],
      [DeviceNode.Online, '1'],
      ['removable', '0'],
      ['bootable', '1'],
      [DeviceNode.State, '1'],
      ['dev', 'xvda'],
      [BlkifNode.Type, 'phy'],
      [BlkifNode.Mode, 'w'],
      [BlkifNode.DeviceType, 'disk'],
      ['discard-enable', '1'],
      ['specification', 'xen'],
    ] as const;
    for (const [node, value] of rest) store.write(`${back}/${node}`, value);
    for (const [node, value] of rest) store.write(`${kept}/${node}`, value);
  });
}

/** What a block script writes on `add`, one step each, as it calls a tool for each. */
export type ScriptWrites = readonly (readonly [node: string, value: string])[];

/** As the stock script has it. */
export const SCRIPT_WRITES: ScriptWrites = [
  [BlkifNode.LoopNode, '/dev/loop0'],
  ['physical-device', '7:0'],
  ['physical-device-path', '/dev/loop0'],
  [DeviceNode.HotplugStatus, 'connected'],
];

export function writeScriptNode(
  store: StoreClient,
  place: VbdPlace,
  [node, value]: readonly [node: string, value: string],
): void {
  store.write(vbdPaths(place.backend, place.frontend).ownBack(node), value);
}

/** The guest ends or leaves: its directory goes first, and the backend notices. One that has closed is not asked to. */
export function closeVbd(store: StoreClient, place: VbdPlace): void {
  const { front, back } = directories(place);
  store.transaction(() => {
    removeWithEmptyParents(store, front);
    store.write(`${back}/${DeviceNode.Online}`, '0');
    if (store.read(`${back}/${DeviceNode.State}`) !== '6') store.write(`${back}/${DeviceNode.State}`, '5');
  });
}

/** Hot removal: the guest's directory stays, for the guest to close its end. */
export function detachVbd(store: StoreClient, place: VbdPlace): void {
  const { back } = directories(place);
  store.transaction(() => {
    store.write(`${back}/${DeviceNode.Online}`, '0');
    store.write(`${back}/${DeviceNode.State}`, '5');
  });
}

/** Removes what is left of a closed device. */
export function removeVbdNodes(store: StoreClient, place: VbdPlace): void {
  const { front, back, kept } = directories(place);
  store.transaction(() => {
    removeWithEmptyParents(store, front);
    removeWithEmptyParents(store, kept);
    removeWithEmptyParents(store, back);
  });
}

export function vbdState(store: StoreClient, place: VbdPlace): string | null {
  return store.peek(vbdPaths(place.backend, place.frontend).back(DeviceNode.State));
}

function directories({ frontend, backend }: VbdPlace): { front: string; back: string; kept: string } {
  return {
    front: frontendPath({ kind: 'vbd', frontend, handle: XVDA }),
    back: backendPath({ kind: 'vbd', frontend, backend, handle: XVDA }),
    kept: `/libxl/${frontend}/device/vbd/${XVDA}`,
  };
}

/** The directories above that are left empty go too, up to that of all disks. */
function removeWithEmptyParents(store: StoreClient, path: string): void {
  store.remove(path);
  let above = parent(path);
  while (/\/vbd(\/|$)/.test(above) && store.list(above)?.length === 0) {
    store.remove(above);
    above = parent(above);
  }
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
