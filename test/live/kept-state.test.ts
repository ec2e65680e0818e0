/**
 * The state of a TPM that outlives its process: at every moment either that before a command or that after it.
 */
import t from 'tap';
import type { KeptCommand } from '../../live/device/kept-commands.js';
import { type Kept, KeptState } from '../../live/device/kept-state.js';
import { Rights } from '../../live/memory/address-space.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { newState } from '../../live/tpm/vtpm-state.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';

const BASE = PLAN.backend.firstFrame * PAGE_SIZE;

class Death extends Error {}

function memoryOf(): SharedMemory {
  const [spaces] = testSpaces();
  const space = (spaces as NonNullable<typeof spaces>).create();
  space.open(PLAN.backend.firstFrame, PLAN.backend.pages, Rights.Store);
  return new SharedMemory(space);
}

const stateOf = (fill: number): ReturnType<typeof newState> =>
  newState('swtpm', {
    permanent: new Uint8Array(5000).fill(fill),
    volatile: new Uint8Array(9001).fill(fill + 1),
    savestate: null,
  });

const answerOf = (
  sequence: number,
): { sequence: number; executed: number; chainLow: number; chainHigh: number; response: Uint8Array } => ({
  sequence,
  executed: sequence,
  chainLow: sequence * 3,
  chainHigh: sequence * 5,
  response: new Uint8Array(10 + sequence).fill(sequence),
});

t.test('what is kept is read back, with the state of the last command that changed it', async (t) => {
  const memory = memoryOf();
  const kept = new KeptState(memory, BASE);
  t.equal(kept.read(), null);
  const first = stateOf(1);
  kept.keep(answerOf(1), first);
  kept.keep(answerOf(2), null);
  kept.keep(answerOf(3), null);
  t.strictSame(new KeptState(memory, BASE).read(), { ...answerOf(3), state: first, commands: [] });
  const second = stateOf(7);
  kept.keep(answerOf(4), second);
  t.strictSame(kept.read(), { ...answerOf(4), state: second, commands: [] });
  const large = newState('swtpm', { permanent: new Uint8Array(300_000), volatile: null, savestate: null });
  t.throws(() => kept.keep(answerOf(5), large), { code: 'BAD_STATE_BLOB' });
  t.strictSame(kept.read(), { ...answerOf(4), state: second, commands: [] }, 'and nothing has changed');
});

const commandOf = (bytes: number): KeptCommand => ({
  locality: bytes % 5,
  command: new Uint8Array(bytes).fill(bytes),
  response: new Uint8Array(10 + (bytes % 7)).fill(bytes + 1),
});

t.test('commands are kept behind a state, as long as there is room for them', async (t) => {
  const memory = memoryOf();
  const kept = new KeptState(memory, BASE);
  t.equal(kept.hasRoomFor(commandOf(10)), false, 'nothing that it could follow');
  t.throws(() => kept.keepCommand(answerOf(1), commandOf(10)));
  t.throws(() => kept.keepState(stateOf(1)));
  const first = stateOf(1);
  kept.keep(answerOf(1), first);
  t.equal(kept.hasCommands, false);
  const commands: KeptCommand[] = [];
  for (let bytes = 10; kept.hasRoomFor(commandOf(bytes)); bytes = 10 + ((bytes * 7) % 4087)) {
    commands.push(commandOf(bytes));
    kept.keepCommand(answerOf(1 + commands.length), commandOf(bytes));
  }
  t.ok(commands.length > 8, `${commands.length} commands`);
  t.throws(() => kept.keepCommand(answerOf(50), commandOf(4096)));
  const last = answerOf(1 + commands.length);
  t.equal(kept.hasCommands, true);
  t.strictSame(new KeptState(memory, BASE).read(), { ...last, state: first, commands });
  const read = answerOf(99);
  kept.keep(read, null);
  t.strictSame(kept.read(), { ...read, state: first, commands }, 'a command that changes nothing is none of them');
  const second = stateOf(5);
  kept.keepState(second);
  t.strictSame(kept.read(), { ...read, state: second, commands: [] }, 'a state takes their place, the answer stays');
  t.equal(kept.hasCommands, false);
  kept.keepCommand(answerOf(100), commandOf(12));
  t.strictSame(kept.read(), { ...answerOf(100), state: second, commands: [commandOf(12)] });
  kept.keep(answerOf(101), first);
  t.strictSame(kept.read(), { ...answerOf(101), state: first, commands: [] });
});

/** What is kept before, and what is done until a death. */
const STEPS: readonly (readonly [name: string, first: (kept: KeptState) => void, then: (kept: KeptState) => void])[] = [
  ['a state', (kept) => kept.keep(answerOf(1), stateOf(1)), (kept) => kept.keep(answerOf(2), stateOf(5))],
  ['an answer', (kept) => kept.keep(answerOf(1), stateOf(1)), (kept) => kept.keep(answerOf(2), null)],
  ['a command', (kept) => kept.keep(answerOf(1), stateOf(1)), (kept) => kept.keepCommand(answerOf(2), commandOf(30))],
  [
    'another command',
    (kept) => {
      kept.keep(answerOf(1), stateOf(1));
      kept.keepCommand(answerOf(2), commandOf(30));
    },
    (kept) => kept.keepCommand(answerOf(3), commandOf(40)),
  ],
  [
    'a state in place of commands',
    (kept) => {
      kept.keep(answerOf(1), stateOf(1));
      kept.keepCommand(answerOf(2), commandOf(30));
    },
    (kept) => kept.keepState(stateOf(5)),
  ],
  [
    'a command in the place of those before the state',
    (kept) => {
      kept.keep(answerOf(1), stateOf(1));
      kept.keepCommand(answerOf(2), commandOf(30));
      kept.keepState(stateOf(5));
    },
    (kept) => kept.keepCommand(answerOf(3), commandOf(50)),
  ],
];

for (const [name, first, then] of STEPS) {
  t.test(`${name}: a death between any two stores leaves what was kept before, or it`, async (t) => {
    const whole = memoryOf();
    first(new KeptState(whole, BASE));
    const before = new KeptState(whole, BASE).read();
    then(new KeptState(whole, BASE));
    const after = withoutLabels(new KeptState(whole, BASE).read());
    const seen = { before: 0, after: 0 };
    for (let deadline = 0; ; deadline++) {
      const memory = memoryOf();
      first(new KeptState(memory, BASE));
      const died = dies(() => then(new KeptState(mortal(memory, deadline), BASE)));
      const found = withoutLabels(new KeptState(memory, BASE).read());
      const isBefore = same(found, withoutLabels(before));
      if (!isBefore) t.strictSame(found, after);
      if (isBefore) seen.before++;
      else seen.after++;
      if (!died) break;
    }
    t.equal(seen.after, 1, 'only once all is stored');
    t.ok(seen.before > 5);
  });
}

/** Each state has a generation of its own, and digests over that. */
function withoutLabels(kept: Kept | null): unknown {
  return kept === null
    ? null
    : { ...kept, state: { permanent: kept.state.permanent.bytes, volatile: kept.state.volatile?.bytes } };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Dies before its store number `deadline`. */
function mortal(memory: SharedMemory, deadline: number): SharedMemory {
  let left = deadline;
  return new Proxy(memory, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== 'function') return member;
      return (...values: unknown[]) => {
        if (/^write/.test(String(name)) && left-- === 0) throw new Death();
        return (member as (...all: unknown[]) => unknown).apply(target, values);
      };
    },
  });
}

function dies(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (!(error instanceof Death)) throw error;
    return true;
  }
}
