/** Worlds of a guest and its ring for tests. Nodes `a` and `b` are those of `simulator/xenstore-ring/machine.ts`. */
import { BROKEN, type XsRules } from '../../frontend/xenstore-ring/rules.js';
import { XsType } from '../../protocol/xs-wire.js';
import type { OracleName } from '../../simulator/world-state.js';
import type { Ask } from '../../simulator/xenstore-ring/callers.js';
import type { RingPlan } from '../../simulator/xenstore-ring/toolstack.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import type { DaemonName } from '../../xenstore-sim/policy.js';
import { type ShortestFailure, shortestFailure } from './explorable.js';

export const DAEMONS = ['c', 'ocaml'] as const;

export const READ_A: Ask = { type: XsType.READ, payload: 'a\0', expected: 'A' };
export const READ_B: Ask = { type: XsType.READ, payload: 'b\0', expected: 'Bb' };

/** A write in a transaction of its own. */
export const TRANSACTION: readonly Ask[] = [
  { type: XsType.TRANSACTION_START, payload: '\0', expected: '1\0' },
  { type: XsType.WRITE, payload: 'a\0x', expected: 'OK\0', inTransaction: true, mayBeLost: true },
  { type: XsType.TRANSACTION_END, payload: 'T\0', expected: 'OK\0', inTransaction: true, mayBeLost: true },
];

/** The rules of a guest that leaves one out. */
export function brokenRules(name: string): XsRules {
  const found = BROKEN.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there are no rules ${name}`);
  return found;
}

/** A guest with such rules that asks for one node and, by default, sees another change once. */
export function brokenWorld(name: string, daemon: DaemonName, plan: RingPlan, writes = 1): RingWorld {
  return new RingWorld({ daemon, plan, rules: brokenRules(name), asks: [READ_A], writes, grain: 'chunk' });
}

/** A shortest schedule on which a migration goes wrong with such rules, by any oracle or by `oracle`. */
export function brokenMigration(name: string, daemon: DaemonName, oracle?: OracleName): ShortestFailure {
  return shortestFailure(brokenWorld(name, daemon, 'migrate'), oracle === undefined ? undefined : [oracle]);
}
