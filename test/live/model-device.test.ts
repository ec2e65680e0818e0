import t from 'tap';
import { ByteMemory } from '../../live/tpm/byte-memory.js';
import { ModelDevice } from '../../live/tpm/model-device.js';
import { Turns } from '../../live/tpm/turns.js';
import { newState } from '../../live/tpm/vtpm-state.js';
import { packWords } from '../../protocol/memory.js';
import { extend, random, readPcr, started, startup } from '../support/model-commands.js';
import { type EngineBench, toHex } from '../support/tpm-engine.js';
import { codeOf } from './fake-device.js';

const LOCALITY = { locality: 0 };

t.test('the model answers as in the simulator', async (t) => {
  const device = new ModelDevice({ seed: 1 });
  const bench: EngineBench = started();
  await device.execute(startup, LOCALITY);
  for (const command of [extend(10), readPcr(10), random(32), startup])
    t.equal(toHex(await device.execute(command, LOCALITY)), toHex(bench.send(command)));
});

t.test('its state goes on in another one, and only in one of the same options', async (t) => {
  const source = new ModelDevice({ seed: 1 });
  await source.execute(startup, LOCALITY);
  await source.execute(extend(10), LOCALITY);
  const state = await source.saveState();
  const value = await source.execute(readPcr(10), LOCALITY);
  await source.execute(extend(10), LOCALITY);
  const target = new ModelDevice({ seed: 2 });
  await target.restoreState(state);
  t.strictSame(await target.execute(readPcr(10), LOCALITY), value, 'as it was saved');
  const refused = { code: 'BAD_STATE_BLOB' };
  await t.rejects(new ModelDevice({ seed: 1, nvIndexSize: 128 }).restoreState(state), refused);
  await t.rejects(target.restoreState({ ...state, device: 'swtpm' }), refused);
  const foreign = newState('model', { permanent: Uint8Array.of(1), volatile: null, savestate: null });
  await t.rejects(target.restoreState(foreign), refused);
  t.strictSame(await target.execute(readPcr(10), LOCALITY), value, 'a refusal changes nothing');
});

t.test('it refuses what every device refuses', async (t) => {
  const device = new ModelDevice({ seed: 1 });
  await t.rejects(device.execute(new Uint8Array(9), LOCALITY), { code: 'BAD_TPM_COMMAND' });
  await t.rejects(device.execute(startup, { locality: 7 }), { code: 'BAD_TPM_COMMAND' });
  await t.rejects(device.execute(startup, { locality: 0, signal: AbortSignal.abort() }), { code: 'COMMAND_CANCELLED' });
  t.equal(codeOf(await device.execute(startup, LOCALITY)), 0);
  await device.close();
  await device.close();
  await t.rejects(device.execute(startup, LOCALITY), { code: 'TPM_CLOSED' });
  await t.rejects(device.saveState(), { code: 'TPM_CLOSED' });
});

t.test('a memory of bytes loads and stores as the others do', async (t) => {
  const memory = new ByteMemory(64);
  memory.write32(0, 0x1f2345678);
  t.equal(memory.read32(0), 0xf2345678);
  t.equal(memory.read16(2), 0xf234);
  t.equal(memory.read8(0), 0x78);
  memory.write16(4, 0x1abcd);
  memory.write8(6, 0x1ee);
  t.equal(memory.read32(4), 0x00eeabcd);
  memory.writeWords(16, packWords(Uint8Array.of(1, 2, 3, 4, 5)), 5);
  memory.copy(16, 32, 5);
  t.strictSame([...memory.bytes.subarray(32, 40)], [1, 2, 3, 4, 5, 0, 0, 0]);
  memory.clear(16, 5);
  t.strictSame([...memory.bytes.subarray(16, 24)], [0, 0, 0, 0, 0, 0, 0, 0]);
  t.throws(() => new ByteMemory(5), { name: 'AssertionError' });
});

t.test('turns are given in the order of arrival, and a failure gives them back', async (t) => {
  const turns = new Turns();
  const order: number[] = [];
  const work = (n: number) =>
    turns.run(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(n);
      if (n === 1) throw new Error('one');
    });
  const abort = new AbortController();
  const results = Promise.allSettled([work(0), work(1), work(2)]);
  const leaving = turns.enter(abort.signal) ?? Promise.resolve();
  const last = work(3);
  t.equal(turns.waiting, 4);
  abort.abort();
  await t.rejects(leaving, { code: 'COMMAND_CANCELLED' });
  t.equal(turns.waiting, 3);
  await last;
  t.strictSame(order, [0, 1, 2, 3]);
  t.strictSame(
    (await results).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.equal(turns.taken, false);
  t.throws(() => turns.leave(), { name: 'AssertionError' });
});
