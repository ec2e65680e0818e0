/**
 * A tpmfront without any suspend hook, as proposed when the hook was to be removed altogether.
 *
 * It goes on after a resume as if only the ring had changed: it neither waits for the command in flight before the
 * domain is saved nor asks what became of it. So the domain and the device are saved on two sides of a command.
 */
import type { GuestServices } from './tpmfront.js';
import { V2Tpmfront } from './v2.js';

export class NoHookTpmfront extends V2Tpmfront {
  readonly name = 'no-hook';

  constructor(services: GuestServices) {
    super(services, 'no-hook', {});
  }
}
