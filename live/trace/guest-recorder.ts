/**
 * What is recorded of a guest: the state of its kernel, user and tpmfront, and what it stores into ring pages.
 */
import type { CommandTable } from '../../frontend/command-pool.js';
import type { Guest } from '../../frontend/guest.js';
import { guestFields } from '../../frontend/guest-fields.js';
import { FieldWatch } from '../../protocol/field-values.js';
import type { StepDetails } from '../../protocol/live-trace.js';
import type { ObservedMemory } from './observed-memory.js';
import { commandDetails, StepRecorder } from './recorder.js';
import type { TraceWriter } from './writer.js';

/** `commands` are those of its user. */
export function guestRecorder(
  trace: TraceWriter,
  memory: ObservedMemory,
  guest: Guest,
  commands: CommandTable,
): StepRecorder {
  memory.observe(guest.domain);
  const more = (_name: string, details: { ring?: StepDetails['ring'] }): void => {
    const ring = memory.takeStored();
    if (ring !== null) details.ring = ring;
  };
  // A step that a guest dies in may be done, and then nobody takes its command again.
  const before = (name: string): StepDetails | undefined => {
    if (!name.endsWith('.user/issue') || guest.user.position >= commands.sessionLength) return undefined;
    return commandDetails(commands.at(guest.user.position));
  };
  return new StepRecorder(trace, new FieldWatch(memory, guestFields(guest)), more, before);
}
