/**
 * What is recorded of a guest: the state of its kernel, user and tpmfront, and what it stores into ring pages.
 */
import type { Guest } from '../../frontend/guest.js';
import { guestFields } from '../../frontend/guest-fields.js';
import { FieldWatch } from '../../protocol/field-values.js';
import type { ObservedMemory } from './observed-memory.js';
import { StepRecorder } from './recorder.js';
import type { TraceWriter } from './writer.js';

export function guestRecorder(trace: TraceWriter, memory: ObservedMemory, guest: Guest): StepRecorder {
  memory.observe(guest.domain);
  return new StepRecorder(trace, new FieldWatch(memory, guestFields(guest)), (_name, details) => {
    const ring = memory.takeStored();
    if (ring !== null) details.ring = ring;
  });
}
