/**
 * A backend whose page has less room than a response needs, and which then leaves the page as it is: in SUBMIT, so that
 * it finds the same request there again. Recorded responses would fit into a real page, so its room is made small here.
 */
import type { BackendServices } from '../../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../../backend/tpmback/v2.js';
import type { DONE } from '../../../hypervisor/steps.js';
import { TPM_HEADER_SIZE } from '../../../protocol/tpm/header.js';

export class ShortPageTpmback extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override respond(): string | typeof DONE {
    return this.services.device.state.response_length > TPM_HEADER_SIZE ? 'fetch' : super.respond();
  }
}
