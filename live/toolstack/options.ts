/**
 * What `quiesce live up` was asked for, as a file in the folder of the live system.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import type { TctiConfig } from '../parts/config.js';
import type { TracePlace } from '../trace/open.js';

export interface LiveOptions {
  readonly tpm: 'model' | 'swtpm';
  /** `sim`, or the Unix socket of a daemon that runs already. */
  readonly xenstore: 'sim' | { readonly path: string };
  /** A new TPM is sent Startup(CLEAR), as by firmware. */
  readonly startup: boolean;
  readonly tpmfront: string;
  readonly tcti: TctiConfig;
  /** Pages of the guest beside those that its kernel and drivers need. */
  readonly fillerPages: number;
  /** Parts are threads of one process. */
  readonly threads: boolean;
  /** Folder into which each part writes what it does; none when absent. */
  readonly trace?: string | null;
  /** Steps that are to be taken in this order, for a run that is traced; as they come when absent. */
  readonly turns?: readonly string[];
  /** Whether the backend is asked to quiesce before a guest's memory is copied; true when absent. */
  readonly drain?: boolean;
}

/** What the parts are told of the trace. */
export function tracePlace({ trace, tpmfront, tpm, drain = true }: LiveOptions): TracePlace | null {
  return trace === undefined || trace === null ? null : { directory: trace, tpmfront, tpm, drain };
}

/** Whoever finds it in a folder may take the folder for that of a live system. */
export const OPTIONS_FILE = 'options.json';

export function writeOptions(directory: string, options: LiveOptions): void {
  writeFileSync(`${directory}/${OPTIONS_FILE}`, `${JSON.stringify(options)}\n`, { mode: 0o600 });
}

/** Throws `LIVE_STATE` where there is no live system. */
export function readOptions(directory: string): LiveOptions {
  try {
    return JSON.parse(readFileSync(`${directory}/${OPTIONS_FILE}`, 'utf8')) as LiveOptions;
  } catch {
    throw new QuiesceError(
      'LIVE_STATE',
      `expected a live system in ${directory}, found none: begin with quiesce live up`,
    );
  }
}
