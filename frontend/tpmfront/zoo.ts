/**
 * Every tpmfront by name.
 */
import { LinuxTpmfront } from './linux.js';
import { NoHookTpmfront } from './no-hook.js';
import { QuiesceTpmfront } from './quiesce.js';
import { ResendTpmfront } from './resend.js';
import { RingHandoffTpmfront } from './ring-handoff.js';
import { SequencedTpmfront } from './sequenced.js';
import type { GuestServices, Tpmfront } from './tpmfront.js';
import { WaitLoopTpmfront } from './v1.js';

export type CreateTpmfront = (services: GuestServices) => Tpmfront;

export const CREATE_TPMFRONT = {
  'wait-loop': (services) => new WaitLoopTpmfront(services),
  resend: (services) => new ResendTpmfront(services),
  'no-hook': (services) => new NoHookTpmfront(services),
  linux: (services) => new LinuxTpmfront(services),
  quiesce: (services) => new QuiesceTpmfront(services),
  'ring-handoff': (services) => new RingHandoffTpmfront(services),
  sequenced: (services) => new SequencedTpmfront(services),
} as const satisfies { readonly [name: string]: CreateTpmfront };

export type TpmfrontName = keyof typeof CREATE_TPMFRONT;
