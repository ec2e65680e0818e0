/** Every row of `scenarios/block-data.ts`: the verdict that its argument gives is the one that exploration finds. */
import t, { type Test } from 'tap';
import { BLOCK_ROWS, type BlockRow } from '../../scenarios/block-data.js';
import { BlockWorld } from '../../simulator/block-data/world.js';
import { explore } from '../../simulator/explore/explore.js';
import { shortestFailure } from '../support/explorable.js';

/** Some ten seconds on an idle core. */
const SLOW = { timeout: 300_000 };

for (const situation of new Set(BLOCK_ROWS.map(situationOf))) {
  t.test(`${situation}: each design of a block pair shows what the argument says`, SLOW, async (t) => {
    for (const row of BLOCK_ROWS.filter((row) => situationOf(row) === situation)) {
      if (row.oracle === null) holds(t, row);
      else fails(t, row);
    }
  });
}

t.test('names of rows are different', async (t) => {
  t.equal(new Set(BLOCK_ROWS.map(({ name }) => name)).size, BLOCK_ROWS.length);
});

function situationOf({ name }: BlockRow): string {
  return name.split('/')[0] as string;
}

function holds(t: Test, { name, options }: BlockRow): void {
  const { holds, complete, oracle, fault } = explore(new BlockWorld(options), { order: 'dfs' });
  t.strictSame({ holds, complete, oracle, fault }, { holds: true, complete: true, oracle: null, fault: null }, name);
}

function fails(t: Test, { name, options, oracle, or }: BlockRow): void {
  const { exploration, why } = shortestFailure(new BlockWorld(options));
  t.ok(
    exploration.oracle === oracle || (or !== undefined && exploration.oracle === or),
    `${name}: ${exploration.oracle}, ${why}`,
  );
}
