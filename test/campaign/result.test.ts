/** Results form a join: whatever the order, the grouping and the repetitions, the bytes are the same. */
import fc from 'fast-check';
import t from 'tap';
import { outcomeOf } from '../../campaign/outcome.js';
import { type CampaignResult, MANY, merged } from '../../campaign/result.js';
import { formatResult, parseResult } from '../../campaign/result-file.js';
import { QuiesceError } from '../../protocol/errors.js';
import { CONFIGURATION, everyShard, resultOfShard } from '../support/campaign-results.js';

const EMPTY = {
  runs: 0,
  steps: 0,
  checked: 0,
  strategies: [0, 0, 0] as [number, number, number],
  failures: [],
  differences: [],
  states: [],
  features: [],
  corpus: [],
};

/** Merges in the shape of a random tree: two of what is left at a time, until one is left; some of it goes in twice. */
function mergedLike(results: readonly CampaignResult[], picks: readonly number[]): CampaignResult {
  const left = [...results];
  for (const pick of picks) {
    if (left.length < 2) break;
    const [one] = left.splice(pick % left.length, 1);
    const [two] = left.splice((pick >>> 8) % left.length, 1);
    const both = merged([one, two] as CampaignResult[]);
    left.push(both);
    if (pick % 3 === 0) left.push(merged([both, one] as CampaignResult[]));
  }
  return merged(left);
}

t.test('merging is associative, commutative and idempotent', async (t) => {
  const picks = fc.array(fc.nat({ max: 0xffff }), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(everyShard, picks, (results, order) => {
      const straight = formatResult(merged(results));
      return formatResult(mergedLike(results, order)) === straight;
    }),
    { numRuns: 200 },
  );
  t.pass('in any order, grouping and number of times');
});

t.test('and so is what goes through files on the way', async (t) => {
  fc.assert(
    fc.property(everyShard, fc.nat({ max: 7 }), (results, cut) => {
      const parts = [results.slice(cut), results.slice(0, cut + 1)].map((part) => formatResult(merged(part)));
      return (
        formatResult(merged(parts.map((text) => parseResult('part', text)))) === formatResult(merged(results)) &&
        parts.every((text) => formatResult(parseResult('part', text)) === text)
      );
    }),
    { numRuns: 100 },
  );
  t.pass('a text that is read gives the same text');
});

t.test('what is shown once in one shard is once, in two shards or twice in one is more', async (t) => {
  const one = resultOfShard(3, { ...EMPTY, features: [[5, true]] });
  const other = resultOfShard(4, { ...EMPTY, features: [[5, true]] });
  t.equal(merged([one, one]).features.get(5), 3, 'the same shard again is not another run');
  t.equal(merged([one, other]).features.get(5), MANY);
  const twice = resultOfShard(3, { ...EMPTY, features: [[5, false]] });
  t.equal(merged([other, twice]).features.get(5), MANY);
});

t.test('of the runs that show the same the shortest is kept', async (t) => {
  const results = ['q1.BB', 'q1.C', 'q1.AAA', 'q1.B'].map((token, shard) =>
    resultOfShard(shard, { ...EMPTY, corpus: [[9, token]] }),
  );
  t.strictSame(merged(results).tokens, ['q1.B']);
});

t.test('two reports of one shard that differ are refused, and nothing is taken', async (t) => {
  const one = resultOfShard(2, { ...EMPTY, runs: 10 });
  const other = merged([resultOfShard(1, EMPTY), resultOfShard(2, { ...EMPTY, runs: 10, states: [7] })]);
  const before = formatResult(one);
  t.throws(() => one.absorb(other), { code: 'BAD_CAMPAIGN', message: /shard 2 .* two that are not the same/ });
  t.equal(formatResult(one), before);
  const foreign = resultOfShard(2, EMPTY, { ...CONFIGURATION, seed: 2 });
  t.throws(() => one.absorb(foreign), { code: 'BAD_CAMPAIGN', message: /expected results of campaign \w{16}, found/ });
});

t.test('the outcome sums up every shard, and misses none', async (t) => {
  const failure = { tpmfront: 'linux', tpmback: 'v2', oracle: 'in-step', token: 'q1.A', count: 2 } as const;
  const shards = Array.from({ length: CONFIGURATION.shards }, (_, shard) =>
    resultOfShard(shard, {
      ...EMPTY,
      runs: 125,
      steps: 1000,
      checked: 5,
      strategies: [100, 20, 5],
      failures: [{ ...failure, run: shard * 125, scenarios: { checkpoint: 2 } }],
      states: [shard, 1000],
      features: [[shard, true]],
    }),
  );
  const part = merged(shards.filter((_, shard) => shard !== 3 && shard !== 6));
  t.throws(() => outcomeOf(part), { code: 'UNFINISHED', message: /all 8 shards .* found 6; missing: 3, 6/ });
  t.match(outcomeOf(merged(shards)), {
    figures: { runs: 1000, steps: 8000, checked: 40, features: 8, unseen: 8 / 1000, states: 9 },
    failures: [{ tpmfront: 'linux', run: 0, count: 16, scenarios: new Map([['checkpoint', 16]]) }],
  });
});

t.test('whatever the text, it gives a result or one clear error', async (t) => {
  const text = formatResult(
    merged([resultOfShard(0, { ...EMPTY, features: [[1, true]], corpus: [[1, 'q1.A']] }), resultOfShard(1, EMPTY)]),
  );
  const refused = (changed: string): boolean => {
    try {
      parseResult('f.json', changed);
      return false;
    } catch (error) {
      return error instanceof QuiesceError && error.code === 'BAD_CAMPAIGN' && error.message.startsWith('f.json: ');
    }
  };
  const at = fc.nat({ max: text.length - 2 });
  fc.assert(fc.property(at, (length) => refused(text.slice(0, length))));
  fc.assert(
    fc.property(at, fc.string({ minLength: 1, maxLength: 3 }), (place, more) => {
      const changed = text.slice(0, place) + more + text.slice(place + 1);
      return changed === text || refused(changed);
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.json(), (json) => refused(json)));
  fc.assert(fc.property(fc.string(), (any) => refused(any)));
  t.throws(() => parseResult('f.json', '[]'), { message: /^f\.json: expected an object, found \[\]$/ });
  const other = text.replace('result 1', 'result 2');
  t.throws(() => parseResult('f.json', other), { message: /format: expected quiesce campaign result 1, found/ });
  t.throws(() => parseResult('f.json', text.replace('"seed":1', '"seed":9')), { message: /another checksum/ });
});

t.test('fields that a faulty writer has put there, checksum and all, are refused', async (t) => {
  const { createHash } = await import('node:crypto');
  const whole = formatResult(resultOfShard(0, { ...EMPTY, features: [[1, true]], corpus: [[1, 'q1.A']] }));
  const signed = (from: string, to: string): string => {
    const open = whole.slice(0, whole.lastIndexOf(',"checksum":"')).replace(from, to);
    t.not(open, whole.slice(0, whole.lastIndexOf(',"checksum":"')), `${from} is there`);
    return `${open},"checksum":"${createHash('sha256').update(open).digest('hex')}"}\n`;
  };
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['"shard":0', '"shard":8', /f: shards\[0\]\.shard: expected an integer from 0 to 7, found 8/],
    ['"features":[1,0]', '"features":[1]', /f: features: expected slots and shards in turns/],
    ['"features":[1,0]', '"features":[1,8]', /f: features: expected slots and shards in turns/],
    ['"features":[1,0]', '"features":[-1,0]', /f: features: expected slots and shards in turns/],
    ['"token":"q1.A"', '"token":"q1.A\\n"', /f: corpus\[0\]\.token: expected text like/],
    ['"slots":[1]', '"slots":[262144]', /f: corpus\[0\]\.slots\[0\]: expected an integer from 0 to 262143/],
    ['"states":"AAAA', '"states":"zzzz', /f: states: expected 16384 registers/],
    ['"runs":1000', '"runs":7', /f: configuration\.runs: expected an integer from 8 /],
    ['"checkAll":false', '"checkAll":0', /f: configuration\.checkAll: expected true or false, found 0/],
    ['"worlds":{', '"worlds":{"grain":"x",', /f: configuration\.worlds\.grain: expected fine or coarse, found "x"/],
    ['"worlds":{', '"worlds":[],"w":{', /f: configuration\.worlds: expected an object/],
  ];
  for (const [from, to, message] of cases)
    t.throws(() => parseResult('f', signed(from, to)), { code: 'BAD_CAMPAIGN', message });
});
