/**
 * `quiesce live`: the same drivers as real processes over shared memory, with a TPM that unmodified programs can use.
 */
import { CREATE_TPMFRONT } from '../frontend/tpmfront/zoo.js';
import { down, status, up } from '../live/system.js';
import { control } from '../live/toolstack/control-client.js';
import type { LiveStatus } from '../live/toolstack/status.js';
import { QuiesceError } from '../protocol/errors.js';
import { type Arguments, usage } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { runLiveConform } from './live-conform.js';
import { runLiveDrive } from './live-drive.js';
import { directoryOf, liveOptions, TIMEOUTS, timeoutOf } from './live-options.js';
import { runSoak } from './live-soak.js';
import { statusText, upText } from './live-text.js';
import type { Terminal } from './terminal.js';

const ACTIONS = ['up', 'status', 'suspend', 'cancel', 'migrate', 'kill', 'down', 'soak', 'conform', 'drive'] as const;
type Action = (typeof ACTIONS)[number];

/** The driver for the ring of 2006 has no backend here. */
const LIVE_TPMFRONTS: readonly string[] = Object.keys(CREATE_TPMFRONT).filter((name) => name !== 'wait-loop');

export const liveCommand: Command = {
  name: 'live',
  summary: 'the drivers as real processes, with a TPM for unmodified tpm2-tools',
  details: [
    'up        starts a host: hypervisor, xenstored, a driver domain with tpmback, a guest with tpmfront, and the TCTI',
    '          endpoint of the guest; prints what TPM2TOOLS_TCTI is to be set to',
    'status    what runs, and whether the TPM has executed what the guest issued, each command once',
    'suspend   asks the guest to suspend; cancel lets it go on where it was',
    'migrate   moves the guest to a second host on this machine; cancel gives that up. Exit status 1: it goes on here',
    'kill PART ends a part as a crash would (SIGKILL): hypervisor, xenstored, backend, guest, tpm, user, toolstack;',
    '          b/backend is that of host b. A part that is a thread is stopped between two instructions of its program',
    'down      ends everything: no process, socket or file is left, whatever has died before',
    'conform DIR  whether the run whose trace is in DIR (up --trace) is a possible schedule of the simulator; --out FILE',
    '          writes that. Exit status 1: it is not; the first line that the simulator cannot do is shown',
    'drive SCHEDULE  brings a system up and leads it through a schedule of the simulator, a file or a token: each part',
    '          holds its steps back until their turn; ends it then. Exit status 1: an oracle fails live; 2: it cannot follow',
    'soak      brings a system up, lets parts die, moves and cancels at random moments under traffic of tpm2-tools, and',
    '          asks after each round whether one guest runs and each command was executed once; ends it then',
    '',
    'The parts are processes where the optional package koffi is installed, else threads of one process.',
    `tpmfronts: ${LIVE_TPMFRONTS.join(', ')}.`,
    `Times: up ${TIMEOUTS.up} s, migrate ${TIMEOUTS.migrate} s, other actions ${TIMEOUTS.others} s; --timeout sets another.`,
    'Exit status: 0 done; 1 not migrated, or the oracles do not hold; 2 refused, or not done in time.',
    '--json: up, status and migrate print the status as one JSON line (docs/live.md), the others {"done": ACTION}.',
  ],
  options: {
    tpm: { value: 'NAME', help: 'up: model or swtpm (model)' },
    'no-startup': { help: 'up: a new TPM wants Startup, as after power on' },
    xenstore: { value: 'NAME', help: 'up: sim, or unix:PATH of a daemon that runs (sim)' },
    tpmfront: { value: 'NAME', help: 'up: which driver (sequenced)' },
    tcti: { value: 'NAME', help: 'up: framing of the endpoint, swtpm or mssim (swtpm)' },
    port: { value: 'N', help: 'up: TCP port of the endpoint on 127.0.0.1, 0 for any (0)' },
    memory: { value: 'MIB', help: 'up: memory of the guest beside what its drivers need (0)' },
    threads: { help: 'up: parts are threads of one process' },
    trace: { value: 'DIR', help: 'up, soak: each part writes what it does into this folder' },
    'no-drain': { help: 'up: a migration does not ask the backend to quiesce first' },
    out: { value: 'FILE', help: 'conform: writes the schedule, and its session beside it' },
    'max-tries': { value: 'N', help: 'conform: end a search that has tried N ways (2000000)' },
    cut: { value: 'BYTES', help: 'migrate: break the connection after so many bytes, to see what it leaves' },
    minutes: { value: 'N', help: 'soak: how long (1)' },
    seed: { value: 'S', help: 'soak: what happens, and when (1)' },
    directory: { value: 'PATH', help: 'where sockets and files are (a folder of this user)' },
    timeout: { value: 'SECONDS', help: 'longest time for the action' },
    json: { help: 'print one JSON line' },
  },
  words: ['ACTION', 'PART|DIR|SCHEDULE'],
  required: 1,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const [word = '', part] = args.words;
  const action = ACTIONS.find((known) => known === word);
  if (action === undefined) {
    throw new QuiesceError('UNKNOWN_NAME', `live: there is no action '${word}'; known: ${ACTIONS.join(', ')}`);
  }
  if (action === 'conform') {
    if (part === undefined) throw usage('live conform: expected the folder of a trace');
    return runLiveConform(part, args, terminal);
  }
  if (action === 'drive') {
    if (part === undefined) throw usage('live drive: expected a schedule file or a replay token');
    return runLiveDrive(part, LIVE_TPMFRONTS, args, terminal);
  }
  if (part !== undefined && action !== 'kill') throw usage(`live ${action}: unexpected '${part}'`);
  const directory = directoryOf(args, terminal);
  switch (action) {
    case 'up': {
      const found = await up(directory, liveOptions(args, LIVE_TPMFRONTS), progressTo(terminal), timeoutOf(args, 'up'));
      terminal.out(args.flag('json') ? jsonLine(found) : upText(found, terminal));
      return EXIT.holds;
    }
    case 'status': {
      const found = await status(directory, timeoutOf(args, 'others'));
      terminal.out(args.flag('json') ? jsonLine(found) : statusText(found, terminal));
      return found.exactlyOnce ? EXIT.holds : EXIT.fails;
    }
    case 'migrate':
      return migrate(directory, args, terminal);
    case 'kill':
      if (part === undefined) throw usage('live kill: expected PART');
      await control(directory, { command: 'kill', part }, { milliseconds: timeoutOf(args, 'others') });
      return done(`killed ${part}`, action, args, terminal);
    case 'down':
      await down(directory, timeoutOf(args, 'others'));
      return done('down', action, args, terminal);
    case 'soak':
      return runSoak(directory, liveOptions(args, LIVE_TPMFRONTS), args, terminal);
    case 'suspend':
    case 'cancel': {
      const result = await control(directory, { command: action }, { milliseconds: timeoutOf(args, 'others') });
      return done(typeof result === 'string' ? result : 'suspended', action, args, terminal);
    }
  }
}

async function migrate(directory: string, args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const milliseconds = timeoutOf(args, 'migrate');
  try {
    const options = { milliseconds, onProgress: progressTo(terminal) };
    const cutAfterBytes = args.integer('cut', { minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
    const request = { command: 'migrate', ...(cutAfterBytes === undefined ? {} : { cutAfterBytes }) } as const;
    const found = (await control(directory, request, options)) as LiveStatus;
    terminal.out(
      args.flag('json')
        ? jsonLine(found)
        : `the guest runs on host ${found.owner}; it stood still for ${Math.round(found.downtimeMilliseconds)} ms\n`,
    );
    return EXIT.holds;
  } catch (error) {
    if (!(error instanceof QuiesceError) || error.code === 'LIVE_STATE') throw error;
    // Whatever went wrong, there is one guest; where it is matters more than why.
    const found = await status(directory, milliseconds);
    terminal.err(`quiesce live: not migrated: ${error.message}\n`);
    terminal.out(args.flag('json') ? jsonLine(found) : `the guest goes on on host ${found.owner}\n`);
    return EXIT.fails;
  }
}

function done(text: string, action: Action, args: Arguments, terminal: Terminal): ExitStatus {
  terminal.out(args.flag('json') ? jsonLine({ done: action }) : `${text}\n`);
  return EXIT.holds;
}

function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function progressTo(terminal: Terminal): (message: string) => void {
  return (message) => {
    if (terminal.progress) terminal.err(`${message}\n`);
  };
}
