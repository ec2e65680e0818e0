/**
 * `quiesce explore`: the verdict on one pair of drivers, or one design of the device identity, in one scenario.
 */

import type { BlockScenario } from '../scenarios/block-scenarios.js';
import { BlockWorld } from '../simulator/block-data/world.js';
import { IdentityWorld } from '../simulator/block-identity/world.js';
import { REDUCTIONS } from '../simulator/explore/explore.js';
import type { Pairing } from '../simulator/pairing.js';
import { namesOf, worldOf } from '../simulator/verdict.js';
import { type Arguments, usage } from './arguments.js';
import { blockCase, caseOf, identityCase } from './ci/case.js';
import { CI_OPTIONS, reportToCi } from './ci/report.js';
import type { Command } from './command.js';
import { effortLines } from './effort.js';
import { assertTestFile, EMIT_TEST_OPTIONS, writeFailure } from './emit-test.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { blockOf, blockText, decideBlockTimed, writeBlockSchedule } from './explore-block.js';
import { asksForEvery, exploreEvery, pairingOfEvery } from './explore-every.js';
import { decideIdentityTimed, identityText, writeIdentitySchedule } from './explore-identity.js';
import { asksToCompare, compareReductions, reductionOf } from './explore-reductions.js';
import { DESIGN_OPTIONS, type IdentityPair, identityOf } from './identity-options.js';
import { extentOf, PAIRING_OPTIONS, pairingOf } from './pairing-options.js';
import { ProgressLine } from './progress.js';
import { counted, failureLines, oracleTitle, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';
import { decideTimed, type TimedVerdict } from './timed-verdict.js';

/** More states than fit into the memory of any machine. */
const STATES_MAX = 1e12;

export const exploreCommand: Command = {
  name: 'explore',
  summary: 'explore every schedule of one pair or design in one scenario',
  details: [
    'A FILE is a module whose default export is a driver; with one and without --scenario every situation of',
    'the verdict table is explored.',
    'Explores depth-first; when an oracle fails, breadth-first for a shortest schedule that breaks it.',
    'Exit status 0: it holds over every schedule. 1: an oracle fails. 2: --max-states was reached first.',
  ],
  options: {
    ...PAIRING_OPTIONS,
    ...DESIGN_OPTIONS,
    order: { value: 'dfs|bfs', help: 'search once, in this order' },
    reduction: { value: 'NAME', help: `leave out: ${REDUCTIONS.join('|')}; or compare them` },
    'max-states': { value: 'N', help: 'end, without a proof, when a search has seen N states' },
    out: { value: 'FILE', help: 'write the schedule that breaks it to this file' },
    ...EMIT_TEST_OPTIONS,
    ...CI_OPTIONS,
    json: { help: 'print one JSON document' },
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const block = blockOf(args);
  if (block !== null) return runBlock(block, args, terminal);
  const identity = identityOf(args);
  if (identity !== null) return runIdentity(identity, args, terminal);
  const progress = new ProgressLine(terminal);
  const comparing = asksToCompare(args);
  const reduction = reductionOf(args);
  const search = { order: args.oneOf('order', ['dfs', 'bfs']), reduction, maxStates: maxStatesOf(args), progress };
  const test = args.text('emit-test');
  if (test !== undefined) assertTestFile(test);
  if (comparing && asksForEvery(args)) throw usage('--reduction compare: expected one scenario');
  if (asksForEvery(args)) return exploreEvery(await pairingOfEvery(args), search, args, terminal);
  const pairing = await pairingOf(args);
  const extent = extentOf(args);
  const names = namesOf(pairing, extent);
  const { order, maxStates } = search;
  if (comparing) return compareReductions(() => worldOf(pairing, names), args, maxStates, terminal);
  const verdict = decideTimed(
    pairing,
    {
      ...extent,
      order,
      reduction,
      maxStates,
      onProgress: ({ states, depth }) => progress.show(`${states} states, depth ${depth}`),
    },
    () => terminal.clock(),
  );
  progress.clear();

  writeFailure(verdict.holds ? undefined : { names, verdict }, args, terminal);
  terminal.out(args.flag('json') ? `${JSON.stringify(verdict)}\n` : verdictText(pairing, verdict, terminal));
  reportToCi('explore', args, terminal, () => [caseOf(pairing, names, verdict)]);
  return statusOf(verdict, 'a larger --max-states, --commands N or --grain coarse', maxStates, terminal);
}

function runIdentity(pair: IdentityPair, args: Arguments, terminal: Terminal): ExitStatus {
  if (args.text('emit-test') !== undefined) throw usage('--emit-test: expected a scenario of a pair of drivers');
  const maxStates = maxStatesOf(args);
  const order = args.oneOf('order', ['dfs', 'bfs']);
  const { design, scenario } = pair;
  if (asksToCompare(args))
    return compareReductions(() => new IdentityWorld(design, scenario.setting), args, maxStates, terminal);
  const reduction = reductionOf(args);
  const verdict = decideIdentityTimed(pair, { order, reduction, maxStates }, () => terminal.clock());
  const file = args.text('out');
  if (file !== undefined && !verdict.holds) writeIdentitySchedule(file, verdict);
  terminal.out(args.flag('json') ? `${JSON.stringify(verdict)}\n` : identityText(pair, verdict, terminal));
  reportToCi('explore', args, terminal, () => [identityCase(verdict)]);
  if (file !== undefined && verdict.holds) terminal.err(`quiesce explore: nothing fails, so ${file} is not written\n`);
  return statusOf(verdict, 'a larger --max-states', maxStates, terminal);
}

function runBlock(scenario: BlockScenario, args: Arguments, terminal: Terminal): ExitStatus {
  if (args.text('emit-test') !== undefined) throw usage('--emit-test: expected a scenario of a pair of vTPM drivers');
  const maxStates = maxStatesOf(args);
  if (asksToCompare(args)) return compareReductions(() => new BlockWorld(scenario.options), args, maxStates, terminal);
  const progress = new ProgressLine(terminal);
  const verdict = decideBlockTimed(
    scenario,
    {
      order: args.oneOf('order', ['dfs', 'bfs']),
      reduction: reductionOf(args),
      maxStates,
      onProgress: ({ states, depth }) => progress.show(`${states} states, depth ${depth}`),
    },
    () => terminal.clock(),
  );
  progress.clear();
  const file = args.text('out');
  if (file !== undefined && !verdict.holds) writeBlockSchedule(file, verdict);
  terminal.out(args.flag('json') ? `${JSON.stringify(verdict)}\n` : blockText(scenario, verdict, terminal));
  reportToCi('explore', args, terminal, () => [blockCase(verdict)]);
  if (file !== undefined && verdict.holds) terminal.err(`quiesce explore: nothing fails, so ${file} is not written\n`);
  return statusOf(verdict, 'a larger --max-states', maxStates, terminal);
}

function maxStatesOf(args: Arguments): number | undefined {
  return args.integer('max-states', { minimum: 1, maximum: STATES_MAX });
}

/** `remedy` is what may help where the bound was reached. */
function statusOf(
  { holds, complete }: { readonly holds: boolean; readonly complete: boolean },
  remedy: string,
  maxStates: number | undefined,
  terminal: Terminal,
): ExitStatus {
  if (!holds) return EXIT.fails;
  if (complete) return EXIT.holds;
  const bound = `the bound of ${counted(maxStates ?? 0, 'state')} was reached before every state was seen`;
  terminal.err(`quiesce explore: ${bound}; ${remedy} may help\n`);
  return EXIT.refused;
}

function verdictText({ scenario }: Pairing, verdict: TimedVerdict, terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const { tpmfront, tpmback, oracle, fault, states, schedule, token } = verdict;
  const effort = effortLines(verdict, terminal.columns);
  const lines = [
    colours.bold(scenario.name),
    ...wrapped(scenario.title, terminal.columns),
    `tpmfront ${tpmfront} with tpmback ${tpmback}`,
    '',
  ];
  if (oracle === null) {
    lines.push(
      verdict.complete
        ? `${colours.green('holds')} in every schedule`
        : colours.yellow(`no failure in ${counted(states, 'state')} (not complete)`),
      ...effort,
    );
  } else {
    lines.push(colours.red(`${oracle} fails`), ...wrapped(oracleTitle(oracle), terminal.columns), ...effort, '');
    lines.push(...scheduleLines(schedule, colours), ...failureLines(oracle, fault, colours));
    if (token !== null) lines.push('', 'To replay it:', replayLine(terminal.program, token));
  }
  return `${lines.join('\n')}\n`;
}
