/**
 * The trace of a part, where one is wanted.
 */
import type { HostConfig, MemoryGrant } from '../parts/config.js';
import { TraceClock } from './clock.js';
import { type TraceRun, TraceWriter } from './writer.js';

/** What a part is told of the trace: the folder, and what is said of the run in each file. */
export interface TracePlace extends TraceRun {
  readonly directory: string;
}

export function openTrace(host: HostConfig, grant: MemoryGrant, part: string): TraceWriter | null {
  if (host.trace === null) return null;
  const { directory, tpmfront, tpm, drain } = host.trace;
  const clock =
    grant.kind === 'thread' ? TraceClock.ofThreads(grant.clock as SharedArrayBuffer) : TraceClock.ofFile(directory);
  return new TraceWriter(directory, `${host.name}/${part}`, clock, { tpmfront, tpm, drain });
}
