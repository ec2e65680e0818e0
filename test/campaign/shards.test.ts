/** Shards as they are run: pure functions of configuration and number, whose results are the campaign's in any order. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { programBuild } from '../../campaign/build.js';
import {
  type CampaignConfiguration,
  campaignId,
  canonical,
  checkBuild,
  corpusDigest,
  readConfiguration,
  runsOfShard,
} from '../../campaign/configuration.js';
import { outcomeOf } from '../../campaign/outcome.js';
import { merged } from '../../campaign/result.js';
import { formatResult } from '../../campaign/result-file.js';
import { CampaignShards } from '../../campaign/shards.js';
import { filesOf } from '../../campaign/worlds.js';
import { CONFIGURATION as MADE_UP } from '../support/campaign-results.js';

const CONFIGURATION: CampaignConfiguration = {
  ...MADE_UP,
  build: programBuild(),
  runs: 1500,
  shards: 4,
  worlds: { tpmfront: 'linux', session: 'ima_extends', scenario: 'checkpoint', commands: 2 },
};

t.test('runs are dealt out once each, and evenly', async (t) => {
  for (const [runs, shards] of [
    [1000, 7],
    [7, 7],
    [2 ** 31 - 1, 99_999],
    [1, 1],
  ] as const) {
    let next = 0;
    const counts = new Set<number>();
    for (let shard = 0; shard < shards; shard++) {
      const { first, count } = runsOfShard({ runs, shards }, shard);
      if (first !== next) t.fail(`shard ${shard} of ${shards} begins at ${first}, expected ${next}`);
      next += count;
      counts.add(count);
    }
    t.equal(next, runs);
    t.ok(counts.size <= 2 && Math.max(...counts) - Math.min(...counts) <= 1);
  }
});

t.test('a shard gives the same bytes whatever ran before it, and wherever', async (t) => {
  const first = await CampaignShards.open(CONFIGURATION, []);
  const second = await CampaignShards.open(CONFIGURATION, []);
  const forwards = [0, 1, 2, 3].map((shard) => first.run(shard));
  const backwards = [3, 2, 1, 0].map((shard) => second.run(shard)).reverse();
  t.strictSame(forwards.map(formatResult), backwards.map(formatResult));
  t.equal(formatResult(first.run(2)), formatResult(second.run(2)), 'again');
  t.equal(new Set(forwards.map(formatResult)).size, 4, 'and each shard is another one');

  const { figures, failures, differences } = outcomeOf(merged(forwards));
  t.match(figures, { runs: 1500 });
  t.match(
    failures,
    [{ tpmfront: 'linux', tpmback: 'v2', oracle: 'in-step' }],
    'a plain tpmfront is torn by a checkpoint',
  );
  t.strictSame(differences, []);
});

t.test('a shard begins with what the corpus shows', async (t) => {
  const found = merged([0, 1].map((shard) => shards.run(shard)));
  const configuration = { ...CONFIGURATION, corpus: corpusDigest(found.tokens) };
  t.not(campaignId(configuration), campaignId(CONFIGURATION));
  const later = await CampaignShards.open(configuration, found.tokens);
  const result = later.run(0);
  const fresh = shards.run(0);
  t.ok(result.tokens.length < fresh.tokens.length, 'so that less is new');
  t.ok(result.features.size >= fresh.tokens.length);
  await t.rejects(CampaignShards.open(CONFIGURATION, found.tokens), {
    code: 'BAD_CAMPAIGN',
    message: /expected the corpus that the campaign was begun with/,
  });
  const damaged = ['q1.AAAA'];
  await t.rejects(CampaignShards.open({ ...configuration, corpus: corpusDigest(damaged) }, damaged), {
    code: 'BAD_CAMPAIGN',
    message: /an entry of the corpus: /,
  });
});

const shards = await CampaignShards.open(CONFIGURATION, []);

t.test('a file that the campaign names must be the same everywhere', async (t) => {
  const file = join(t.testdir({}), 'mine.mjs');
  const code = "export { LinuxTpmfront as default } from 'quiesce';\n";
  writeFileSync(file, code);
  const worlds = { session: file };
  const files = filesOf(worlds);
  t.match(files, { [file]: /^[0-9a-f]{64}$/ });
  writeFileSync(file, `${code}\n`);
  await t.rejects(CampaignShards.open({ ...CONFIGURATION, worlds, files }, []), {
    code: 'BAD_CAMPAIGN',
    message: /mine\.mjs as it was when the campaign was begun, found another file/,
  });
  rmSync(file);
  await t.rejects(CampaignShards.open({ ...CONFIGURATION, worlds, files }, []), {
    code: 'USAGE',
    message: /cannot read .*mine\.mjs/,
  });
  t.strictSame(filesOf({ tpmfront: 'linux', session: 'ima_extends' }), {}, 'names are no files');
});

t.test('the id says everything that a run depends on, in whatever order it is written', async (t) => {
  const { worlds } = CONFIGURATION;
  const turned = { ...CONFIGURATION, worlds: Object.fromEntries(Object.entries(worlds).reverse()) };
  t.equal(campaignId(turned), campaignId(CONFIGURATION));
  t.strictSame(readConfiguration('c', JSON.stringify(canonical(CONFIGURATION))), canonical(CONFIGURATION));
  const others: readonly Partial<CampaignConfiguration>[] = [
    { version: '9' },
    { build: 'c'.repeat(64) },
    { seed: 2 },
    { runs: 1501 },
    { shards: 5 },
    { checkAll: true },
    { worlds: { ...worlds, commands: 3 } },
    { files: { x: 'd'.repeat(64) } },
    { corpus: 'e'.repeat(64) },
  ];
  const ids = [{}, ...others].map((more) => campaignId({ ...CONFIGURATION, ...more }));
  t.equal(new Set(ids).size, ids.length);
});

t.test('another build is refused', async (t) => {
  checkBuild(CONFIGURATION, '0.1.0', programBuild());
  t.throws(() => checkBuild(CONFIGURATION, '0.1.1', 'f'.repeat(64)), {
    code: 'OTHER_BUILD',
    message: /expected quiesce 0\.1\.0, build [0-9a-f]{12}, for campaign [0-9a-f]{16}; this is 0\.1\.1, build f{12}: /,
  });
});
