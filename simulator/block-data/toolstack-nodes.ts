/**
 * What the toolstack and the block script write into xenstore for a virtual disk: libxl 4.17 and the stock script as
 * recorded, node by node.
 */
import {
  type DevicePlace,
  deviceDirectories,
  removeWithEmptyParents,
  writeDeviceNodes,
} from '../../backend/device-nodes.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import { vbdPaths, XVDA } from '../../protocol/vbd-paths.js';
import { DeviceNode } from '../../protocol/xenbus.js';
import type { StoreClient } from '../store-client.js';

export interface VbdPlace {
  readonly frontend: number;
  readonly backend: number;
}

export const PARAMS = '/lab/guest/disk.img';

export function writeVbdNodes(store: StoreClient, place: VbdPlace): void {
  writeDeviceNodes(store, vbdDevice(place), {
    front: [
      [DeviceNode.BackendId, String(place.backend)],
      [DeviceNode.State, '1'],
      [BlkifNode.VirtualDevice, String(XVDA)],
      [BlkifNode.DeviceType, 'disk'],
      ['trusted', '1'],
      [BlkifNode.Protocol, 'x86_64-abi'],
    ],
    back: [
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
    ],
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
  const { front, back } = deviceDirectories(vbdDevice(place));
  store.transaction(() => {
    removeWithEmptyParents(store, 'vbd', front);
    store.write(`${back}/${DeviceNode.Online}`, '0');
    if (store.read(`${back}/${DeviceNode.State}`) !== '6') store.write(`${back}/${DeviceNode.State}`, '5');
  });
}

/** Hot removal: the guest's directory stays, for the guest to close its end. */
export function detachVbd(store: StoreClient, place: VbdPlace): void {
  const { back } = deviceDirectories(vbdDevice(place));
  store.transaction(() => {
    store.write(`${back}/${DeviceNode.Online}`, '0');
    store.write(`${back}/${DeviceNode.State}`, '5');
  });
}

/** Removes what is left of a closed device. */
export function removeVbdNodes(store: StoreClient, place: VbdPlace): void {
  const { front, back, kept } = deviceDirectories(vbdDevice(place));
  store.transaction(() => {
    removeWithEmptyParents(store, 'vbd', front);
    removeWithEmptyParents(store, 'vbd', kept);
    removeWithEmptyParents(store, 'vbd', back);
  });
}

export function vbdState(store: StoreClient, place: VbdPlace): string | null {
  return store.peek(vbdPaths(place.backend, place.frontend).back(DeviceNode.State));
}

function vbdDevice({ frontend, backend }: VbdPlace): DevicePlace {
  return { kind: 'vbd', frontend, backend, handle: XVDA };
}
