/** Random programs for `ProgramWorld`. */
import fc from 'fast-check';
import type { Agent, Instruction, Program } from './program-world.js';

export interface ProgramShape {
  /** Whether agents can go back, so that there are cycles. */
  readonly loops: boolean;
  readonly variables: number;
}

export function anyProgram({ loops, variables }: ProgramShape): fc.Arbitrary<Program> {
  const word = fc.nat(variables - 1);
  const value = fc.nat(2);
  const timer = fc.nat(1);
  const instructions: fc.Arbitrary<Instruction>[] = [
    fc.record({ op: fc.constant('store' as const), word, value }),
    fc.record({ op: fc.constant('copy' as const), word, other: word }),
    fc.record({ op: fc.constant('add' as const), word }),
    fc.record({ op: fc.constant('pair' as const), word, other: word, value }),
    fc.record({ op: fc.constant('triple' as const), word, other: word, value }),
    fc.record({ op: fc.constant('await' as const), word, value }),
    fc.record({ op: fc.constant('wrong-if' as const), word, value }),
    fc.record({ op: fc.constant('set-timer' as const), timer, value }),
    fc.record({ op: fc.constant('await-timer' as const), timer }),
    fc.record({ op: fc.constant('start' as const), agent: fc.nat(3) }),
  ];
  const label = fc.integer({ min: 1, max: 4 });
  if (loops) instructions.push(fc.record({ op: fc.constant('goto-if' as const), word, value, label }));
  const agent: fc.Arbitrary<Agent> = fc.record({
    kind: fc.constantFrom('urgent' as const, 'urgent' as const, 'urgent' as const, 'idle' as const, 'fault' as const),
    gate: fc.option(word, { freq: 3 }),
    starts: fc.constantFrom(true, true, true, false),
    code: fc.array(fc.oneof(...instructions), { minLength: 1, maxLength: 4 }),
  });
  return fc.record({
    agents: fc.array(agent, { minLength: 2, maxLength: 4 }),
    kills: fc.constantFrom(0, 0, 1),
  });
}
