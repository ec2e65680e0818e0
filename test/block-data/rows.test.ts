/** Every row of `scenarios/block-data.ts`: the verdict that its argument gives is the one that exploration finds. */
import t, { type Test } from 'tap';
import { BLOCK_ROWS, type BlockRow } from '../../scenarios/block-data.js';
import { BlockWorld } from '../../simulator/block-data/world.js';
import { explore } from '../../simulator/explore/explore.js';
import { DAEMONS, USUAL_DAEMON } from '../../simulator/world-options.js';
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

/** Rows in which much happens in the store, and which are soon explored. */
const STORED = [
  'boot',
  'detach',
  'detach/while it connects',
  'power-off',
  'destroy',
  'attach/script hangs',
  'restore/linux/read',
  'migrate-closes-first/linux',
  'killed/reconnects/boot',
  'killed between steps/reconnects/takes-over',
  'killed between steps/reconnects/takes-over and closes busy',
  'killed twice/reconnects',
];

for (const daemon of DAEMONS.filter((name) => name !== USUAL_DAEMON)) {
  t.test(`with ${daemon} a block pair does what it does with the usual xenstored`, SLOW, async (t) => {
    const rows = BLOCK_ROWS.filter(({ name }) => STORED.includes(name));
    t.equal(rows.length, STORED.length);
    for (const row of rows) {
      const other = { ...row, options: { ...row.options, daemon } };
      if (row.oracle === null) holds(t, other);
      else fails(t, other);
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
