/**
 * The options of `quiesce live`, checked.
 */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { native } from '../live/memory/native.js';
import { FILLER_PAGES_MAX } from '../live/memory/segments.js';
import type { LiveOptions } from '../live/toolstack/options.js';
import { QuiesceError } from '../protocol/errors.js';
import { type Arguments, usage } from './arguments.js';
import type { Terminal } from './terminal.js';

/** Seconds. */
export const TIMEOUTS = { up: 60, migrate: 120, others: 60 } as const;

const PORT_MAX = 65_534;
const PAGES_OF_MIB = 256;
/** `sun_path` of unix(7) without its nul, less the longest name of a socket. */
const DIRECTORY_BYTES_MAX = 107 - '/a/hypervisor.sock'.length;

/** Milliseconds that an action may take. Throws `USAGE`. */
export function timeoutOf(args: Arguments, kind: keyof typeof TIMEOUTS): number {
  return (args.integer('timeout', { minimum: 1, maximum: 3600 }) ?? TIMEOUTS[kind]) * 1000;
}

/** Throws `USAGE` for a path that is too long for the sockets in it. */
export function directoryOf(args: Arguments, { environment = {} }: Terminal): string {
  const { XDG_RUNTIME_DIR: runtime } = environment;
  const usual = `${runtime ?? tmpdir()}/quiesce-live-${process.geteuid?.() ?? 0}`;
  const directory = resolve(args.text('directory') ?? usual);
  const bytes = Buffer.byteLength(directory);
  if (bytes > DIRECTORY_BYTES_MAX)
    throw usage(
      `--directory: expected a path of at most ${DIRECTORY_BYTES_MAX} bytes, found ${bytes}: sockets lie in it`,
    );
  return directory;
}

/** Throws `USAGE`, and `UNKNOWN_NAME` for a tpmfront that is none of `tpmfronts`. */
export function liveOptions(args: Arguments, tpmfronts: readonly string[]): LiveOptions {
  const tpmfront = args.text('tpmfront') ?? 'sequenced';
  if (!tpmfronts.includes(tpmfront)) {
    throw new QuiesceError('UNKNOWN_NAME', `there is no tpmfront '${tpmfront}' here; known: ${tpmfronts.join(', ')}`);
  }
  const trace = args.text('trace');
  const mebibytes = args.integer('memory', { minimum: 0, maximum: FILLER_PAGES_MAX / PAGES_OF_MIB }) ?? 0;
  return {
    tpm: args.oneOf('tpm', ['model', 'swtpm']) ?? 'model',
    startup: !args.flag('no-startup'),
    xenstore: xenstoreOf(args.text('xenstore') ?? 'sim'),
    tpmfront,
    tcti: {
      protocol: args.oneOf('tcti', ['swtpm', 'mssim']) ?? 'swtpm',
      port: args.integer('port', { minimum: 0, maximum: PORT_MAX }) ?? 0,
    },
    fillerPages: mebibytes * PAGES_OF_MIB,
    threads: args.flag('threads') || native() === null,
    trace: trace === undefined ? null : resolve(trace),
    drain: !args.flag('no-drain'),
  };
}

function xenstoreOf(text: string): LiveOptions['xenstore'] {
  if (text === 'sim') return 'sim';
  const [, path] = /^unix:(.+)$/.exec(text) ?? [];
  if (path === undefined) throw usage(`--xenstore: expected sim or unix:PATH, found '${text}'`);
  return { path: resolve(path) };
}
