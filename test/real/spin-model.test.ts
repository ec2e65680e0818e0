/** The model in Promela has the graph that `explore` walks, state for state: else comparing their speed says nothing. */
import t from 'tap';
import { Pan } from '../../bench/spin/pan.js';
import { CHOICES_MAX } from '../../simulator/explore/explore.js';
import { worldOf } from '../support/worlds.js';

const LIMIT = { timeout: 300_000 } as const;

/** States of the world without reductions, and those of them in which nothing can happen any more. */
function graphOf(scenario: string, commands: number): { readonly states: number; readonly ends: number } {
  const world = worldOf({ front: 'sequenced', scenario, commands, reduction: false });
  const { memory } = world;
  const seen = new Set<string>();
  let ends = 0;
  const visit = (): void => {
    const key = `${memory.hashLow} ${memory.hashHigh}`;
    if (seen.has(key)) return;
    seen.add(key);
    const choices = new Int32Array(CHOICES_MAX);
    const count = world.enumerate(choices);
    if (count === 0) ends++;
    const { journalLength, hashLow, hashHigh } = memory;
    for (const choice of choices.slice(0, count)) {
      world.step(choice);
      visit();
      memory.undo(journalLength, hashLow, hashHigh);
    }
  };
  visit();
  return { states: seen.size, ends };
}

for (const [scenario, defines] of [
  ['clean-migration', []],
  ['cancelled-suspend', ['CANCEL']],
] as const)
  t.test(`${scenario} is the same graph`, LIMIT, async (t) => {
    for (const commands of [1, 2, 3]) {
      const { states, ends } = graphOf(scenario, commands);
      const pan = new Pan([`COMMANDS=${commands}`, ...defines], ['-DSAFETY', '-DNOREDUCE']);
      t.teardown(() => pan.close());
      const found = pan.run(18);
      // Two before the processes are started; an end is judged, left, and its process ends.
      t.match(found, { holds: true, states: states + 2 + 3 * ends }, `${commands} commands`);
    }
  });

t.test('the assertions of the model are looked at', LIMIT, async (t) => {
  // A frontend that counts twice: its backend is asked for a number that is not the next.
  const pan = new Pan(['COMMANDS=2'], ['-DSAFETY', '-DNOREDUCE'], (model) =>
    model.replace('G.sequence++', 'G.sequence = G.sequence + 2'),
  );
  t.teardown(() => pan.close());
  t.match(pan.run(18), { holds: false });
});
