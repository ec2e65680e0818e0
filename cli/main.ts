#!/usr/bin/env node
/**
 * The entry: the process around the program.
 */
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { columnsOf, showsColour, type Terminal } from './terminal.js';
import { monotonicSeconds } from './timed-verdict.js';
import { mainWatched } from './watched.js';

/** Whoever reads may stop reading, as `head` does: what is left is thrown away, and the exit status stays. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const script = relative(process.cwd(), process.argv[1] ?? '');

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  colour: showsColour(process.stdout, process.env),
  progress: process.stderr.isTTY === true,
  columns: columnsOf(process.stdout),
  jobs: availableParallelism(),
  program: script.endsWith('.js') && !script.startsWith('..') ? `node ${script}` : 'quiesce',
  environment: { ...process.env },
  clock: monotonicSeconds,
};

process.exitCode = await mainWatched(process.argv.slice(2), terminal);
