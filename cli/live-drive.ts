/**
 * `quiesce live drive`: a schedule of the simulator, carried out by a live system.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { readText } from '../library/files.js';
import { type Driven, drive } from '../live/drive/drive.js';
import { QuiesceError } from '../protocol/errors.js';
import { type Directives, DRIVABLE, directivesOf } from '../simulator/conformance/live/directives.js';
import { type RecordedSteps, stepsByName, stepsOfToken } from '../simulator/replay.js';
import { parseSchedule, type WorldNames } from '../simulator/schedule.js';
import { looksLikeToken, parseToken } from '../simulator/token.js';
import { worldOf } from '../simulator/verdict.js';
import { type Arguments, usage } from './arguments.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { endedOnSignal } from './live-interrupted.js';
import { directoryOf, liveOptions } from './live-options.js';
import { loadPairing } from './pairing-options.js';
import { ProgressLine } from './progress.js';
import { oracleTitle, wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';

const STEP_SECONDS = 10;
const ANSWER_SECONDS = 20;
const SECONDS_MAX = 3600;

export async function runLiveDrive(
  source: string,
  tpmfronts: readonly string[],
  args: Arguments,
  terminal: Terminal,
): Promise<ExitStatus> {
  const { names, recorded } = scheduleOf(source);
  checkNames(names, tpmfronts);
  const pairing = await loadPairing(names);
  const world = worldOf(pairing, names);
  const orders = directivesOf(world, recorded);
  const commands = pairing.session.entries.slice(0, orders.commands);
  const other = commands.find(({ locality }) => locality !== 0);
  if (other !== undefined) throw usage(`live drive: expected commands of locality 0, found ${other.locality}`);
  const options = liveOptions(args, tpmfronts);
  if (options.threads) throw usage('live drive: expected parts to be processes; koffi is missing');
  const kept = args.text('trace');
  const scratch = kept === undefined ? mkdtempSync(`${tmpdir()}/quiesce-drive-`) : null;
  const progress = new ProgressLine(terminal);
  const directory = directoryOf(args, terminal);
  let forget = (): void => undefined;
  try {
    const { tpm, startup, xenstore, fillerPages } = options;
    const { drain } = world.options.scenario.plan;
    const found = await drive({
      directory,
      trace: scratch === null ? resolve(kept ?? '') : `${scratch}/trace`,
      options: {
        tpm,
        startup,
        xenstore,
        fillerPages,
        drain,
        tpmfront: names.tpmfront,
        tcti: { protocol: 'swtpm', port: 0 },
      },
      turns: orders.turns,
      controls: orders.controls,
      commands: commands.map(({ command }) => command),
      stepMilliseconds: (args.integer('timeout', { minimum: 1, maximum: SECONDS_MAX }) ?? STEP_SECONDS) * 1000,
      answerMilliseconds: ANSWER_SECONDS * 1000,
      onBegun: () => {
        forget = endedOnSignal(directory);
      },
      onProgress: (text) => progress.show(text),
    });
    progress.clear();
    terminal.out(args.flag('json') ? jsonOf(names, orders, found) : textOf(names, orders, found, terminal));
    if (found.missing !== null) return EXIT.refused;
    return found.failures.length === 0 ? EXIT.holds : EXIT.fails;
  } finally {
    forget();
    progress.clear();
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
  }
}

/** Throws `BAD_SCHEDULE` for what is neither a token nor a schedule file. */
function scheduleOf(source: string): { readonly names: WorldNames; readonly recorded: RecordedSteps } {
  if (looksLikeToken(source)) {
    const token = parseToken(source);
    const { hashes: _, hashBytes: __, ...names } = token;
    return { names, recorded: stepsOfToken(token) };
  }
  const { steps, ...names } = parseSchedule(source, readText(source));
  return { names, recorded: stepsByName(steps) };
}

/** What the live system is not. */
function checkNames({ scenario, tpmfront, tpmback, grain, daemon }: WorldNames, tpmfronts: readonly string[]): void {
  const refuse = (expected: string, found: string): never => {
    throw new QuiesceError('BAD_SCHEDULE', `live drive: expected ${expected}, found ${found}`);
  };
  if (!DRIVABLE.includes(scenario)) refuse(`a schedule of ${DRIVABLE.join(', ')}`, scenario);
  if (!tpmfronts.includes(tpmfront)) refuse(`one of the tpmfronts ${tpmfronts.join(', ')}`, tpmfront);
  // Beside a frontend that does not number its commands the live backend is one for the plain page.
  const backs = tpmfront === 'sequenced' ? ['sequenced'] : ['sequenced', 'v2'];
  if (!backs.includes(tpmback)) refuse(`tpmback ${backs.join(' or ')}`, tpmback);
  if (grain !== 'fine') refuse('a schedule of single steps', `grain ${grain}`);
  if (daemon !== 'c') refuse('a schedule with the xenstored c', daemon);
}

function jsonOf(names: WorldNames, { oracle }: Directives, found: Driven): string {
  const { scenario, tpmfront, tpmback, session } = names;
  return `${JSON.stringify({ scenario, tpmfront, tpmback, session, simulated: oracle, ...found })}\n`;
}

function textOf(names: WorldNames, orders: Directives, found: Driven, terminal: Terminal): string {
  const { bold, green, red, yellow } = coloursOf(terminal);
  const { taken, steps, missing, issued, executed, answered, given, failures, pcrs } = found;
  const lines = [
    bold(names.scenario),
    `tpmfront ${names.tpmfront} with tpmback ${names.tpmback}, session ${names.session}`,
    '',
    missing === null
      ? `${green('carried out')}: ${steps} steps of the live system in the order of the schedule`
      : `${yellow('not carried out')}: ${taken} of ${steps} steps, then ${missing} did not come`,
    `commands: ${given} given, ${answered} answered; the guest issued ${issued}, the TPM executed ${executed}`,
    `the simulator says: ${orders.oracle === null ? 'no oracle fails' : `${orders.oracle} fails`}`,
  ];
  if (failures.length === 0) lines.push(`live: ${green('holds')}`);
  for (const name of failures) {
    lines.push(`live: ${red(`${name} fails`)}`);
    lines.push(...wrapped(`  ${oracleTitle(name as Parameters<typeof oracleTitle>[0])}`, terminal.columns, '  '));
  }
  for (const { pcr, expected, found: value } of pcrs) {
    lines.push(`PCR ${pcr}: expected, with each command executed once, and found`, `  ${expected}`, `  ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
