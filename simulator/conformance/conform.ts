/**
 * Whether a recording of a real Xen is a behaviour that the simulator allows.
 *
 * A recording does not say what the toolstack was told, nor what the user of the TPM waits for; so it is followed
 * through one situation after the other, with either kind of user, until one allows it. The answer is about these
 * situations, the `linux` pair unless another is asked for, and the observables of `observables.ts`.
 */
import { QuiesceError } from '../../protocol/errors.js';
import type { Session, SessionEntry } from '../../protocol/tpm/session.js';
import type { TpmbackEntry, TpmfrontEntry } from '../drivers.js';
import { worldOptions } from '../pairing.js';
import type { Scenario } from '../world-options.js';
import { type Followed, follow } from './follow.js';
import { type Observables, observablesOf } from './observables.js';
import { type Interference, ObservedWorld } from './observed-world.js';
import type { RecordedLine } from './recording.js';

/** What a recording may have been made in. */
export interface Situation {
  readonly scenario: Scenario;
  readonly interference: Interference;
}

export interface ConformOptions {
  readonly situations: readonly Situation[];
  readonly tpmfront: TpmfrontEntry;
  readonly tpmback: TpmbackEntry;
  /** Where the commands of the guest's user come from; they are issued over and over. */
  readonly session: Session;
  /** Each search ends, undecided, when it has seen this many states. */
  readonly maxStates: number;
  readonly onProgress?: ((states: number, reached: number, events: number) => void) | undefined;
}

export interface Conformance {
  readonly allowed: boolean;
  /** False when a search ended at its bound: then a recording that is not allowed may be allowed all the same. */
  readonly complete: boolean;
  /** Observables of the recording, and how many of them the best situation shows. */
  readonly events: number;
  readonly reached: number;
  /** The situation that allows it, or that comes furthest. */
  readonly scenario: string;
  readonly user: 'sleep' | 'block';
  /** Where the simulator cannot follow: the line, what is recorded there, and what could be seen instead. */
  readonly difference: {
    readonly line: number;
    readonly recorded: string;
    readonly possible: readonly string[];
  } | null;
  /** Domain numbers of source and target in the recording; -1 for none. */
  readonly source: number;
  readonly target: number;
  /** Names of the steps of a schedule that gets as far as `reached`. */
  readonly schedule: readonly string[];
  /** Of all searches. */
  readonly states: number;
}

const USERS = ['sleep', 'block'] as const;

/** `file` is for messages. Throws `BAD_RECORDING`, and `USAGE` when the two ends speak different rings. */
export function conform(file: string, lines: readonly RecordedLine[], options: ConformOptions): Conformance {
  const observables = observablesOf(file, lines);
  const { events, roles } = observables;
  const { tpmfront, tpmback, maxStates, onProgress } = options;
  if (events.length > EVENTS_MAX) {
    throw new QuiesceError(
      'BAD_RECORDING',
      `${file}: expected at most ${EVENTS_MAX} observables of the vTPM, found ${events.length}; cut the recording`,
    );
  }
  const session = repeated(options.session, observables.fetched + 1);
  let best: { readonly followed: Followed; readonly scenario: string; readonly user: (typeof USERS)[number] } | null =
    null;
  let states = 0;
  let complete = true;
  for (const { scenario, interference } of situationsFor(options.situations, observables)) {
    for (const user of USERS) {
      const pairing = { scenario, tpmfront, tpmback, session };
      const observed = new ObservedWorld(
        worldOptions(pairing, { user, commands: session.entries.length }),
        interference,
      );
      const followed = follow(observed, events, {
        maxStates,
        onProgress: (count, reached) => onProgress?.(states + count, reached, events.length),
      });
      states += followed.states;
      complete &&= followed.complete;
      if (best === null || followed.reached > best.followed.reached) best = { followed, scenario: scenario.name, user };
      if (followed.reached === events.length) break;
    }
    if (best !== null && best.followed.reached === events.length) break;
  }
  if (best === null) throw new QuiesceError('USAGE', 'expected a situation that the recording may have been made in');
  const { reached, possible, schedule } = best.followed;
  const next = events[reached];
  return {
    allowed: next === undefined,
    complete: next === undefined || complete,
    events: events.length,
    reached,
    scenario: best.scenario,
    user: best.user,
    difference: next === undefined ? null : { line: next.line, recorded: next.text, possible },
    source: roles.source,
    target: roles.target,
    schedule,
    states,
  };
}

/** More than any recording of a few minutes has; each costs a few states. */
const EVENTS_MAX = 20_000;

/** Those that a recording with such observables can have been made in: all others fall at once. */
function situationsFor(situations: readonly Situation[], { created, suspends }: Observables): readonly Situation[] {
  const fitting = situations.filter(
    ({ scenario: { start, plan } }) =>
      start === (created ? 'boot' : 'connected') && suspends === (plan.operation !== 'none'),
  );
  return fitting.length > 0 ? fitting : situations;
}

/** A session of `count` commands: those of `session` but for the first, which starts the TPM, over and over. */
function repeated(session: Session, count: number): Session {
  const [first, ...more] = session.entries;
  const cycle = more.length > 0 ? more : session.entries;
  const entries: SessionEntry[] = first === undefined ? [] : [first];
  while (entries.length < count) {
    const entry = cycle[(entries.length - 1) % cycle.length];
    if (entry === undefined) break;
    entries.push({ ...entry, sequence: entries.length });
  }
  return { name: session.name, entries };
}
