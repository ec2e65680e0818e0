/**
 * The paths of one device's nodes, made once: drivers ask for the same few again and again, and a string that is always
 * the same object is found in a table without being hashed anew.
 */
import { backendPath, type DeviceKind, frontendPath } from './xenbus.js';

export interface DevicePaths {
  /** `/local/domain/<frontend>/device/<kind>/<device>/<node>` */
  front(node: string): string;
  /** `/local/domain/<backend>/backend/<kind>/<frontend>/<device>/<node>` */
  back(node: string): string;
  /** `device/<kind>/<device>/<node>`, relative to the home of the frontend's domain. */
  ownFront(node: string): string;
  /** `backend/<kind>/<frontend>/<device>/<node>`, relative to the home of the backend's domain. */
  ownBack(node: string): string;
}

/** Paths of the devices of one kind between two domains, by their numbers and the device's. */
export type PathsOf = (backend: number, frontend: number, device: number) => DevicePaths;

/** The paths of devices of `kind`, each of them made when it is asked for first. */
export function pathTable(kind: DeviceKind): PathsOf {
  const tables: Map<number, DevicePaths> = new Map();
  return (backend, frontend, device) => {
    // Domain numbers have 15 bits, device numbers fewer than 23.
    const key = (backend * 0x8000 + frontend) * 0x800000 + device;
    let paths = tables.get(key);
    if (paths === undefined) {
      paths = {
        front: within(frontendPath({ kind, frontend, handle: device })),
        back: within(backendPath({ kind, backend, frontend, handle: device })),
        ownFront: within(`device/${kind}/${device}`),
        ownBack: within(`backend/${kind}/${frontend}/${device}`),
      };
      tables.set(key, paths);
    }
    return paths;
  };
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
