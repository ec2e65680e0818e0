/**
 * What is recorded of a backend: the state of its tpmback, the packets it takes and gives, what it stores into ring pages,
 * and the answers of its TPM.
 */
import { tpmbackFields } from '../../backend/tpmback/tpmback-fields.js';
import type { TpmbackV2 } from '../../backend/tpmback/v2.js';
import type { Domain } from '../../hypervisor/domain.js';
import { digestMemory } from '../../protocol/digest.js';
import { FieldWatch } from '../../protocol/field-values.js';
import type { ObservedMemory } from './observed-memory.js';
import { StepRecorder } from './recorder.js';
import { inTurn } from './turns.js';
import type { TraceWriter } from './writer.js';

export function backendRecorder(
  trace: TraceWriter,
  memory: ObservedMemory,
  guest: Pick<Domain, 'page'>,
  driver: TpmbackV2,
): StepRecorder {
  memory.observe(guest);
  const { device } = driver.services;
  const serve = driver.tasks.find(({ definition }) => definition.name === 'serve');
  return new StepRecorder(trace, new FieldWatch(memory, tpmbackFields(driver)), (name, details) => {
    const ring = memory.takeStored();
    if (ring !== null) details.ring = ring;
    if (name.endsWith('.serve/fetch') && serve?.at('execute') === true)
      details.request = digestMemory(memory, device.commandAddress, device.state.length);
    if (name.endsWith('.serve/respond') && serve?.at('finish') === true)
      details.response = digestMemory(memory, driver.packetAddress, device.state.response_length);
  });
}

/** A TPM that answers: the step of the simulator by which a command has been executed. */
export async function recordAnswer(
  trace: TraceWriter,
  tpm: string,
  answer: Uint8Array,
  keep: () => void,
): Promise<void> {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  // Told before: whoever dies in it may have kept it.
  const name = `${tpm}.execute/complete`;
  await inTurn(trace.turns, name, () => {
    const begun = trace.begin(name, { answer: bytes.toString('hex') });
    keep();
    trace.end(begun);
  });
}
