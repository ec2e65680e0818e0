/** What users of a ring ask in tests; nodes `a` and `b` are those of `simulator/xenstore-ring/world.ts`. */
import { XsType } from '../../protocol/xs-wire.js';
import type { Ask } from '../../simulator/xenstore-ring/callers.js';

export const READ_A: Ask = { type: XsType.READ, payload: 'a\0', expected: 'A' };
export const READ_B: Ask = { type: XsType.READ, payload: 'b\0', expected: 'Bb' };

/** A write in a transaction of its own. */
export const TRANSACTION: readonly Ask[] = [
  { type: XsType.TRANSACTION_START, payload: '\0', expected: '1\0' },
  { type: XsType.WRITE, payload: 'a\0x', expected: 'OK\0', inTransaction: true, mayBeLost: true },
  { type: XsType.TRANSACTION_END, payload: 'T\0', expected: 'OK\0', inTransaction: true, mayBeLost: true },
];
