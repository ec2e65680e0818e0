/**
 * The hypercalls between processes: numbers in, a number out, negative for an error, as in Xen.
 */
import type { AgentName } from '../tables.js';

/** What a domain may ask for itself, and what the toolstack may ask for the guest (domctl). */
export const CALL_NAMES = [
  'evtchn_alloc_unbound',
  'evtchn_bind_interdomain',
  'evtchn_close',
  'gnttab_map',
  'gnttab_unmap',
  'sched_suspend',
  'domctl_create',
  'domctl_destroy',
  'domctl_resume',
  'domctl_agent_died',
  'domctl_clear_device',
] as const;
export type CallName = (typeof CALL_NAMES)[number];

/** What only the toolstack may ask for. */
export function isPrivileged(call: CallName): boolean {
  return call.startsWith('domctl_');
}

/** First message of a caller: who it is, and the secret that only this process was given. */
export interface Hello {
  readonly agent: AgentName;
  readonly token: string;
}

export interface CallRequest {
  readonly id: number;
  /** Which of its calls this is, by which one that is made again is known (`repeated-calls.ts`); 0: it is not to be known. */
  readonly number: number;
  readonly call: CallName;
  readonly args: readonly number[];
}

export interface TransferRequest {
  readonly id: number;
  /** Pages of the guest and of its TPM: to the host that listens at this path, or from whoever connects there. */
  readonly transfer: 'send' | 'receive';
  readonly path: string;
  /** For trying out what a connection leaves that breaks after so many bytes. */
  readonly cutAfterBytes: number | null;
}

export interface CallReply {
  readonly id: number;
  readonly result?: number;
  /** Why it was refused; the caller throws it. */
  readonly error?: string;
}

export const ESRCH = 3;
export const EPERM = 1;

export function isHello(message: unknown): message is Hello {
  const { agent, token } = (message ?? {}) as Partial<Hello>;
  return typeof token === 'string' && (agent === 'guest' || agent === 'backend' || agent === 'toolstack');
}

export function isCallRequest(message: unknown): message is CallRequest {
  const { id, number, call, args } = (message ?? {}) as Partial<CallRequest>;
  return (
    Number.isSafeInteger(id) &&
    isWord(number) &&
    CALL_NAMES.includes(call as CallName) &&
    Array.isArray(args) &&
    args.length <= 4 &&
    args.every(isWord)
  );
}

function isWord(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff;
}

export function isTransferRequest(message: unknown): message is TransferRequest {
  const { id, transfer, path, cutAfterBytes } = (message ?? {}) as Partial<TransferRequest>;
  return (
    Number.isSafeInteger(id) &&
    (transfer === 'send' || transfer === 'receive') &&
    typeof path === 'string' &&
    (cutAfterBytes === null || (Number.isSafeInteger(cutAfterBytes) && Number(cutAfterBytes) >= 0))
  );
}
