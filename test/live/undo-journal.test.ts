/**
 * A process may die between any two stores of a step; whoever starts it again finds the state before the step.
 */
import t from 'tap';
import { Rights } from '../../live/memory/address-space.js';
import { JOURNAL_PFN } from '../../live/memory/segments.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { UndoJournal } from '../../live/memory/undo-journal.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';

const FRAME = PLAN.guest.firstFrame;
const KEPT = FRAME * PAGE_SIZE;
const SHARED = KEPT + PAGE_SIZE;
const JOURNAL = (FRAME + JOURNAL_PFN) * PAGE_SIZE;

/** Thrown in place of a death. */
class Death extends Error {}

/** One step with stores of every kind. */
function step(
  memory: Pick<SharedMemory, 'write8' | 'write16' | 'write32' | 'or32' | 'and32' | 'clear' | 'copy'>,
): void {
  memory.write32(KEPT, 11);
  memory.write8(KEPT + 5, 12);
  memory.write32(SHARED, 13);
  memory.write16(KEPT + 8, 14);
  memory.write32(KEPT, 15);
  memory.or32(KEPT + 12, 0xf0);
  memory.and32(KEPT + 16, 0x0f);
  memory.clear(KEPT + 20, 12);
  memory.copy(KEPT, KEPT + 64, 24);
}

for (const spaces of testSpaces()) {
  t.test(`${spaces.name}: after a death between any two stores the step is taken back`, async (t) => {
    const space = spaces.create();
    space.open(FRAME, PLAN.guest.pages, Rights.Store);
    const plain = new SharedMemory(space);
    for (let deadline = 0; ; deadline++) {
      for (let at = 0; at < 128; at += 4) plain.write32(KEPT + at, 1000 + at);
      plain.write32(SHARED, 0);
      const memory = new SharedMemory(space);
      memory.keep(new UndoJournal(memory.words, JOURNAL), FRAME, 1);
      let left = deadline;
      const mortal = new Proxy(memory, {
        get(target, name) {
          const method = Reflect.get(target, name) as (...values: number[]) => unknown;
          return (...values: number[]) => {
            if (left-- === 0) throw new Death();
            return method.apply(target, values);
          };
        },
      });
      let died = false;
      try {
        step(mortal);
      } catch (error) {
        if (!(error instanceof Death)) throw error;
        died = true;
      }
      if (!died) {
        memory.commit();
        t.equal(new UndoJournal(plain.words, JOURNAL).recover(), 0, 'a step that was committed stays');
        t.equal(plain.read32(KEPT), 15);
        break;
      }
      new UndoJournal(plain.words, JOURNAL).recover();
      const wrong = Array.from({ length: 32 }, (_, i) => i * 4).filter((at) => plain.read32(KEPT + at) !== 1000 + at);
      t.strictSame(wrong, [], `after ${deadline} stores`);
      t.equal(plain.read32(SHARED), deadline > 2 ? 13 : 0, 'what others may have seen is left');
      t.equal(new UndoJournal(plain.words, JOURNAL).recover(), 0, 'and taken back once');
    }
  });

  t.test(`${spaces.name}: a step that outgrows the journal is a mistake, not a loss`, async (t) => {
    const space = spaces.create();
    space.open(FRAME, PLAN.guest.pages, Rights.Store);
    const memory = new SharedMemory(space);
    memory.keep(new UndoJournal(memory.words, JOURNAL), FRAME, 1);
    t.throws(() => {
      for (let i = 0; i < 3000; i++) memory.write32(KEPT, i);
    }, /journal: a step of more than/);
    new UndoJournal(memory.words, JOURNAL).recover();
  });
}
