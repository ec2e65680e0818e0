/**
 * `explore` against SPIN on the sequenced pair, on one core in turns. What the model of SPIN has and what it lacks is
 * said in bench/spin/README.md.
 */

import { explore, type Reduction } from '../simulator/explore/explore.js';
import { median, print, spread, thousands } from './figures.js';
import { type Situation, sequencedPair } from './sequenced-pair.js';
import { missingSpin, Pan, type PanRun } from './spin/pan.js';

const ROUNDS = 5;
/** The program learns what is hot: explorations do not count for so long, as it goes on learning for a hundred short ones. */
const WARM_UP_SECONDS = 8;
const WHOLE = ['-DSAFETY', '-DNOREDUCE'];

export function benchSpin(): void {
  const missing = missingSpin();
  if (missing.length > 0) {
    print(`not measured: ${missing.join(' and ')} not found; apt-get install spin gcc`);
    return;
  }
  print(
    `explore against SPIN's pan -O3 on the sequenced pair, one core, median [min .. max] of ${ROUNDS} rounds in turns`,
  );
  situation({ scenario: 'clean-migration', commands: 8, bits: 20, defines: [], repeats: 1 });
  situation({ scenario: 'cancelled-suspend', commands: 200, bits: 17, defines: ['CANCEL'], repeats: 10 });
}

interface Row {
  readonly name: string;
  readonly run: () => PanRun;
  readonly runs: PanRun[];
}

interface Case {
  readonly scenario: Situation;
  readonly commands: number;
  /** Of pan's table: 2^`bits` states. */
  readonly bits: number;
  readonly defines: readonly string[];
  /** Whole searches of each side, one after the other, that make one measurement: a single one of 50 ms says little. */
  readonly repeats: number;
}

function situation({ scenario, commands, bits, defines, repeats }: Case): void {
  const model = [`COMMANDS=${commands}`, ...defines];
  const pans = [WHOLE, [...WHOLE, '-DHC4'], ['-DSAFETY']].map((flags) => new Pan(model, flags));
  const [exact, compact, reducing] = pans as [Pan, Pan, Pan];
  const row = (name: string, run: () => PanRun): Row => ({ name, run: () => repeated(repeats, run), runs: [] });
  const ours = row('explore', () => ourRun(scenario, commands, 'none'));
  const theirs = row('pan', () => exact.run(bits));
  const oursReduced = row('explore', () => ourRun(scenario, commands));
  const theirsReduced = row('pan', () => reducing.run(bits));
  const rows = [ours, theirs, row('pan -DHC4', () => compact.run(bits)), oursReduced, theirsReduced];
  for (let seconds = 0; seconds < WARM_UP_SECONDS; )
    seconds += ourRun(scenario, commands, 'none').seconds + ourRun(scenario, commands).seconds;
  try {
    for (let round = 0; round < ROUNDS; round++) for (const { run, runs } of rows) runs.push(run());
  } finally {
    for (const pan of pans) pan.close();
  }
  print('');
  print(`${scenario}, ${commands} commands: the whole graph, transitions for a second of the processor`);
  for (const one of rows.slice(0, 3)) print(`  ${speedOf(one)}`);
  print(`  ${'ratio'.padEnd(12)}${spread(ratios(ours, theirs), times)}   of explore to pan`);
  print(`${scenario}, ${commands} commands: each with its reduction, seconds of the processor to the verdict`);
  for (const one of rows.slice(3)) print(`  ${secondsOf(one)}`);
  const faster = theirsReduced.runs.map(({ seconds }, round) => seconds / (oursReduced.runs[round] as PanRun).seconds);
  print(`  ${'ratio'.padEnd(12)}${spread(faster, times)}   of pan to explore`);
}

function ourRun(scenario: Situation, commands: number, reduction?: Reduction): PanRun {
  const start = process.cpuUsage();
  const world = sequencedPair(scenario, commands);
  const { states, transitions, holds } = explore(world, { order: 'dfs', reduction });
  const { user, system } = process.cpuUsage(start);
  return { states, transitions, holds, seconds: (user + system) / 1e6 };
}

/** The same some times: seconds are those of one. */
function repeated(times: number, run: () => PanRun): PanRun {
  const runs = Array.from({ length: times }, run);
  const seconds = runs.reduce((sum, one) => sum + one.seconds, 0) / times;
  return { ...(runs[0] as PanRun), seconds };
}

function ratios(ours: Row, theirs: Row): readonly number[] {
  return ours.runs.map((run, round) => rate(run) / rate(theirs.runs[round] as PanRun));
}

function rate({ transitions, seconds }: PanRun): number {
  return transitions / seconds;
}

function speedOf({ name, runs }: Row): string {
  return `${name.padEnd(12)}${spread(runs.map(rate), thousands)}   ${countsOf(runs)}`;
}

function secondsOf({ name, runs }: Row): string {
  const seconds = runs.map((run) => run.seconds);
  return `${name.padEnd(12)}${median(seconds).toFixed(3).padStart(7)} s   ${countsOf(runs)}`;
}

function countsOf(runs: readonly PanRun[]): string {
  const [first] = runs;
  return first === undefined
    ? ''
    : `${first.states} states, ${first.transitions} transitions, ${first.holds ? 'holds' : 'fails'}`;
}

function times(value: number): string {
  return `${value.toFixed(2)}x`;
}
