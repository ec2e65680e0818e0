/**
 * The state of a TPM that outlives its process: at every moment either that before a command or that after it.
 */
import t from 'tap';
import { KeptState } from '../../live/device/kept-state.js';
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
  t.strictSame(new KeptState(memory, BASE).read(), { ...answerOf(3), state: first });
  const second = stateOf(7);
  kept.keep(answerOf(4), second);
  t.strictSame(kept.read(), { ...answerOf(4), state: second });
  const large = newState('swtpm', { permanent: new Uint8Array(300_000), volatile: null, savestate: null });
  t.throws(() => kept.keep(answerOf(5), large), { code: 'BAD_STATE_BLOB' });
  t.strictSame(kept.read(), { ...answerOf(4), state: second }, 'and nothing has changed');
});

t.test('a death between any two stores leaves the one or the other', async (t) => {
  const before = stateOf(1);
  const after = stateOf(5);
  const seen = { before: 0, after: 0 };
  for (let deadline = 0; ; deadline++) {
    const memory = memoryOf();
    new KeptState(memory, BASE).keep(answerOf(1), before);
    let left = deadline;
    const mortal = new Proxy(memory, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== 'function') return member;
        return (...values: unknown[]) => {
          if (/^write/.test(String(name)) && left-- === 0) throw new Death();
          return (member as (...all: unknown[]) => unknown).apply(target, values);
        };
      },
    });
    let died = false;
    try {
      new KeptState(mortal, BASE).keep(answerOf(2), after);
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      died = true;
    }
    const found = new KeptState(memory, BASE).read();
    const isBefore = found?.sequence === 1;
    t.strictSame(found, isBefore ? { ...answerOf(1), state: before } : { ...answerOf(2), state: after });
    if (isBefore) seen.before++;
    else seen.after++;
    if (!died) break;
  }
  t.equal(seen.after, 1, 'only once all is stored');
  t.ok(seen.before > 5);
});
