/**
 * A schedule of the simulator as orders to a live system: which of its steps are to be taken in which order. What the
 * live system does in another way is told here, the other way round than in `table.ts`; what it cannot do is refused.
 */
import { QuiesceError } from '../../../protocol/errors.js';
import { CHOICES_MAX } from '../../explore/search.js';
import type { World } from '../../world.js';
import type { OracleName } from '../../world-state.js';

/** What somebody at the controls does: at the beginning, or when its turn has come. */
export type Control = 'suspend' | 'migrate' | 'cancel';

export interface Directives {
  /** Steps of the live system, in order. */
  readonly turns: readonly string[];
  /** For each of them the step of the schedule, counted from 0. */
  readonly steps: readonly number[];
  readonly controls: readonly Control[];
  /** Commands that the user issues. */
  readonly commands: number;
  /** What the simulator says of the schedule. */
  readonly oracle: OracleName | null;
}

interface Rule {
  readonly pattern: RegExp;
  /** The live step; null for none. */
  readonly turn: (name: string) => string | null;
}

const RULES: readonly Rule[] = [
  // The live target is made before the guest suspends; nothing begins there before the end of the transfer.
  { pattern: /^toolstack\.run\/(create_target|restore_memory|restore_vtpm)$/, turn: () => null },
  { pattern: /^toolstack\.run\/create_vtpm$/, turn: () => 'toolstack/release guest2' },
  { pattern: /^toolstack\.run\/unpause_target$/, turn: () => 'toolstack/unpause guest2' },
  // The source is ended once the guest is connected there: nobody can see when.
  { pattern: /^toolstack\.run\/(close_old_source|await_old_source_closed)$/, turn: () => null },
  {
    pattern:
      /^toolstack\.run\/(request_suspend|await_acknowledgement|await_suspend|drain_vtpm|await_drain|save_memory|save_vtpm|await_backend)$/,
    turn: (name) => name,
  },
  { pattern: /^toolstack\.successor\/resume_source$/, turn: () => 'toolstack/resume guest1' },
  { pattern: /^(fault\/kill toolstack|toolstack\/successor starts)$/, turn: (name) => name },
  // What a successor finds it knows by its record.
  { pattern: /^toolstack\.successor\/look$/, turn: () => null },
  { pattern: /^toolstack\.successor\/await_target_closed$/, turn: () => 'toolstack/take away guest2' },
  { pattern: /^supervisor\/restart tpmback1$/, turn: () => 'tpmback1/start' },
  { pattern: /^fault\/kill tpmback1$/, turn: (name) => name },
  { pattern: /^fault\/kill tpmback1 in tpmback1\.serve\/\w+ after store \d+$/, turn: (name) => name },
  { pattern: /^(guest\d\.|tpmback\d[./]|tpm\d\.)/, turn: (name) => name },
];

/** By how the plan ends, and the step in which it does. The live stream goes to no disk that could be full: it ends early. */
const FAILS: { readonly [where: string]: string } = {
  'save-fails in toolstack.run/save_memory': 'fault/stream ends',
  'restore-fails in toolstack.run/restore_memory': 'fault/image refused',
};

/** The first thing that a successor does is to end what is left on the other host. */
const OF_A_SUCCESSOR: { readonly [step: string]: string } = {
  'toolstack.run/close_old_source': 'toolstack/take away guest1',
};

/** Scenarios that the live system can be led through. */
export const DRIVABLE: readonly string[] = [
  'clean-migration',
  'cancelled-suspend',
  'save-fails',
  'restore-fails',
  'backend-restart',
  'toolstack-dies',
  'live-migration',
  'live-cancelled-suspend',
  'live-backend-restart',
  'live-toolstack-dies',
];

/**
 * Follows a schedule, of which `matches` says what its steps are, in a world that is at its beginning. Throws
 * `BAD_SCHEDULE` for one that the world does not have, or that the live system cannot follow.
 */
export function directivesOf(
  world: World,
  recorded: { readonly count: number; matches(step: number, name: string): boolean; describe(step: number): string },
): Directives {
  const turns: string[] = [];
  const steps: number[] = [];
  const choices = new Int32Array(CHOICES_MAX);
  const { slots } = world.machine;
  const { ends } = world.options.scenario.plan;
  const position = (): number => slots[0].guest.user.position + slots[1].guest.user.position;
  world.reducing = false;
  let commands = 0;
  /** Slots of which nobody hears any more. */
  const gone = new Set<string>();
  let cancelled = false;
  let suspended = false;
  let orphaned = false;
  for (let step = 0; step < recorded.count; step++) {
    const count = world.enumerate(choices);
    const choice = choices.subarray(0, count).find((each) => recorded.matches(step, world.describe(each)));
    if (choice === undefined) refuse(step, recorded.describe(step), 'the simulator has no such step here');
    const name = world.describe(choice);
    const before = position();
    world.step(choice);
    const issued = name.endsWith('.user/issue') && position() > before;
    if (issued) commands++;
    suspended ||= name === 'toolstack.run/request_suspend';
    orphaned ||= name === 'fault/kill toolstack';
    cancelled ||= name === 'toolstack.successor/resume_source' && ends === 'cancelled' && !orphaned;
    if (name.startsWith('fault/kill tpmback') && slots[0].device.busy)
      refuse(step, name, 'the TPM would execute on without its backend, and a live TPM ends with it');
    const idle = name.endsWith('.user/issue') && !issued;
    if (idle || gone.has(/^(?:guest|tpmback|tpm)(\d)[./]/.exec(name)?.[1] ?? '')) continue;
    if (name === 'toolstack.run/close_old_source') gone.add('1');
    // A live backend is not asked to close.
    if (name === 'toolstack.successor/look' && !slots[1].domain.running) gone.add('2');
    const rule = RULES.find(({ pattern }) => pattern.test(name));
    if (rule === undefined) refuse(step, name, 'the live system has nothing like it');
    const more = orphaned ? OF_A_SUCCESSOR[name] : FAILS[`${ends} in ${name}`];
    for (const turn of [rule.turn(name), more ?? null]) {
      if (turn === null) continue;
      turns.push(turn);
      steps.push(step);
    }
  }
  const controls: readonly Control[] = !suspended ? [] : cancelled ? ['suspend', 'cancel'] : ['migrate'];
  return { turns, steps, controls, commands, oracle: world.failed ?? null };
}

function refuse(step: number, name: string, why: string): never {
  throw new QuiesceError('BAD_SCHEDULE', `step ${step + 1}, ${name}: expected a step that can be driven: ${why}`);
}
