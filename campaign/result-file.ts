/**
 * Results of a campaign as text, for files and for Redis: JSON in one line, with everything in a fixed order, so that
 * equal results have equal bytes. The last field is a digest of all before it.
 *
 *     {"format":"quiesce campaign result 1","configuration":{...},"shards":[...],"states":"...","features":[...],
 *      "corpus":[{"token":"q1...","slots":[...]},...],"checksum":"..."}
 *
 * `states` holds the registers of the sketch in base64url, `features` slot and shard in turns.
 */
import { createHash } from 'node:crypto';
import { QuiesceError } from '../protocol/errors.js';
import { FEATURE_SLOTS } from '../simulator/fuzz/coverage.js';
import { STRATEGIES } from '../simulator/fuzz/plot.js';
import type { FoundDifference } from '../simulator/fuzz/shard.js';
import { ORACLE_NAMES } from '../simulator/world-state.js';
import { canonical, parseConfiguration, RUNS_MAX, SHARDS_MAX } from './configuration.js';
import { CampaignResult, MANY, type ShardFailure, type ShardReport } from './result.js';
import { Shape } from './shape.js';
import { REGISTER_MAX, SKETCH_BYTES } from './sketch.js';

const FORMAT = 'quiesce campaign result 1';
const CHECKSUM = ',"checksum":"';
const TOKEN = /^q[0-9]+\.[A-Za-z0-9_-]+$/;
const DIGEST = /^[0-9a-f]{64}$/;

/** The text of a result, with a line feed at its end. `parseResult` gives the result back. */
export function formatResult(result: CampaignResult): string {
  const body = JSON.stringify({
    format: FORMAT,
    configuration: canonical(result.configuration),
    shards: [...result.shards].sort(byNumber).map(([shard, report]) => ({ shard, ...report })),
    ...foundOf(result),
  });
  const open = body.slice(0, -1);
  return `${open}${CHECKSUM}${sha256(open)}"}\n`;
}

/** What the digest of a shard's report is made of, given the result of that shard and its report so far. */
export function digestOfShard(result: CampaignResult, report: Omit<ShardReport, 'digest'>): string {
  return sha256(JSON.stringify({ report, ...foundOf(result) }));
}

/** Parses the text of a result. `name` is what messages call it. Throws `BAD_CAMPAIGN` for one that is damaged. */
export function parseResult(name: string, text: string): CampaignResult {
  const shape = Shape.parse(name, text);
  if (shape.text('format') !== FORMAT) shape.oneOf('format', [FORMAT]);
  const open = text.slice(0, text.lastIndexOf(CHECKSUM));
  if (shape.text('checksum') !== sha256(open))
    throw new QuiesceError('BAD_CAMPAIGN', `${name}: expected a whole and unchanged result, found another checksum`);
  const result = new CampaignResult(parseConfiguration(shape.at('configuration')));
  const { shards } = result.configuration;
  for (const report of shape.list('shards'))
    result.shards.set(report.integer('shard', 0, shards - 1), parseReport(report));
  result.states.registers.set(parseRegisters(name, shape.text('states')));
  const features = shape.integers('features', MANY, Math.max(FEATURE_SLOTS, SHARDS_MAX));
  for (let i = 0; i < features.length; i += 2) {
    const slot = features[i] as number;
    const shard = features[i + 1] ?? shards;
    if (slot < 0 || slot >= FEATURE_SLOTS || shard >= shards)
      throw new QuiesceError('BAD_CAMPAIGN', `${name}: features: expected slots and shards in turns, found ${slot}`);
    result.feature(slot, shard);
  }
  for (const entry of shape.list('corpus')) {
    const token = entry.matching('token', TOKEN);
    for (const slot of entry.integers('slots', 0, FEATURE_SLOTS - 1)) result.entry(slot, token);
  }
  return result;
}

function foundOf({ states, features, corpus }: CampaignResult): object {
  const slots = new Map<string, number[]>();
  for (const [slot, token] of [...corpus].sort(byNumber)) slots.set(token, [...(slots.get(token) ?? []), slot]);
  return {
    states: Buffer.from(states.registers).toString('base64url'),
    features: [...features].sort(byNumber).flat(),
    corpus: [...slots].sort(([a], [b]) => (a < b ? -1 : 1)).map(([token, list]) => ({ token, slots: list })),
  };
}

function byNumber([a]: readonly [number, unknown], [b]: readonly [number, unknown]): number {
  return a - b;
}

function parseReport(shape: Shape): ShardReport {
  return {
    runs: shape.integer('runs', 0, RUNS_MAX),
    steps: shape.integer('steps', 0, Number.MAX_SAFE_INTEGER),
    checked: shape.integer('checked', 0, RUNS_MAX),
    strategies: STRATEGIES.map((_, index) => shape.integers('strategies', 0, RUNS_MAX)[index] ?? 0),
    failures: shape.list('failures').map(parseFailure),
    differences: shape.list('differences').map(parseDifference),
    digest: shape.matching('digest', DIGEST),
  };
}

function parseFailure(shape: Shape): ShardFailure {
  const scenarios = shape.at('scenarios');
  return {
    tpmfront: shape.text('tpmfront'),
    tpmback: shape.text('tpmback'),
    oracle: shape.oneOf('oracle', ORACLE_NAMES),
    run: shape.integer('run', 0, RUNS_MAX),
    token: shape.matching('token', TOKEN),
    count: shape.integer('count', 1, RUNS_MAX),
    scenarios: Object.fromEntries(scenarios.names.map((name) => [name, scenarios.integer(name, 1, RUNS_MAX)])),
  };
}

function parseDifference(shape: Shape): FoundDifference {
  return {
    step: shape.integer('step', 1, RUNS_MAX),
    name: shape.text('name'),
    what: shape.text('what'),
    run: shape.integer('run', 0, RUNS_MAX),
    token: shape.matching('token', TOKEN),
  };
}

function parseRegisters(name: string, text: string): Uint8Array {
  const registers = Buffer.from(text, 'base64url');
  if (registers.length === SKETCH_BYTES && registers.every((register) => register <= REGISTER_MAX)) return registers;
  throw new QuiesceError('BAD_CAMPAIGN', `${name}: states: expected ${SKETCH_BYTES} registers up to ${REGISTER_MAX}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
