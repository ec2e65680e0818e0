/**
 * What a soak does round after round: each part dies in each phase of a migration, at rest and while the guest is
 * suspended; connections break, migrations are cancelled, and two parts die at once. One plan has every class once, in an
 * order and with moments that are drawn from the seed; with a TPM that is a process it has a hundred rounds.
 */
import type { Seeded } from './seeded.js';

/** What a migration tells of itself when a phase begins, in order. */
export const PHASES = ['is prepared', 'suspends', 'quiesces', 'are sent', 'goes on on'] as const;
export type Phase = (typeof PHASES)[number];

/** Parts of the host with the guest, and those that are on no host. */
const OWN = ['hypervisor', 'xenstored', 'backend', 'guest', 'user', 'toolstack'] as const;
/** Of the host to which the guest moves. */
const OTHER = ['other/hypervisor', 'other/xenstored', 'other/backend', 'other/guest'] as const;
const TPM = 'tpm';

/** A part as `live kill` knows it; `other/` stands for the host without the guest. */
export type Victim = (typeof OWN)[number] | (typeof OTHER)[number] | typeof TPM;

/** `milliseconds` are those after the beginning of the phase. */
export type Plan =
  | { readonly situation: 'rest' | 'suspended'; readonly victim: Victim }
  | {
      readonly situation: 'migrating';
      readonly victims: readonly Victim[];
      readonly phase: Phase;
      readonly milliseconds: number;
    }
  | { readonly situation: 'cancelled'; readonly phase: Phase; readonly milliseconds: number }
  | { readonly situation: 'cut'; readonly bytes: number }
  | { readonly situation: 'moved' };

/** A kill falls within this time after a phase has begun; the next one has mostly begun by then. */
const MOMENT_MILLISECONDS = 20;
const CUTS = 12;
/** Of them, those within the header and the first page. */
const EARLY_CUTS = 4;
const EARLY_BYTES = 4200;
/** A guest without more memory than it needs, and its TPM, take about as many. */
const PAGES_BYTES = 180_000;
const PAIRS = 10;
const MOVES = 4;

/** `tpmProcess`: the TPM is a process that can be killed. */
export function drawPlans(random: Seeded, tpmProcess: boolean): readonly Plan[] {
  const own: readonly Victim[] = tpmProcess ? [...OWN, TPM] : OWN;
  const all: readonly Victim[] = [...own, ...OTHER];
  const moment = (): { readonly milliseconds: number } => ({ milliseconds: random.below(MOMENT_MILLISECONDS) });
  const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const plans: readonly Plan[] = [
    ...own.map((victim) => ({ situation: 'rest', victim }) as const),
    ...own.map((victim) => ({ situation: 'suspended', victim }) as const),
    ...PHASES.flatMap((phase) =>
      all.map((victim) => ({ situation: 'migrating', victims: [victim], phase, ...moment() }) as const),
    ),
    ...times(PAIRS, () => {
      const victims = [random.pick(all), random.pick(all)];
      return { situation: 'migrating', victims, phase: random.pick(PHASES), ...moment() } as const;
    }),
    ...PHASES.map((phase) => ({ situation: 'cancelled', phase, ...moment() }) as const),
    ...times(
      CUTS,
      (i) => ({ situation: 'cut', bytes: random.below(i < EARLY_CUTS ? EARLY_BYTES : PAGES_BYTES) }) as const,
    ),
    ...times(MOVES, () => ({ situation: 'moved' }) as const),
  ];
  return shuffled(random, plans);
}

/** For a person. */
export function planText(plan: Plan): string {
  switch (plan.situation) {
    case 'rest':
      return `kill ${plan.victim}`;
    case 'suspended':
      return `kill ${plan.victim} while suspended`;
    case 'migrating':
      return `kill ${plan.victims.join(' and ')} ${plan.milliseconds} ms after "${plan.phase}"`;
    case 'cancelled':
      return `cancel ${plan.milliseconds} ms after "${plan.phase}"`;
    case 'cut':
      return `connection cut after ${plan.bytes} bytes`;
    case 'moved':
      return 'migrate';
  }
}

/** Fisher and Yates. */
function shuffled<T>(random: Seeded, values: readonly T[]): readonly T[] {
  const left = [...values];
  const drawn: T[] = [];
  while (left.length > 0) drawn.push(...left.splice(random.below(left.length), 1));
  return drawn;
}
