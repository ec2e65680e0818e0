/**
 * The paths of one virtual disk's nodes, made once: drivers ask for the same few again and again, and a string that is
 * always the same object is found in a table without being hashed anew.
 */
import { backendPath, frontendPath } from './xenbus.js';

/** `xvda`: major 202, minor 0, as `major << 8 | minor`. The directory of a virtual disk is named after this number. */
export const XVDA = 51712;

export interface VbdPaths {
  /** `/local/domain/<frontend>/device/vbd/<device>/<node>` */
  front(node: string): string;
  /** `/local/domain/<backend>/backend/vbd/<frontend>/<device>/<node>` */
  back(node: string): string;
  /** `device/vbd/<device>/<node>`, relative to the home of the frontend's domain. */
  ownFront(node: string): string;
  /** `backend/vbd/<frontend>/<device>/<node>`, relative to the home of the backend's domain. */
  ownBack(node: string): string;
}

const tables: Map<number, VbdPaths> = new Map();

/** Paths of virtual disk `device` between two domains, by their numbers. */
export function vbdPaths(backend: number, frontend: number, device: number = XVDA): VbdPaths {
  // Domain numbers have 15 bits, device numbers fewer than 23.
  const key = (backend * 0x8000 + frontend) * 0x800000 + device;
  let paths = tables.get(key);
  if (paths === undefined) {
    paths = {
      front: within(frontendPath({ kind: 'vbd', frontend, handle: device })),
      back: within(backendPath({ kind: 'vbd', backend, frontend, handle: device })),
      ownFront: within(`device/vbd/${device}`),
      ownBack: within(`backend/vbd/${frontend}/${device}`),
    };
    tables.set(key, paths);
  }
  return paths;
}

function within(directory: string): (node: string) => string {
  const paths: Map<string, string> = new Map();
  return (node) => {
    let path = paths.get(node);
    if (path === undefined) {
      path = `${directory}/${node}`;
      paths.set(node, path);
    }
    return path;
  };
}
