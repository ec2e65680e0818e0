/**
 * What a toolstack must still know when it is started again: who owns the guest, which is decided by one rename of one
 * file, and the secrets of the parts. Their processes are found by their locks (`part-lock.ts`).
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
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

const FILE = 'toolstack.json';

export function readRecord(directory: string): ToolstackRecord {
  return JSON.parse(readFileSync(`${directory}/${FILE}`, 'utf8')) as ToolstackRecord;
}

/** Whole or not at all, and on the disk when it returns. Throws what the system calls throw, for a full disk too. */
export function writeRecord(directory: string, record: ToolstackRecord): void {
  const temporary = `${directory}/${FILE}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    const bytes = Buffer.from(`${JSON.stringify(record)}\n`, 'utf8');
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, `${directory}/${FILE}`);
}
