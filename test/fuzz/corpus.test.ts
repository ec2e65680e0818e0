/**
 * The corpus that is kept with the tests, taken again entry by entry: runs of many worlds that end without a failure.
 *
 * Whoever changes what a driver or a store does may well end up here. When the change is meant, the corpus is made anew:
 *
 *     rm test/fuzz/corpus/*.token
 *     npx quiesce campaign --shard 0/1 --seed 2 --commands 1 --runs 512 --result /tmp/corpus.json
 *     npx quiesce merge /tmp/corpus.json --corpus test/fuzz/corpus
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { resolverOf, worldsOf } from '../../campaign/worlds.js';
import { emptyTables } from '../../simulator/fuzz/coverage.js';
import { ShardRunner } from '../../simulator/fuzz/shard.js';
import { parseToken } from '../../simulator/token.js';
import { quiesce } from '../support/fake-terminal.js';

const FOLDER = 'test/fuzz/corpus';

t.test('every entry of the corpus is a run of today, and none fails', async (t) => {
  const worlds = await worldsOf({});
  const runner = new ShardRunner(worlds.swarm, await resolverOf(worlds), emptyTables());
  const drivers = new Set<string>();
  const files = readdirSync(FOLDER);
  for (const file of files) {
    const token = readFileSync(join(FOLDER, file), 'utf8').trimEnd();
    t.equal(file, `${createHash('sha256').update(token).digest('hex').slice(0, 16)}.token`);
    t.strictSame(runner.retrace(token), { kind: 'whole' }, file);
    t.match(await quiesce(['replay', token]), { status: 0, err: '' }, file);
    const { tpmfront, tpmback } = parseToken(token);
    drivers.add(tpmfront).add(tpmback);
  }
  t.ok(files.length >= 20 && drivers.size >= 4, `${files.length} entries of ${[...drivers].join(', ')}`);
});
