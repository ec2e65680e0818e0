/**
 * The thread in which a command with a person's own driver runs; see `watched.ts`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { DriverWatch, setDriverWatch } from '../library/driver-watch.js';
import { assert } from '../protocol/assert.js';
import { main } from './program.js';
import { monotonicSeconds } from './timed-verdict.js';
import type { WatchedReply, WatchedSignal, WatchedTask } from './watched.js';

const port = parentPort;
assert(port !== null, 'watched-worker: expected to run in a thread');
const reply = (message: WatchedReply): void => port.postMessage(message);
const { argv, terminal, words } = workerData as WatchedTask;

port.on('message', ({ signal }: WatchedSignal) => {
  if (process.listenerCount(signal) === 0) reply({ kind: 'unheard', signal });
  else process.emit(signal, signal);
});
// A command that is done ends the thread, whatever else may be said to it.
port.unref();

setDriverWatch(new DriverWatch(words, (number, what, file) => reply({ kind: 'name', number, what, file })));
const status = await main(argv, {
  ...terminal,
  out: (text) => reply({ kind: 'out', text }),
  err: (text) => reply({ kind: 'err', text }),
  clock: monotonicSeconds,
});
reply({ kind: 'status', status });
