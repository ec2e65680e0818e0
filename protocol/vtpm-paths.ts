/** Where the nodes of vTPMs lie. */
import { type DevicePaths, pathTable } from './device-paths.js';

const table = pathTable('vtpm');

/** Paths of vTPM 0 between two domains, by their numbers. */
export function vtpmPaths(backend: number, frontend: number): DevicePaths {
  return table(backend, frontend, 0);
}
