/**
 * `quiesce live conform`: whether a live run is a possible schedule of the simulator.
 */
import { basename } from 'node:path';
import { writeWhole } from '../library/files.js';
import { readLiveTrace } from '../library/live-trace.js';
import { liveScenario } from '../scenarios/live-scenarios.js';
import { conformLive, type LiveConformance, type LivePlace } from '../simulator/conformance/live/conform-live.js';
import { varied } from '../simulator/scenario-variation.js';
import { formatSchedule } from '../simulator/schedule.js';
import { USUAL_DAEMON } from '../simulator/world-options.js';
import { type Arguments, usage } from './arguments.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { ProgressLine } from './progress.js';
import { counted, wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';

/** Enough for the whole search below one mistake in a trace of minutes. */
const USUAL_TRIES = 2_000_000;
const TRIES_MAX = 1e9;
const POSSIBLE_SHOWN_MAX = 12;
const OTHERS_SHOWN_MAX = 4;
/** More than this many deaths of a backend no name of a scenario can tell. */
const DEATHS_MAX = 3;

export function runLiveConform(directory: string, args: Arguments, terminal: Terminal): ExitStatus {
  const maxTries = args.integer('max-tries', { minimum: 1, maximum: TRIES_MAX }) ?? USUAL_TRIES;
  const out = args.text('out');
  if (out?.trim() === '') throw usage('--out: expected the name of a file');
  const { parts, lost } = readLiveTrace(directory);
  const progress = new ProgressLine(terminal);
  const session = `${out ?? 'live'}.session.jsonl`;
  const found = conformLive(parts, {
    scenarioOf: ({ drain, cancelled, backendDeaths }) =>
      varied(liveScenario({ drain, cancelled }), { backendKills: backendDeaths }),
    session: session.includes('/') ? session : `./${session}`,
    maxTries,
    onProgress: (reached, events) => progress.show(`${reached} of ${events} events`),
  });
  progress.clear();
  if (out !== undefined && found.accepted) writeOut(out, session, found);
  const nameable = out !== undefined && !deadTooOften(found);
  const token = nameable ? found.token : null;
  const { session: _, ...more } = found;
  terminal.out(
    args.flag('json')
      ? `${JSON.stringify({ directory, lost, ...more, token })}\n`
      : textOf(directory, lost, { ...found, token }, out, terminal),
  );
  if (found.accepted) return EXIT.holds;
  if (found.complete) return EXIT.fails;
  terminal.err(`quiesce live conform: the bound of ${maxTries} tries was reached; a larger --max-tries may help\n`);
  return EXIT.refused;
}

function writeOut(out: string, session: string, found: LiveConformance): void {
  const { scenario, tpmfront, tpmback, schedule, session: text } = found;
  if (text !== null) writeWhole(session, text);
  const names = { scenario, tpmfront, tpmback, commands: null, grain: 'fine', daemon: USUAL_DAEMON } as const;
  writeWhole(
    out,
    formatSchedule({ ...names, session: session.includes('/') ? session : `./${session}`, steps: schedule }),
  );
}

function deadTooOften({ schedule }: LiveConformance): boolean {
  return schedule.filter((step) => step.startsWith('fault/kill ')).length > DEATHS_MAX;
}

function textOf(
  directory: string,
  lost: number,
  found: LiveConformance,
  out: string | undefined,
  terminal: Terminal,
): string {
  const { bold, green, red, yellow } = coloursOf(terminal);
  const { accepted, complete, scenario, tpmfront, tpmback, steps, events, reached, schedule, oracle, token } = found;
  const lines = [
    bold(directory),
    `tpmfront ${tpmfront} with tpmback ${tpmback}; ${counted(steps, 'step')}, ${counted(events, 'event')}`,
    ...(lost === 0 ? [] : [yellow(`the trace is not whole from moment ${lost} on, and is followed to there`)]),
    '',
  ];
  if (accepted) {
    lines.push(`${green('accepted')} in ${scenario}: a schedule of ${counted(schedule.length, 'step')}`);
    if (oracle !== null) lines.push(`${red(`${oracle} fails`)} in it, as it did live`);
    if (token !== null) lines.push('', 'To replay it:', `${terminal.program} replay ${out}`);
    else if (out !== undefined) lines.push('', 'No scenario has all of its steps: it is replayed from the trace only.');
  } else {
    const verdict = complete ? red('not accepted') : yellow('undecided');
    lines.push(`${verdict}: ${reached} of ${counted(events, 'event')} in ${scenario}, then`);
    if (found.refused !== null) lines.push(...placeLines(found.refused, terminal));
    for (const other of found.others.slice(0, OTHERS_SHOWN_MAX)) lines.push(...placeLines(other, terminal));
    lines.push(found.possible.length === 0 ? 'The simulator could do nothing.' : 'The simulator could do:');
    for (const name of found.possible.slice(0, POSSIBLE_SHOWN_MAX))
      lines.push(...wrapped(`  ${name}`, terminal.columns, '    '));
  }
  return `${lines.join('\n')}\n`;
}

function placeLines({ file, line, recorded, why }: LivePlace, terminal: Terminal): readonly string[] {
  return [
    ...wrapped(`  ${basename(file)}:${line}: ${recorded}`, terminal.columns, '    '),
    ...wrapped(`    ${why}`, terminal.columns, '      '),
  ];
}
