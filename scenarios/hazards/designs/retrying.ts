/**
 * The 2006 driver under a caller that sends a command again when TPM_FAIL is the answer.
 */
import type { GuestServices } from '../../../frontend/tpmfront/tpmfront.js';
import { WaitLoopTpmfront } from '../../../frontend/tpmfront/v1.js';

/** TPM_FAIL of TPM 1.2, in the last byte of the header. */
const TPM_FAIL = 9;
const RESULT_OFFSET = 9;

export function retrying(services: GuestServices): WaitLoopTpmfront {
  const front: WaitLoopTpmfront = new WaitLoopTpmfront({
    ...services,
    complete(address, length) {
      if (services.memory.read8(address + RESULT_OFFSET) === TPM_FAIL) front.submit(front.state.command);
      else services.complete(address, length);
    },
  });
  return front;
}
