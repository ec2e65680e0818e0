/**
 * The paths of one vTPM's nodes, made once: drivers ask for the same few again and again, and a string that is always
 * the same object is found in a table without being hashed anew.
 */
import { backendPath, frontendPath } from './xenbus.js';

export interface VtpmPaths {
  /** `/local/domain/<frontend>/device/vtpm/0/<node>` */
  front(node: string): string;
  /** `/local/domain/<backend>/backend/vtpm/<frontend>/0/<node>` */
  back(node: string): string;
  /** `device/vtpm/0/<node>`, relative to the home of the frontend's domain. */
  ownFront(node: string): string;
  /** `backend/vtpm/<frontend>/0/<node>`, relative to the home of the backend's domain. */
  ownBack(node: string): string;
}

const tables: Map<number, VtpmPaths> = new Map();

/** Paths of vTPM 0 between two domains, by their numbers. */
export function vtpmPaths(backend: number, frontend: number): VtpmPaths {
  const key = backend * 0x10000 + frontend;
  let paths = tables.get(key);
  if (paths === undefined) {
    paths = {
      front: within(frontendPath({ frontend, handle: 0 })),
      back: within(backendPath({ backend, frontend, handle: 0 })),
      ownFront: within('device/vtpm/0'),
      ownBack: within(`backend/vtpm/${frontend}/0`),
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
