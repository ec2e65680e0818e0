/** The directories of the vTPM that a tpmback serves. */
import { vtpmPaths } from '../../protocol/vtpm-paths.js';
import { DeviceDirectory } from '../device-directory.js';
import type { BackendServices } from './tpmback.js';

export class VtpmDirectory extends DeviceDirectory {
  constructor({ store, domain, frontendDomid }: BackendServices) {
    super(store, domain.domid, () => vtpmPaths(domain.domid, frontendDomid()));
  }
}
