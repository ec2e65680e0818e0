/** Where the nodes of virtual disks lie. */
import { type DevicePaths, pathTable } from './device-paths.js';

/** `xvda`: major 202, minor 0, as `major << 8 | minor`. The directory of a virtual disk is named after this number. */
export const XVDA = 51712;

const table = pathTable('vbd');

/** Paths of virtual disk `device` between two domains, by their numbers. */
export function vbdPaths(backend: number, frontend: number, device: number = XVDA): DevicePaths {
  return table(backend, frontend, device);
}
