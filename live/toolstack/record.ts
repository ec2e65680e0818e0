/**
 * What a toolstack must still know when it is started again: who owns the guest, which is decided by one write of one
 * file, and the secrets of the parts. Their processes are found by their locks (`part-lock.ts`).
 */
import { QuiesceError } from '../../protocol/errors.js';
import { KeptFile } from '../files/kept-file.js';
import type { AgentName } from '../tables.js';

export type HostName = 'a' | 'b';
export const HOST_NAMES: readonly HostName[] = ['a', 'b'];

export interface HostRecord {
  readonly tokens: { readonly [A in AgentName]: string };
  readonly storeToken: string;
  /** Of its xenstored's WebSocket; 0 before the first start. */
  readonly port: number;
}

export interface ToolstackRecord {
  /** The host whose copy of the guest is the guest. */
  readonly owner: HostName;
  /** The user has suspended it: it is not resumed by itself. */
  readonly suspended: boolean;
  /** The guest has been brought up. */
  readonly created: boolean;
  readonly hosts: { readonly [H in HostName]: HostRecord };
  readonly tcti: string;
}

const FILE = 'toolstack.state';
const RECORD_BYTES = 4096;

const recordFile = (directory: string): KeptFile => new KeptFile(`${directory}/${FILE}`, RECORD_BYTES, true);

/** Throws `LIVE_STATE` where none was ever written. */
export function readRecord(directory: string): ToolstackRecord {
  const content = recordFile(directory).read();
  if (content === null) {
    throw new QuiesceError('LIVE_STATE', `expected the record of a toolstack in ${directory}, found none`);
  }
  return JSON.parse(content.toString('utf8')) as ToolstackRecord;
}

/** Whole or not at all, and on the disk when it returns. Throws what the system calls throw. */
export function writeRecord(directory: string, record: ToolstackRecord): void {
  recordFile(directory).write(Buffer.from(JSON.stringify(record), 'utf8'));
}
