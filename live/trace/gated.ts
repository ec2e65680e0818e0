/**
 * Who watches the steps of a part: nobody, its recorder, or where the run is driven a gate before that.
 */
import type { StepWatch } from '../scheduler.js';
import type { ObservedMemory } from './observed-memory.js';
import { type GatePlace, StepGate } from './turns.js';
import type { TraceWriter } from './writer.js';

export function gated(
  trace: TraceWriter | null,
  recorder: StepWatch | null,
  memory: ObservedMemory | null,
  part: Pick<GatePlace, 'kick' | 'idle'>,
): StepWatch | null {
  if (trace === null || recorder === null || memory === null) return null;
  const { turns, again } = trace;
  return turns === null ? recorder : new StepGate({ ...part, turns, again, memory, inner: recorder });
}
