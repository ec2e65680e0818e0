/**
 * `quiesce conform`: whether a recording of a real Xen is a behaviour that the simulator allows.
 */
import { readText } from '../library/files.js';
import { loadSession } from '../library/sessions.js';
import { RECORDED_SITUATIONS } from '../scenarios/recorded-situations.js';
import { type Conformance, conform } from '../simulator/conformance/conform.js';
import { parseRecording } from '../simulator/conformance/recording.js';
import { find, findTpmback, findTpmfront } from '../simulator/drivers.js';
import type { Arguments } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { ProgressLine } from './progress.js';
import { counted, wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';

/** The driver of the guests that were recorded. */
const USUAL_TPMFRONT = 'linux';
/** Ten times what the largest recording of the tests needs. */
const USUAL_STATES = 500_000;
const STATES_MAX = 1e9;

export const conformCommand: Command = {
  name: 'conform',
  summary: 'whether a recording of a real Xen is a behaviour the simulator allows',
  details: [
    'Searches for a schedule that shows what was recorded, in one situation after the',
    'other. Seen are changes of the nodes of the vTPM and of control/shutdown, and what',
    'the backend does with the ring page; block devices, times and all else are ignored.',
    'Exit status 0: allowed. 1: not allowed. 2: bad input, or --max-states was reached.',
  ],
  options: {
    scenario: { value: 'NAME', help: 'follow it through this situation only' },
    tpmfront: { value: 'NAME', help: `the frontend (${USUAL_TPMFRONT})` },
    tpmback: { value: 'NAME', help: 'the backend (the one the frontend was made for)' },
    'max-states': { value: 'N', help: `end a search that has seen N states (${USUAL_STATES})` },
    json: { help: 'print one JSON document' },
  },
  words: ['RECORDING'],
  required: 1,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const [file = ''] = args.words;
  const name = args.text('scenario');
  const named = RECORDED_SITUATIONS.map((situation) => ({ ...situation, name: situation.scenario.name }));
  const tpmfront = findTpmfront(args.text('tpmfront') ?? USUAL_TPMFRONT);
  const maxStates = args.integer('max-states', { minimum: 1, maximum: STATES_MAX }) ?? USUAL_STATES;
  const situations = name === undefined ? named : [find('scenario of a recording', named, name)];
  const tpmback = findTpmback(args.text('tpmback') ?? tpmfront.tpmback);
  const progress = new ProgressLine(terminal);
  const found = conform(file, parseRecording(file, readText(file)), {
    situations,
    tpmfront,
    tpmback,
    session: loadSession(),
    maxStates,
    onProgress: (states, reached, events) => progress.show(`${states} states, ${reached} of ${events} observables`),
  });
  progress.clear();
  terminal.out(args.flag('json') ? `${JSON.stringify({ file, ...found })}\n` : textOf(file, found, terminal));
  if (found.allowed) return EXIT.holds;
  if (found.complete) return EXIT.fails;
  terminal.err(
    `quiesce conform: the bound of ${counted(maxStates, 'state')} was reached; a larger --max-states may help\n`,
  );
  return EXIT.refused;
}

function textOf(file: string, found: Conformance, terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const { allowed, complete, events, reached, scenario, user, difference, source, target, states } = found;
  const domain = (domid: number): string => (domid < 0 ? 'none' : String(domid));
  const lines = [
    colours.bold(file),
    `source domain ${domain(source)}, target domain ${domain(target)}; ${counted(events, 'observable')}`,
    '',
  ];
  if (difference === null) {
    lines.push(`${colours.green('allowed')} in ${scenario}, by a user that ${USER_TEXT[user]}`);
  } else {
    const verdict = complete ? colours.red('not allowed') : colours.yellow('undecided');
    lines.push(
      `${verdict}: ${reached} of ${counted(events, 'observable')} in ${scenario}, then`,
      ...wrapped(`line ${difference.line}: ${difference.recorded}`, terminal.columns, '  '),
      difference.possible.length === 0 ? 'The simulator shows nothing more.' : 'The simulator could show:',
      ...difference.possible.flatMap((text) => wrapped(`  ${text}`, terminal.columns, '    ')),
    );
  }
  lines.push(`${counted(states, 'state')}${allowed ? '' : ', all situations together'}`);
  return `${lines.join('\n')}\n`;
}

const USER_TEXT = { sleep: 'sleeps while it waits', block: 'blocks while it waits' } as const;
