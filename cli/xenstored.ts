/**
 * `quiesce xenstored`: the store as a server, for programs that speak xenstore.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeWhole } from '../library/files.js';
import { serve, traced, type XenstoreServer } from '../xenstore-sim/server/index.js';
import type { Arguments } from './arguments.js';
import { usage } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import type { Terminal } from './terminal.js';
import { policyOf, QUOTA_OPTIONS, quotasOf, unixOf, updatesOf, webSocketOf } from './xenstored-options.js';
import { type Dumped, daemonFrom, type Loaded, loadedText, stateOf } from './xenstored-state.js';

/** What only the control domain may read is in the file too. */
const STATE_MODE = 0o600;

export const xenstoredCommand: Command = {
  name: 'xenstored',
  summary: 'the store as a server, for programs that speak xenstore',
  details: [
    'Serves until SIGTERM or SIGINT; with XENSTORED_PATH=PATH the tools xenstore-ls, xenstore-read and so on use it.',
    'Prints a line for each place it listens at once all are open: listening on unix PATH, listening on websocket URL',
    '(and token TOKEN, if it was made up). --json: {"listening": [{"kind": "unix", "path"}, {"kind": "websocket", "url",',
    '"token"}], "daemon", "pid"} in one line, and with --load "loaded": {"file", "nodes", "ended": {"connections",',
    '"watches", "transactions"}, "waiting": [{"domid", "connections", "watches", "transactions"}]}.',
    '',
    'WebSockets: subprotocol xenstore, binary messages, a header Authorization: Bearer TOKEN. URL / is the control domain,',
    '/domain/N is guest N, which the token opens too, or the domain token base64url(HMAC-SHA256(TOKEN, "xenstore domain N")).',
    '/domain/N?resume goes on with what guest N had in the state of --load: its watches, transactions and unread events.',
    'A browser offers the subprotocol xenstore.bearer.TOKEN in place of the header, and its origin must be allowed.',
    '',
    'Limits: 4096 connections; 1 MiB and 60 s for what a client does not read; 30 s for a request that has begun.',
    `Quotas: ${QUOTA_OPTIONS.slice(0, 6).join(', ')},`,
    `${QUOTA_OPTIONS.slice(6).join(', ')}.`,
  ],
  options: {
    daemon: { value: 'NAME', help: 'whose behaviour: c, c-4.22 or ocaml (c)' },
    socket: { value: 'PATH', help: 'Unix socket for the control domain (xenstored.socket, unless --ws is given)' },
    mode: { value: 'OCTAL', help: 'permissions of the Unix socket (0600)' },
    ws: { value: '[HOST:]PORT', help: 'listen for WebSockets there (HOST 127.0.0.1; PORT 0: any)' },
    'token-file': { value: 'FILE', help: 'what WebSocket clients must know; made with mode 0600 if it is not there' },
    origin: { value: 'URL', help: 'a web page may connect from there; may be repeated' },
    quota: { value: 'NAME=VALUE', help: 'another limit for domains; may be repeated' },
    load: { value: 'FILE', help: 'begin with this state' },
    dump: { value: 'FILE', help: 'write the state there at the end: nodes, connections, watches, open transactions' },
    trace: { help: 'a line on standard error for each request, reply and event' },
    json: { help: 'print the start as one JSON line' },
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const policy = policyOf(args);
  const unix = unixOf(args);
  const webSocket = webSocketOf(args);
  const dump = args.text('dump');
  if (dump !== undefined) assertWritable(dump);
  const quotas = quotasOf(args);
  const { daemon, loaded } = daemonFrom(args.text('load'), { policy, quotas, updates: updatesOf(policy, quotas) });
  const engine = args.flag('trace') ? traced(daemon, (line) => terminal.err(`${line}\n`)) : daemon;
  let dumped: Dumped | undefined;
  // Whoever reads the first line may answer it with a signal.
  const end = new End();
  try {
    const server = await serve(engine, {
      ...(unix === undefined ? {} : { unix }),
      ...(webSocket === undefined ? {} : { webSocket }),
    });
    try {
      const token = args.text('token-file') === undefined ? webSocket?.token : undefined;
      if (args.flag('json')) terminal.out(startJson(server, token, policy.name, loaded));
      else {
        if (loaded !== undefined) terminal.err(loadedText(loaded));
        terminal.out(startText(server, token));
      }
      await end.reached;
      // Before the clients lose their connections, and with nothing executed in between.
      if (dump !== undefined) dumped = stateOf(daemon);
    } finally {
      await server.close();
    }
  } finally {
    end.forget();
  }
  if (dump !== undefined && dumped !== undefined) {
    writeWhole(dump, dumped.bytes, STATE_MODE);
    terminal.err(`dumped ${dump}: ${dumped.text}\n`);
  }
  return EXIT.holds;
}

/** The end of a server: the first signal, or an error that nobody has caught. A second signal ends the process at once. */
class End {
  readonly reached: Promise<void>;
  readonly forget: () => void;

  constructor() {
    let onSignal = (): void => undefined;
    let onError = (_error: unknown): void => undefined;
    this.forget = () => {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('uncaughtException', onError);
    };
    this.reached = new Promise((resolve, reject) => {
      onSignal = () => {
        this.forget();
        resolve();
      };
      onError = (error) => {
        this.forget();
        reject(error);
      };
    });
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('uncaughtException', onError);
  }
}

/** What will be needed at the end is looked at in the beginning. */
function assertWritable(file: string): void {
  const folder = dirname(file);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw usage(`--dump: expected a folder that can be written to, found ${folder}`);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw usage(`--dump: expected a file, found a folder: ${file}`);
  }
}

function startText({ listeners }: XenstoreServer, token: string | undefined): string {
  return listeners
    .map((listener) => {
      if (listener.kind === 'unix') return `listening on unix ${listener.path}\n`;
      return `listening on websocket ${listener.url}${token === undefined ? '' : ` token ${token}`}\n`;
    })
    .join('');
}

function startJson(
  { listeners }: XenstoreServer,
  token: string | undefined,
  daemon: string,
  loaded: Loaded | undefined,
): string {
  const listening = listeners.map((listener) =>
    listener.kind === 'unix' || token === undefined ? listener : { ...listener, token },
  );
  return `${JSON.stringify({ listening, daemon, pid: process.pid, loaded })}\n`;
}
