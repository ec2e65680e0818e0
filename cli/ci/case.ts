/**
 * One checked thing as the outputs for continuous integration see it, whichever command checked it.
 */

import { isDriverFile } from '../../library/driver-file.js';
import { readText } from '../../library/files.js';
import { BlockWorld } from '../../simulator/block-data/world.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { formatMermaid } from '../../simulator/mermaid.js';
import type { Pairing } from '../../simulator/pairing.js';
import { replay, stepsByName } from '../../simulator/replay.js';
import type { WorldNames } from '../../simulator/schedule.js';
import { type AnyTraceHeader, type Recordable, Recorder } from '../../simulator/trace.js';
import { worldOf } from '../../simulator/verdict.js';
import type { OracleName } from '../../simulator/world-state.js';
import { findBlock, type TimedBlockVerdict } from '../explore-block.js';
import type { TimedIdentityVerdict } from '../explore-identity.js';
import { findIdentity } from '../identity-options.js';
import { counted, daemonText } from '../schedule-text.js';
import type { TimedVerdict } from '../timed-verdict.js';

export interface CiCase {
  /** What was checked, `tpmfront X with tpmback Y`. */
  readonly subject: string;
  readonly scenario: string;
  readonly seconds: number;
  /** Undecided: the bound was reached before every state was seen. */
  readonly outcome: 'passes' | 'fails' | 'undecided';
  /** The verdict in one line; what was expected, where that is something else. */
  readonly summary: string;
  readonly oracle: OracleName | null;
  readonly fault: string | null;
  /** Names of the steps to the failure; empty when there is none. */
  readonly schedule: readonly string[];
  readonly token: string | null;
  readonly sources: readonly DriverSource[];
  /** A Mermaid diagram of the schedule; null when there is none. Made when asked for. */
  diagram(): string | null;
}

/** A driver file that takes part. */
export interface DriverSource {
  readonly end: 'tpmfront' | 'tpmback';
  /** As it was given, from the working directory. */
  readonly file: string;
  readonly text: string;
}

/** The case of a verdict that is good when the pair holds. */
export function caseOf(pairing: Pairing, names: WorldNames, verdict: TimedVerdict): CiCase {
  const { scenario, tpmfront, tpmback } = verdict;
  return {
    ...judgedAlone(verdict),
    subject: `tpmfront ${tpmfront} with tpmback ${tpmback}`,
    scenario,
    sources: sourcesOf(names),
    diagram: () => diagramOf(worldOf(pairing, names), { trace: 1, seed: null, ...names }, verdict.schedule),
  };
}

/** The case of a verdict on a design of the device identity, good when the design holds. */
export function identityCase(verdict: TimedIdentityVerdict): CiCase {
  const { scenario, design, daemon, schedule } = verdict;
  const world = (): IdentityWorld => new IdentityWorld(design, findIdentity(scenario, daemon).setting);
  return {
    ...judgedAlone(verdict),
    subject: `design ${design}${daemonText(daemon)}`,
    scenario,
    sources: [],
    diagram: () => diagramOf(world(), { trace: 1, seed: null, scenario, design }, schedule),
  };
}

/** The case of a verdict on a block pair, good when the pair holds. */
export function blockCase(verdict: TimedBlockVerdict): CiCase {
  const { scenario, blkfront, blkback, daemon, schedule } = verdict;
  const world = (): BlockWorld => new BlockWorld(findBlock(scenario, daemon).options);
  return {
    ...judgedAlone(verdict),
    subject: `blkfront ${blkfront} with blkback ${blkback}${daemonText(daemon)}`,
    scenario,
    sources: [],
    diagram: () => diagramOf(world(), { trace: 1, seed: null, scenario, blkfront }, schedule),
  };
}

type Judged = Pick<
  TimedVerdict,
  'holds' | 'complete' | 'oracle' | 'fault' | 'states' | 'seconds' | 'schedule' | 'token'
>;

function judgedAlone(verdict: Judged): Omit<CiCase, 'subject' | 'scenario' | 'sources' | 'diagram'> {
  const { holds, complete, oracle, fault, states, seconds, schedule, token } = verdict;
  const undecided = `no failure in ${counted(states, 'state')}, but not every state was seen`;
  const good = complete ? `holds in ${counted(states, 'state')}` : undecided;
  return {
    seconds,
    outcome: holds ? (complete ? 'passes' : 'undecided') : 'fails',
    summary: oracle === null ? good : `${oracle} fails after ${counted(schedule.length, 'step')}`,
    oracle,
    fault,
    schedule,
    token,
  };
}

function sourcesOf({ tpmfront, tpmback }: WorldNames): readonly DriverSource[] {
  const ends = [
    { end: 'tpmfront', file: tpmfront },
    { end: 'tpmback', file: tpmback },
  ] as const;
  return ends.filter(({ file }) => isDriverFile(file)).map((source) => ({ ...source, text: readText(source.file) }));
}

function diagramOf(world: Recordable, header: AnyTraceHeader, schedule: readonly string[]): string | null {
  if (schedule.length === 0) return null;
  const recorder = new Recorder(world);
  const { holds, oracle, quiescent } = replay(world, stepsByName(schedule), (choice) => recorder.take(choice));
  return formatMermaid({ header, steps: recorder.steps, end: { holds, oracle, quiescent } });
}
