/**
 * The store against a transcript of the real C xenstored 4.17.7: every reply and every event of its scenarios.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { C_4_17, type Policy } from '../xenstore-sim/index.js';
import { type Limits, play, scenariosOf } from './support/xenstore-replay.js';

/** Scenarios that are not played, with the reason. */
const SKIPPED: { readonly [scenario: string]: string } = {
  'payload-too-long': 'frames, not requests',
  'payload-length-huge': 'frames, not requests',
  'ring-protocol-violation': 'frames, not requests',
  control: 'CONTROL is no affair of the store',
};

t.test('the store answers as C xenstored 4.17 does', async (t) => {
  const scenarios = scenariosOf(readFileSync('test/recordings/xenstore-c.jsonl', 'latin1'));
  const total = { scenarios: 0, requests: 0, malformed: 0, foreign: 0 };
  for (const [name, steps] of scenarios) {
    if (name in SKIPPED) continue;
    const played = play(steps, policyOf(steps[0]?.quota ?? {}));
    t.strictSame(played.differences, [], name);
    total.scenarios++;
    total.requests += played.requests;
    total.malformed += played.malformed;
    total.foreign += played.foreign;
  }
  t.strictSame(
    Object.keys(SKIPPED).filter((name) => !scenarios.has(name)),
    [],
    'each skipped scenario exists',
  );
  t.equal(scenarios.size, 97);
  // 816 sends and 5 more requests in a burst, without 19 sends of the skipped scenarios.
  t.strictSame(total, { scenarios: 93, requests: 750, malformed: 31, foreign: 21 });
});

/** The daemon's settings, from the names of its quotas in the recording. */
function policyOf(limits: Limits): Policy {
  const { quota, pathLengthMax } = C_4_17;
  return {
    ...C_4_17,
    pathLengthMax: limits['path-max'] ?? pathLengthMax,
    quota: {
      nodes: limits.nodes ?? quota.nodes,
      watches: limits.watches ?? quota.watches,
      transactions: limits.transactions ?? quota.transactions,
      nodeSize: limits['node-size'] ?? quota.nodeSize,
      permissions: limits.permissions ?? quota.permissions,
      transactionNodes: limits['trans-nodes'] ?? quota.transactionNodes,
    },
  };
}
