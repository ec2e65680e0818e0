/**
 * The trace of a live run, read from its folder.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuiesceError } from '../protocol/errors.js';
import { parsePartTrace, type TracedPart } from '../protocol/live-trace.js';
import { readText } from './files.js';

const PART_FILE = /^(?:toolstack|[ab]-(?:guest|backend|hypervisor))\.[0-9]+\.jsonl$/;
const CLOCK_FILE = 'clock';
/** Of the second word of the clock: the first moment that is missing, 0 where none is. */
const LOST_OFFSET = 4;

export interface LiveTrace {
  readonly parts: readonly TracedPart[];
  /** From this moment on the trace is not whole; 0 where it is. */
  readonly lost: number;
}

/** Throws `USAGE` for a folder that cannot be read, and `BAD_RECORDING` for one without a trace or with a damaged one. */
export function readLiveTrace(directory: string): LiveTrace {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => PART_FILE.test(name));
  } catch (error) {
    throw new QuiesceError('USAGE', `${directory}: cannot be read: ${(error as Error).message}`);
  }
  if (names.length === 0)
    throw new QuiesceError(
      'BAD_RECORDING',
      `${directory}: expected the trace of a live run (live up --trace), found none`,
    );
  const parts = names
    .sort()
    .map((name) => join(directory, name))
    .map((file) => ({ file, text: readText(file) }))
    // A part that died before its first line was whole has done nothing.
    .filter(({ text }) => text.includes('\n'))
    .map(({ file, text }) => parsePartTrace(file, text));
  const lost = lostOf(join(directory, CLOCK_FILE));
  return { parts: lost === 0 ? parts : parts.map((part) => before(part, lost)), lost };
}

/** What is certain of a part: steps that began later may miss others, and so may what is told of a later end. */
function before(part: TracedPart, lost: number): TracedPart {
  const steps = part.steps
    .filter(({ begin }) => begin < lost)
    .map((step) => (step.end < lost ? step : { ...step, end: Number.POSITIVE_INFINITY }));
  return { ...part, steps };
}

/** Where parts are threads there is no file. */
function lostOf(file: string): number {
  try {
    const bytes = readFileSync(file);
    return bytes.length >= LOST_OFFSET + 4 ? bytes.readUInt32LE(LOST_OFFSET) : 0;
  } catch {
    return 0;
  }
}
