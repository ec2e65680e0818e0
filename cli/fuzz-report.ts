/**
 * What a campaign has found, as text and as JSON. Neither says how long it took or how many workers there were, so the
 * same campaign gives the same bytes.
 */
import { isDriverFile } from '../library/driver-file.js';
import { driverError } from '../library/driver-rules.js';
import { packageVersion } from '../library/package-root.js';
import type { LengthProof } from '../simulator/explore/shortest.js';
import type { CampaignFigures, FailureClass } from '../simulator/fuzz/campaign.js';
import type { FoundDifference } from '../simulator/fuzz/shard.js';
import type { Shrunk } from '../simulator/fuzz/shrink.js';
import { parseToken } from '../simulator/token.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { counted, failureLines, oracleTitle, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { type Colours, coloursOf, type Terminal } from './terminal.js';

export interface FuzzReport {
  /** Where it was done in shards: the campaign's id, and their number. */
  readonly shared?: { readonly campaign: string; readonly shards: number };
  readonly seed: number;
  readonly figures: CampaignFigures;
  readonly failures: readonly FailureClass[];
  /** For each failure, in the same order. */
  readonly shrunk: readonly Shrunk[];
  readonly differences: readonly FoundDifference[];
}

const PROOFS: Readonly<Record<LengthProof, string>> = {
  shortest: 'there is no shorter one',
  'shortest-kept': 'no shorter one among those that the reduction keeps',
  unknown: 'whether there is a shorter one was not settled',
};

/** Prints the report, and says what it comes to. */
export function printReport(report: FuzzReport, json: boolean, terminal: Terminal): ExitStatus {
  terminal.out(json ? reportJson(packageVersion(), report) : reportText(report, terminal));
  if (report.differences.length > 0) return EXIT.fault;
  return report.failures.length > 0 ? EXIT.fails : EXIT.holds;
}

function reportJson(version: string, { shared, seed, figures, failures, shrunk, differences }: FuzzReport): string {
  const document = {
    version,
    ...shared,
    seed,
    ...figures,
    failures: failures.map(({ tpmfront, tpmback, oracle, run, count, scenarios }, index) => {
      const { names, fault, steps, token, foundSteps, tries, proof, states } = shrunk[index] as Shrunk;
      const { scenario, session, commands, grain, daemon } = names;
      const seen = Object.fromEntries([...scenarios].sort(([a], [b]) => (a < b ? -1 : 1)));
      const smallest = { scenario, session, commands, grain, daemon, fault, schedule: steps, token };
      return {
        tpmfront,
        tpmback,
        oracle,
        firstRun: run,
        runs: count,
        seen,
        ...smallest,
        foundSteps,
        tries,
        proof,
        states,
      };
    }),
    differences,
  };
  return `${JSON.stringify(document)}\n`;
}

function reportText({ shared, seed, figures, failures, shrunk, differences }: FuzzReport, terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const { runs, steps, states, features, unseen, corpus, checked, strategies } = figures;
  const { walk, pct, mutate } = strategies;
  const lines = [
    `${colours.bold(shared === undefined ? 'fuzz' : 'campaign')}: ${counted(runs, 'run')}, ${counted(steps, 'step')}, seed ${seed}`,
    ...(shared === undefined ? [] : [`done in ${counted(shared.shards, 'shard')}, id ${shared.campaign}`]),
    `runs: ${walk} random, ${pct} by priorities, ${mutate} like earlier ones`,
    `shown: about ${counted(states, 'state')}, ${features} pairs and orderings of steps; corpus: ${corpus}`,
    `the next run shows a new pair or ordering with a probability of about ${unseen.toPrecision(2)}`,
    differences.length === 0
      ? `${counted(checked, 'run')} taken twice: the same both times`
      : colours.red(`${counted(checked, 'run')} taken twice: ${differences.length} not the same both times`),
  ];
  for (const difference of differences.slice(0, 1)) lines.push(...differenceLines(difference, terminal));
  if (failures.length === 0) lines.push('', `${colours.green('no failure')} in these runs, which is no proof`);
  failures.forEach((failure, index) => {
    lines.push('', ...failureText(failure, shrunk[index] as Shrunk, colours, terminal));
  });
  return `${lines.join('\n')}\n`;
}

function differenceLines({ run, step, name, what, token }: FoundDifference, terminal: Terminal): readonly string[] {
  const { tpmfront, tpmback } = parseToken(token);
  const own = [tpmfront, tpmback].filter(isDriverFile).join(' with ');
  const where = `run ${run}, step ${step}${name === '' ? '' : ` (${name})`}`;
  const why =
    own === ''
      ? 'A driver that keeps state outside its memory, or asks a clock, does that.'
      : driverError(own, 'memory', 'a run that is taken twice is not the same both times').message;
  return [
    ...wrapped(`${where}: ${what}.`, terminal.columns),
    ...wrapped(why, terminal.columns),
    'To replay it:',
    replayLine(terminal.program, token),
  ];
}

function failureText(failure: FailureClass, shrunk: Shrunk, colours: Colours, terminal: Terminal): readonly string[] {
  const { tpmfront, tpmback, oracle, count, scenarios } = failure;
  const { names, steps, foundSteps, proof, fault, token } = shrunk;
  const seen = [...scenarios]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, runs]) => `${name} ${runs}`)
    .join(', ');
  const commands = names.commands === null ? 'all commands' : counted(names.commands, 'command');
  const from = steps.length === foundSteps ? '' : `, found with ${foundSteps}`;
  return [
    `${colours.bold(`tpmfront ${tpmfront} with tpmback ${tpmback}`)}: ${colours.red(`${oracle} fails`)}`,
    ...wrapped(oracleTitle(oracle), terminal.columns),
    ...wrapped(`in ${counted(count, 'run')}: ${seen}`, terminal.columns),
    `${names.scenario}`,
    `${commands} of ${names.session}, xenstored ${names.daemon}, ${names.grain} grain`,
    ...wrapped(`a schedule of ${counted(steps.length, 'step')}${from}; ${PROOFS[proof]}:`, terminal.columns),
    '',
    ...scheduleLines(steps, colours),
    ...failureLines(oracle, fault, colours),
    '',
    'To replay it:',
    replayLine(terminal.program, token),
  ];
}
