/**
 * Commands that run a person's own driver run in a thread that is watched: a step that never ends would otherwise hang
 * the program, and only another thread can see it.
 *
 * What counts is not how long the command takes but that one step, one callback or the loading of the file does not
 * end. Seconds are counted while this program runs, so one that was stopped and continued is not taken for stuck.
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { isDriverFile } from '../library/driver-file.js';
import { driverError } from '../library/driver-rules.js';
import { WATCH_WORDS } from '../library/driver-watch.js';
import { STUCK_SECONDS, watchWords } from '../library/watch-words.js';
import { looksLikeToken, parseToken } from '../simulator/token.js';
import { EXIT, type ExitStatus, explain } from './exit-status.js';
import { main } from './program.js';
import type { Terminal } from './terminal.js';

/** What a watched thread is given. */
export interface WatchedTask {
  readonly argv: readonly string[];
  readonly terminal: Pick<Terminal, 'colour' | 'progress' | 'columns' | 'jobs' | 'program' | 'environment'>;
  /** See `library/driver-watch.ts`. */
  readonly words: Int32Array;
}

/** A signal that the process got: threads get none. */
export interface WatchedSignal {
  readonly signal: NodeJS.Signals;
}

export type WatchedReply =
  /** Nobody in the thread has asked for the signal. */
  | { readonly kind: 'unheard'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'out' | 'err'; readonly text: string }
  | { readonly kind: 'name'; readonly number: number; readonly what: string; readonly file: string }
  | { readonly kind: 'status'; readonly status: ExitStatus };

/** `main`, in a thread of its own where a driver file takes part. Never throws. */
export async function mainWatched(
  argv: readonly string[],
  terminal: Terminal,
  stuckSeconds = STUCK_SECONDS,
): Promise<ExitStatus> {
  const file = driverFileOf(argv);
  return file === null ? main(argv, terminal) : inThread(argv, file, terminal, stuckSeconds);
}

/** The first driver file that the arguments, or the schedule they name, ask for. */
export function driverFileOf(argv: readonly string[]): string | null {
  const named = argv.flatMap((word, at) => {
    const [, value = argv[at + 1] ?? ''] = /^--tpm(?:front|back)=(.*)$/s.exec(word) ?? [];
    return /^--tpm(?:front|back)(?:=|$)/.test(word) ? [value] : [];
  });
  if (argv[0] === 'replay') named.push(...argv.slice(1).flatMap(driversOfSchedule));
  return named.find(isDriverFile) ?? null;
}

/** Names of the drivers of a token or of a schedule file; none for anything else, of which the command complains. */
function driversOfSchedule(source: string): readonly string[] {
  try {
    if (looksLikeToken(source)) {
      const { tpmfront, tpmback } = parseToken(source);
      return [tpmfront, tpmback];
    }
    return [...readFileSync(source, 'utf8').matchAll(/^tpm(?:front|back):[ \t]*(.*?)[ \t\r]*$/gm)].map(
      ([, name = '']) => name,
    );
  } catch {
    return [];
  }
}

async function inThread(
  argv: readonly string[],
  file: string,
  terminal: Terminal,
  stuckSeconds: number,
): Promise<ExitStatus> {
  const { colour, progress, columns, jobs, program, environment } = terminal;
  const words = new Int32Array(new SharedArrayBuffer(WATCH_WORDS * Int32Array.BYTES_PER_ELEMENT));
  const task: WatchedTask = {
    argv,
    words,
    terminal: { colour, progress, columns, jobs, program, ...(environment === undefined ? {} : { environment }) },
  };
  const worker = new Worker(new URL('./watched-worker.js', import.meta.url), { workerData: task });
  const names = new Map<number, Pick<Extract<WatchedReply, { kind: 'name' }>, 'what' | 'file'>>();
  let timer: NodeJS.Timeout | undefined;
  const pass = (signal: NodeJS.Signals): void => worker.postMessage({ signal } satisfies WatchedSignal);
  for (const signal of PASSED) process.on(signal, pass);
  try {
    return await new Promise<ExitStatus>((done, failed) => {
      worker.on('message', (reply: WatchedReply) => {
        if (reply.kind === 'status') done(reply.status);
        else if (reply.kind === 'name') names.set(reply.number, reply);
        else if (reply.kind === 'unheard') end(reply.signal, pass);
        else terminal[reply.kind](reply.text);
      });
      worker.on('error', (error) =>
        failed(driverError(file, 'loads', `outside of any step it throws ${String(error)}`)),
      );
      worker.on('exit', () => failed(driverError(file, 'loads', 'it ends the program, or waits for what never comes')));
      timer = watchWords(words, stuckSeconds, (number) => {
        const stuck = names.get(number) ?? { what: 'something', file };
        failed(driverError(stuck.file, 'ends', `${stuck.what} has not ended after ${stuckSeconds} s`));
      });
    });
  } catch (error) {
    const { status, text } = explain(error);
    terminal.err(`quiesce ${argv[0] ?? ''}: ${text}\n`);
    return status === EXIT.fault ? EXIT.fault : EXIT.refused;
  } finally {
    clearInterval(timer);
    for (const signal of PASSED) process.off(signal, pass);
    await worker.terminate();
  }
}

const PASSED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];

/** Ends the process as the signal does where nobody listens. */
function end(signal: NodeJS.Signals, listener: NodeJS.SignalsListener): void {
  process.off(signal, listener);
  process.kill(process.pid, signal);
}
