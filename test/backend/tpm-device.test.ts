import t from 'tap';
import { TpmDevice, TpmDeviceState, tpmDevicePages } from '../../backend/tpm/device.js';
import type { TpmEngine } from '../../backend/tpm/engine.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { NO_PROBE } from '../../hypervisor/probes.js';
import { hasFired, passTime, timerRuns, untilNext } from '../../hypervisor/timers.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../../protocol/memory.js';
import { openMemory } from '../support/open-memory.js';

/** A TPM that adds the first byte of each command to its state and answers with sum and locality. */
const ADDER: TpmEngine = {
  name: 'adder',
  stateSize: PAGE_SIZE + 8,
  manufacture: (memory, state) => memory.write32(state + PAGE_SIZE, 100),
  execute(memory, { state, command, length, locality, response }) {
    const sum = memory.read32(state + PAGE_SIZE) + memory.read8(command);
    memory.write32(state + PAGE_SIZE, sum);
    writeBytes(memory, response, Uint8Array.of(sum, locality, length));
    return 3;
  },
};

const PAGES = 5;
const ONE = PAGE_SIZE;
const TWO = PAGE_SIZE * (1 + PAGES);
const IMAGE = 1 + PAGES * 2;

interface Bench {
  readonly memory: JournaledMemory;
  readonly one: TpmDevice;
  readonly two: TpmDevice;
  /** Slot and ordinal of each command executed. */
  readonly executed: (readonly number[])[];
}

/** Two devices, the first of them manufactured. Command number 9 takes 90 ms; a first byte of 0 is without effect. */
function bench(): Bench {
  const memory = openMemory(PAGES * 3);
  const executed: (readonly number[])[] = [];
  const device = (slot: number, address: number): TpmDevice =>
    new TpmDevice(
      memory,
      ADDER,
      {
        slot,
        address,
        duration: (ordinal) => (ordinal === 9 ? 90 : 0),
        effect: (command) => memory.read8(command),
      },
      { ...NO_PROBE, executed: (at, ordinal) => void executed.push([at, ordinal]) },
    );
  const one = device(1, ONE);
  one.manufacture();
  return { memory, one, two: device(2, TWO), executed };
}

const BUSY = { name: 'QuiesceError', code: 'DEVICE_BUSY' };

function give(memory: JournaledMemory, device: TpmDevice, first: number, sequence: number, ordinal = sequence): void {
  writeBytes(memory, device.commandAddress, Uint8Array.of(first, 2, 3, 4));
  device.start({ length: 4, locality: 3, sequence, ordinal });
}

function execute(memory: JournaledMemory, device: TpmDevice, first: number, sequence: number): void {
  give(memory, device, first, sequence);
  device.task.step();
}

const response = (memory: JournaledMemory, device: TpmDevice): number[] => [
  ...readBytes(memory, device.responseAddress, device.state.response_length),
];

const pagesAt = (memory: JournaledMemory, address: number): string =>
  readBytes(memory, address, PAGES * PAGE_SIZE).join();

t.test('a device takes a page for record, command and response, and those of the state of its engine', async (t) => {
  const { one } = bench();
  t.equal(tpmDevicePages(ADDER), PAGES);
  t.equal(tpmDevicePages({ ...ADDER, stateSize: PAGE_SIZE }), 4);
  t.equal(one.pages, PAGES);
  t.strictSame(
    [one.address, one.commandAddress, one.responseAddress, one.engineAddress],
    [0, 1, 2, 3].map((page) => ONE + page * PAGE_SIZE),
  );
  t.equal(one.timerAddress, ONE + TpmDeviceState.offset.duration);
});

t.test('a command is executed in one step, with its length and locality', async (t) => {
  const { memory, one, executed } = bench();
  t.notOk(one.busy);
  give(memory, one, 7, 1, 41);
  t.ok(one.busy);
  t.ok(one.task.ready());
  t.strictSame([one.state.response_length, one.state.executed, executed.length], [0, 0, 0], 'nothing yet');
  one.task.step();
  t.notOk(one.busy);
  t.strictSame(response(memory, one), [107, 3, 4]);
  t.strictSame([one.state.executed, one.state.executed_sequence], [1, 1]);
  t.strictSame(executed, [[1, 41]], 'the onlooker is told slot and ordinal');
});

t.test('a TPM takes one command at a time, and a second one changes nothing', async (t) => {
  const { memory, one, executed } = bench();
  give(memory, one, 7, 1);
  const { hashLow, hashHigh } = memory;
  t.throws(() => one.start({ length: 9, locality: 0, sequence: 2, ordinal: 2 }), {
    ...BUSY,
    message: /was given a command while it executes another/,
  });
  t.strictSame([memory.hashLow, memory.hashHigh], [hashLow, hashHigh]);
  one.task.step();
  t.strictSame(response(memory, one), [107, 3, 4], 'the first is executed as it was given');
  t.strictSame(executed, [[1, 1]]);
  execute(memory, one, 1, 2);
  t.strictSame(response(memory, one), [108, 3, 4], 'after it the next is taken');
});

t.test('the number of the last command executed changes with its effect and not before', async (t) => {
  const { memory, one } = bench();
  execute(memory, one, 7, 5);
  const { state } = one;
  const seen = (): number[] => [state.executed_sequence, state.executed, ...response(memory, one)];
  t.strictSame(seen(), [5, 1, 107, 3, 4]);
  give(memory, one, 1, 6);
  t.strictSame(seen(), [5, 1, 107, 3, 4], 'of a command that executes nothing is seen');
  one.task.step();
  t.strictSame(seen(), [6, 2, 108, 3, 4]);
});

t.test('the blob is saved only when no command executes', async (t) => {
  const { memory, one } = bench();
  execute(memory, one, 7, 1);
  give(memory, one, 1, 2);
  const stores = memory.journalLength;
  t.throws(() => one.save(IMAGE), { ...BUSY, message: /asked for while it executes a command/ });
  t.equal(memory.journalLength, stores, 'not a part of it either');
  one.task.step();
  one.save(IMAGE);
  t.equal(pagesAt(memory, IMAGE * PAGE_SIZE), pagesAt(memory, ONE));
});

t.test('number and response of the last command move with the state', async (t) => {
  const { memory, one, two } = bench();
  execute(memory, one, 7, 1);
  execute(memory, one, 2, 2);
  one.save(IMAGE);
  execute(memory, one, 50, 3);
  two.load(IMAGE);
  t.equal(two.state.executed_sequence, 2);
  t.equal(two.state.executed, 2);
  t.strictSame(response(memory, two), [109, 3, 4]);
  t.notOk(two.busy);
  execute(memory, two, 1, 3);
  t.strictSame(response(memory, two), [110, 3, 4], 'it goes on from the state saved');
  t.strictSame(response(memory, one), [159, 3, 4], 'and the first from its own');
});

t.test('a blob loaded replaces everything that was there', async (t) => {
  const { memory, one, two } = bench();
  one.save(IMAGE);
  two.manufacture();
  execute(memory, two, 7, 1);
  two.load(IMAGE);
  t.equal(pagesAt(memory, TWO), pagesAt(memory, IMAGE * PAGE_SIZE));
  t.strictSame([two.state.executed_sequence, two.state.response_length], [0, 0]);
});

t.test('of a TPM that is powered off nothing is left, and nothing else is gone', async (t) => {
  const { memory, one, two } = bench();
  two.manufacture();
  const other = pagesAt(memory, TWO);
  give(memory, one, 7, 9);
  one.powerOff();
  t.notOk(one.busy);
  t.notOk(timerRuns(memory, one.timerAddress));
  t.equal(pagesAt(memory, ONE), new Uint8Array(PAGES * PAGE_SIZE).join());
  t.equal(pagesAt(memory, TWO), other);
});

t.test('a command that takes time is due when its timer has fired', async (t) => {
  const { memory, one } = bench();
  const places = [{ address: one.timerAddress, ticking: () => true }];
  give(memory, one, 7, 9);
  t.equal(untilNext(memory, places), 90);
  t.notOk(one.due);
  t.notOk(one.task.ready());
  passTime(memory, places, 89);
  t.notOk(one.task.ready());
  t.throws(() => one.save(IMAGE), BUSY, 'all that time it is busy');
  passTime(memory, places, 1);
  t.ok(one.due);
  t.ok(one.task.ready());
  one.task.step();
  t.notOk(hasFired(memory, one.timerAddress), 'the timer is put away');
  t.notOk(timerRuns(memory, one.timerAddress));
  give(memory, one, 1, 1);
  t.ok(one.task.ready(), 'the next command takes its own time');
});

t.test('the chain is made of the commands that change state, in their order', async (t) => {
  const chain = (...commands: number[]): number[] => {
    const { memory, one } = bench();
    for (const [i, first] of commands.entries()) execute(memory, one, first, i + 1);
    t.equal(one.state.executed, commands.length);
    return [one.state.chain_low, one.state.chain_high];
  };
  t.strictSame(chain(), [0, 0]);
  t.strictSame(chain(0, 0), [0, 0], 'not of those that do not');
  t.strictSame(chain(1, 0, 2), chain(1, 2));
  t.strictNotSame(chain(1, 2), chain(2, 1));
  t.strictNotSame(chain(1), chain(1, 1));
});

t.test('undo takes a command back, its number and its response included', async (t) => {
  const { memory, one } = bench();
  execute(memory, one, 7, 1);
  const { journalLength, hashLow, hashHigh } = memory;
  const before = pagesAt(memory, ONE);
  execute(memory, one, 7, 2);
  memory.undo(journalLength, hashLow, hashHigh);
  t.equal(pagesAt(memory, ONE), before);
  execute(memory, one, 7, 2);
  t.strictSame(response(memory, one), [114, 3, 4]);
});
