/**
 * Hazard 25: a replay is safe only for commands that may be repeated. A TPM extend is none: repeated it gives another
 * register value. A write of a block, or of an NV index, repeated gives the same.
 *
 * PCR := H(PCR || digest), so twice the same digest is another value, while the answer of both extends is the same: the
 * client cannot see it. `resend` does that after a migration when the device had executed the command before it was
 * saved. Here a TPM that really computes is asked for PCR 10 at the end, and the value is worked out from the commands
 * issued with another implementation of SHA-256.
 */
import { createHash } from 'node:crypto';
import t from 'tap';
import type { TpmEngine } from '../../backend/tpm/engine.js';
import { modelEngine } from '../../backend/tpm/model/engine.js';
import { readBytes, writeBytes } from '../../protocol/memory.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import type { Slot } from '../../simulator/slot.js';
import type { World } from '../../simulator/world.js';
import { define, nv, OPEN, readPcr, started } from '../support/model-commands.js';
import { fromHex, toHex } from '../support/tpm-engine.js';
import { everyState, SESSION, shortest, worldOf } from '../support/worlds.js';

const SHA256_SIZE = 32;
const PCR = 10;

/** Extends of PCR 10 with SHA-1 and SHA-256 digests, the latter at the end of the command. */
const extendsOnly = { ...SESSION, entries: SESSION.entries.slice(1) };
const extendOf = (number: number): Uint8Array => extendsOnly.entries[number]?.command ?? new Uint8Array(0);

/** A model that firmware has started already. */
function startedModel(): TpmEngine {
  const model = modelEngine({ seed: 1 });
  const { state } = started(1);
  return {
    name: model.name,
    stateSize: model.stateSize,
    manufacture: (memory, address) => writeBytes(memory, address, state),
    execute: (memory, place) => model.execute(memory, place),
  };
}

/** The value of PCR 10 after extends with these numbers. */
function valueAfter(numbers: readonly number[]): string {
  let value: Uint8Array = new Uint8Array(SHA256_SIZE);
  for (const number of numbers) {
    value = createHash('sha256').update(value).update(extendOf(number).slice(-SHA256_SIZE)).digest();
  }
  return toHex(value);
}

/** PCR 10 as the device of `slot` answers. */
function readPcr10(world: World, { device }: Slot): string {
  const command = readPcr(PCR);
  writeBytes(world.memory, device.commandAddress, command);
  const length = device.engine.execute(world.memory, {
    state: device.engineAddress,
    command: device.commandAddress,
    length: command.length,
    locality: 0,
    response: device.responseAddress,
  });
  return toHex(readBytes(world.memory, device.responseAddress, length).slice(-SHA256_SIZE));
}

t.test('hazard 25: an extend repeated is answered alike and gives another value', async (t) => {
  const device = started();
  const pcr = (): string => toHex(device.send(readPcr(PCR)).slice(-SHA256_SIZE));
  const first = device.send(extendOf(0));
  t.equal(pcr(), valueAfter([0]));
  t.strictSame(device.send(extendOf(0)), first, 'the client cannot tell');
  t.equal(pcr(), valueAfter([0, 0]));
  t.not(valueAfter([0, 0]), valueAfter([0]));
});

t.test('hazard 25: a write of an NV index repeated leaves the state as it was', async (t) => {
  const device = started();
  const write = nv(TPM_CC.NV_Write, '0008aabbccddeeff00110000');
  t.equal(device.code(define({ attributes: OPEN })), 0);
  const before = device.state;
  const first = device.send(write);
  t.notSame(device.state, before);
  const once = device.state;
  t.strictSame(device.send(write), first);
  t.strictSame(device.state, once);
  t.strictSame(first.slice(6, 10), fromHex('00000000'));
});

t.test('hazard 25: resend extends PCR 10 twice for one command of the guest', async (t) => {
  const world = worldOf({
    front: 'resend',
    scenario: 'clean-migration',
    session: extendsOnly,
    engine: startedModel(),
  });
  const { oracle, steps } = shortest(world, ['exactly-once']);
  t.equal(oracle, 'exactly-once');
  const [, target] = world.machine.slots;
  t.equal(steps.filter((step) => step.endsWith('.user/issue')).length, 1);
  t.equal(steps.filter((step) => /^tpm\d.execute/.test(step)).length, 2, 'once on either host');
  t.equal(readPcr10(world, target), valueAfter([0, 0]));
});

t.test('hazard 25: sequenced leaves the value of the commands issued, on every schedule', async (t) => {
  const commands = 2;
  const engine = startedModel();
  const world = worldOf({ front: 'sequenced', scenario: 'clean-migration', session: extendsOnly, commands, engine });
  const values = new Set<string>();
  let ends = 0;
  let failures = 0;
  everyState(world, (end) => {
    if (world.failed !== undefined) failures++;
    if (!end) return;
    ends++;
    for (const slot of world.machine.slots) if (slot.domain.running) values.add(readPcr10(world, slot));
  });
  t.equal(failures, 0);
  t.ok(ends > 0);
  t.strictSame([...values], [valueAfter([0, 1])]);
});
