/** Results of campaigns, made up by fast-check. */
import fc from 'fast-check';
import { type CampaignConfiguration, corpusDigest } from '../../campaign/configuration.js';
import { CampaignResult, MANY, type ShardReport } from '../../campaign/result.js';
import { digestOfShard } from '../../campaign/result-file.js';

export const CONFIGURATION: CampaignConfiguration = {
  version: '0.1.0',
  build: 'b'.repeat(64),
  seed: 1,
  runs: 1000,
  shards: 8,
  checkAll: false,
  worlds: { tpmfront: 'linux', commands: 2 },
  files: {},
  corpus: corpusDigest([]),
};

/** Few slots and tokens, so that shards meet in them. */
const slot = fc.integer({ min: 0, max: 12 });
const token = fc.constantFrom<string>('q1.A', 'q1.B', 'q1.AA', 'q1.BB', 'q1.AAAA', 'q1.0-_');
const count = fc.integer({ min: 0, max: 50 });

const failure = fc.record({
  tpmfront: fc.constantFrom('linux', 'resend'),
  tpmback: fc.constant('v2'),
  oracle: fc.constantFrom('in-step' as const, 'no-hang' as const),
  run: fc.integer({ min: 0, max: 999 }),
  token,
  count: fc.integer({ min: 1, max: 50 }),
  scenarios: fc.constantFrom<Readonly<Record<string, number>>>(
    { checkpoint: 3 },
    { 'clean-migration': 1, checkpoint: 2 },
  ),
});

const difference = fc.record({
  step: fc.integer({ min: 1, max: 99 }),
  name: fc.string(),
  what: fc.string(),
  run: count,
  token,
});

const content = fc.record({
  runs: count,
  steps: count,
  checked: count,
  strategies: fc.tuple(count, count, count),
  failures: fc.array(failure, { maxLength: 3 }),
  differences: fc.array(difference, { maxLength: 2 }),
  states: fc.array(fc.integer(), { maxLength: 20 }),
  features: fc.array(fc.tuple(slot, fc.boolean()), { maxLength: 10 }),
  corpus: fc.array(fc.tuple(slot, token), { maxLength: 10 }),
});

type Content = typeof content extends fc.Arbitrary<infer C> ? C : never;

/** The result of one shard. */
export function resultOfShard(shard: number, found: Content, configuration = CONFIGURATION): CampaignResult {
  const { states, features, corpus, ...rest } = found;
  const result = new CampaignResult(configuration);
  for (const state of states) result.states.add(state);
  for (const [place, once] of features) result.feature(place, once ? shard : MANY);
  for (const [place, text] of corpus) result.entry(place, text);
  const report: Omit<ShardReport, 'digest'> = rest;
  result.shards.set(shard, { ...report, digest: digestOfShard(result, report) });
  return result;
}

/** What every shard of the campaign has found. */
export const everyShard: fc.Arbitrary<readonly CampaignResult[]> = fc
  .array(content, { minLength: CONFIGURATION.shards, maxLength: CONFIGURATION.shards })
  .map((contents) => contents.map((found, shard) => resultOfShard(shard, found)));
