/**
 * Whether a live run is a possible schedule of the simulator.
 */
import type { TracedPart } from '../../../protocol/live-trace.js';
import { findTpmback, findTpmfront } from '../../drivers.js';
import { worldOptions } from '../../pairing.js';
import { formatToken } from '../../token.js';
import { type Scenario, USUAL_DAEMON } from '../../world-options.js';
import type { OracleName } from '../../world-state.js';
import { eventsOf, type LiveEvent } from './events.js';
import { type FollowedLive, followLive } from './follow-live.js';
import { LiveWorld } from './live-world.js';
import { sessionOf } from './session-of.js';

/** The backend of a live system. */
const TPMBACK = 'sequenced';

/** What there is to know of a run before a scenario is chosen for it. */
export interface RunFacts {
  readonly drain: boolean;
  /** Its only suspend was cancelled once the guest had stopped. */
  readonly cancelled: boolean;
  readonly backendDeaths: number;
}

export interface LiveConformOptions {
  readonly scenarioOf: (facts: RunFacts) => Scenario;
  /** Name of the session file that goes with the schedule: for the token. */
  readonly session: string;
  readonly maxTries: number;
  readonly onProgress?: ((reached: number, events: number) => void) | undefined;
}

export interface LivePlace {
  readonly file: string;
  readonly line: number;
  /** The step that is recorded there. */
  readonly recorded: string;
  readonly why: string;
}

export interface LiveConformance {
  readonly accepted: boolean;
  /** False when the search ended at its bound: then nothing is decided. */
  readonly complete: boolean;
  readonly scenario: string;
  readonly tpmfront: string;
  readonly tpmback: string;
  /** Steps in the trace, events that they make, and how many of these the simulator does. */
  readonly steps: number;
  readonly events: number;
  readonly reached: number;
  readonly tried: number;
  /** The first line that the simulator cannot do, and others that it cannot do there either. */
  readonly refused: LivePlace | null;
  readonly others: readonly LivePlace[];
  /** What could have happened there instead. */
  readonly possible: readonly string[];
  /** Oracle that fails in this schedule, though each of its steps is possible. */
  readonly oracle: OracleName | null;
  readonly schedule: readonly string[];
  /** Replays the schedule with the session below; null where it has steps that no scenario has, or commands that no session has. */
  readonly token: string | null;
  /** Lines of a session file with the commands of the run and their answers; null where no session can hold them. */
  readonly session: string | null;
}

/** Throws `BAD_RECORDING` for a trace that cannot be followed, `UNKNOWN_NAME` for one of a driver there is not. */
export function conformLive(parts: readonly TracedPart[], options: LiveConformOptions): LiveConformance {
  const { events, run, steps } = eventsOf(parts);
  const tpmfront = findTpmfront(run.tpmfront);
  const tpmback = findTpmback(TPMBACK);
  const scenario = options.scenarioOf(factsOf(events, run.drain));
  const { session, text } = sessionOf(options.session, events);
  const live = new LiveWorld(worldOptions({ scenario, tpmfront, tpmback, session }));
  const found = followLive(live, events, options);
  const [refused = null, ...others] = placesOf(found);
  const schedule = found.schedule.map(({ name }) => name);
  const names = { scenario: scenario.name, tpmfront: tpmfront.name, tpmback: TPMBACK, session: options.session };
  const ofScenario = schedule.every((name) => !name.startsWith('live/'));
  const replayable = found.accepted && ofScenario && text !== null;
  return {
    accepted: found.accepted,
    complete: found.complete,
    scenario: scenario.name,
    tpmfront: tpmfront.name,
    tpmback: TPMBACK,
    steps,
    events: events.filter(({ open }) => !open).length,
    reached: found.reached,
    tried: found.tried,
    refused,
    others,
    possible: found.possible,
    oracle: found.accepted ? (live.world.failed ?? null) : null,
    schedule,
    token: replayable
      ? formatToken({ ...names, commands: null, grain: 'fine', daemon: USUAL_DAEMON, steps: schedule }, 4)
      : null,
    session: text,
  };
}

function factsOf(events: readonly LiveEvent[], drain: boolean): RunFacts {
  const count = (name: RegExp): number => events.filter((event) => name.test(event.name)).length;
  const suspends = count(/\/request_suspend$/);
  const resumes = count(/^toolstack\/resume /);
  const given = count(/drain_vtpm$|^toolstack\/withdraw /);
  return {
    drain,
    cancelled: suspends === 1 && resumes === 1 && given === 0,
    backendDeaths: count(/^fault\/kill /),
  };
}

/** In the order in which they ended: what takes long is not to be found wanting before what happens in it. */
function placesOf({ refusals }: FollowedLive): readonly LivePlace[] {
  return [...refusals]
    .sort((a, b) => a.event.end - b.event.end)
    .map(({ event: { file, line, name }, why }) => ({ file, line, recorded: name, why }));
}
