/**
 * A thread of `check`: decides the cells it is sent, one at a time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../protocol/assert.js';
import type { Cell, CheckTask } from './check-cells.js';
import { cellDecider, type WorkerReply } from './check-pool.js';

const port = parentPort;
assert(port !== null, 'check-worker: expected to run in a thread');
const reply = (message: WorkerReply): void => port.postMessage(message);
const decideCell = cellDecider(workerData as CheckTask, (states) => reply({ kind: 'progress', states }));

port.on('message', (cell: Cell) => reply({ kind: 'verdict', cell, verdict: decideCell(cell) }));
