/**
 * What is remembered of the offers of groups is what they offer, wherever the journal has been meanwhile and however much of
 * it is forgotten; and who was not disturbed is not asked again.
 */
import fc from 'fast-check';
import t from 'tap';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { type Ask, RememberedOffers } from '../../simulator/remembered/remembered-offers.js';

const WORDS = 6;
/** More than a bit set has bits. */
const GROUPS = 40;

/** A group looks at one word, and at another one if that is odd; it offers what it has seen. */
function askOf(memory: JournaledMemory, asked: number[]): Ask {
  return (group, choices) => {
    asked.push(group);
    const seen = memory.read32(PAGE_SIZE + (group % WORDS) * 4);
    choices[0] = seen;
    if ((seen & 1) === 0) return { count: 1, flags: group };
    choices[1] = memory.read32(PAGE_SIZE + ((group + 1) % WORDS) * 4);
    return { count: 2, flags: group };
  };
}

function offerOf(remembered: RememberedOffers, group: number): readonly number[] {
  const at = remembered.of(group);
  const { offers } = remembered;
  return [...offers.subarray(at, at + 2 + (offers[at + 1] as number))];
}

const anyDeed = fc.oneof(
  fc.record({ word: fc.nat(WORDS - 1), value: fc.nat(3) }),
  fc.record({ back: fc.nat(3) }),
  fc.constant('ask' as const),
);

for (const bound of [undefined, 12])
  t.test(bound === undefined ? 'everything is remembered' : 'next to nothing is', async () => {
    const property = fc.property(fc.array(anyDeed, { maxLength: 60 }), (deeds) => {
      const memory = new JournaledMemory(2);
      const remembered = new RememberedOffers(memory, GROUPS, askOf(memory, []), bound);
      const ask = askOf(memory, []);
      const choices = new Int32Array(2);
      const marks: { readonly length: number; readonly low: number; readonly high: number }[] = [];
      for (const deed of deeds) {
        if (deed === 'ask') {
          remembered.beginState();
          for (let group = 0; group < GROUPS; group++) {
            const { count, flags } = ask(group, choices);
            const found = offerOf(remembered, group);
            if (found.join() !== [flags, count, ...choices.subarray(0, count)].join()) return false;
          }
        } else if ('word' in deed) {
          marks.push({ length: memory.journalLength, low: memory.hashLow, high: memory.hashHigh });
          memory.write32(PAGE_SIZE + deed.word * 4, deed.value);
        } else {
          const mark = marks.splice(Math.max(0, marks.length - deed.back))[0];
          if (mark !== undefined) memory.undo(mark.length, mark.low, mark.high);
        }
      }
      return true;
    });
    fc.assert(property, { numRuns: 2000 });
  });

t.test('a group is asked again only where something new was stored that it looks at', async (t) => {
  const memory = new JournaledMemory(2);
  const asked: number[] = [];
  const remembered = new RememberedOffers(memory, WORDS, askOf(memory, asked));
  const all = (): void => {
    asked.length = 0;
    remembered.beginState();
    for (let group = 0; group < WORDS; group++) remembered.of(group);
  };
  all();
  t.strictSame(asked, [0, 1, 2, 3, 4, 5]);
  all();
  t.strictSame(asked, [], 'the same state');
  const { journalLength, hashLow, hashHigh } = memory;
  memory.write32(PAGE_SIZE + 8, 1);
  all();
  t.strictSame(asked, [2], 'group 2 looks at word 2');
  memory.write32(PAGE_SIZE + 12, 2);
  all();
  t.strictSame(asked, [2, 3], 'group 2 has looked at word 3 too');
  memory.undo(journalLength, hashLow, hashHigh);
  all();
  t.strictSame(asked, [], 'the first state');
});
