/**
 * A migration stream can end after any byte. An exploration tries one place in each page; here is why that is enough:
 * wherever it ends, the world is the same when the source has taken the migration back.
 */
import t from 'tap';
import { findScenario } from '../../scenarios/find-scenario.js';
import { choicesOf, runUntil, take, worldOf } from '../support/worlds.js';

const SCENARIO = findScenario('clean-migration+stream-cuts=1');

t.test(
  'wherever the stream ends, the target is gone and the source goes on as if nothing had been sent',
  { timeout: 300_000 },
  async (t) => {
    const world = worldOf({ front: 'sequenced', scenario: SCENARIO });
    const { memory, machine } = world;
    const { toolstack, slots } = machine;
    const [source, target] = slots;
    t.ok(runUntil(world, () => toolstack.streaming, ['fault/']));
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    const ends = new Set<string>();
    const arrived = new Set<string>();
    const wrong: number[] = [];
    for (let bytes = 0; bytes <= source.imageBytes; bytes++) {
      toolstack.cutStream(bytes);
      arrived.add(`${memory.hashLow} ${memory.hashHigh}`);
      take(world, 'toolstack.successor/look', 'toolstack.successor/await', 'toolstack.successor/resume');
      if (!source.domain.running || target.exists) wrong.push(bytes);
      ends.add(`${memory.hashLow} ${memory.hashHigh}`);
      memory.undo(mark, hashLow, hashHigh);
    }
    t.strictSame(wrong, []);
    t.ok(arrived.size > 50, `${arrived.size} different parts have arrived`);
    t.equal(ends.size, 1, 'and all come to the same');
  },
);

t.test('the places offered are one in each page, the beginning, and the handshake after the stream', async (t) => {
  const world = worldOf({ front: 'sequenced', scenario: SCENARIO });
  const { toolstack, slots } = world.machine;
  const cuts = (): string[] =>
    choicesOf(world)
      .map((choice) => world.describe(choice))
      .filter((name) => name.startsWith('fault/'));
  t.strictSame(cuts(), []);
  t.ok(runUntil(world, () => toolstack.streaming, ['fault/']));
  const pages = slots[0].imageBytes / 4096;
  t.equal(cuts().length, pages + 1);
  t.equal(cuts()[0], 'fault/cut stream after 0 bytes');
  t.equal(cuts().at(-1), `fault/cut stream after ${(pages - 1) * 4096 + 2048} bytes`);
  t.ok(runUntil(world, () => toolstack.shakingHands, ['fault/']));
  t.strictSame(cuts(), ['fault/lose connection after the stream']);
});
