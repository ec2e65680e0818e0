/**
 * What a whole campaign comes to: the figures and failures of all shards, taken in the order of their numbers.
 */
import { QuiesceError } from '../protocol/errors.js';
import type { CampaignFigures, FailureClass } from '../simulator/fuzz/campaign.js';
import { STATE_BYTES } from '../simulator/fuzz/coverage.js';
import type { FoundDifference } from '../simulator/fuzz/shard.js';
import { campaignId } from './configuration.js';
import { type CampaignResult, MANY, type ShardReport } from './result.js';

export interface CampaignOutcome {
  readonly figures: CampaignFigures;
  readonly failures: readonly FailureClass[];
  readonly differences: readonly FoundDifference[];
}

const MISSING_SHOWN = 8;

/** Throws `UNFINISHED` when a shard is not there. */
export function outcomeOf(result: CampaignResult): CampaignOutcome {
  const { missing } = result;
  if (missing.length > 0) {
    const some = missing.slice(0, MISSING_SHOWN).join(', ') + (missing.length > MISSING_SHOWN ? ', ...' : '');
    throw new QuiesceError(
      'UNFINISHED',
      `expected all ${result.configuration.shards} shards of campaign ${campaignId(result.configuration)}, ` +
        `found ${result.shards.size}; missing: ${some}`,
    );
  }
  const reports = [...result.shards].sort(([a], [b]) => a - b).map(([, report]) => report);
  return { figures: figuresOf(result, reports), failures: failuresOf(reports), differences: differencesOf(reports) };
}

function figuresOf(result: CampaignResult, reports: readonly ShardReport[]): CampaignFigures {
  const sum = (of: (report: ShardReport) => number): number => reports.reduce((all, report) => all + of(report), 0);
  const runs = sum((report) => report.runs);
  const strategy = (index: number): number => sum(({ strategies }) => strategies[index] as number);
  let once = 0;
  for (const value of result.features.values()) if (value !== MANY) once++;
  return {
    runs,
    steps: sum(({ steps }) => steps),
    states: statesOf(result.states.estimate),
    features: result.features.size,
    unseen: Math.min(once / runs, 1),
    corpus: result.tokens.length,
    checked: sum(({ checked }) => checked),
    strategies: { walk: strategy(0), pct: strategy(1), mutate: strategy(2) },
  };
}

/** States share the bits they are hashed to: as in `Campaign.figures`, from the bits set to the states. */
function statesOf(bits: number): number {
  const all = STATE_BYTES * 8;
  return Math.round(-all * Math.log(1 - Math.min(bits / all, 1 - 1 / all)));
}

function failuresOf(reports: readonly ShardReport[]): readonly FailureClass[] {
  const classes = new Map<string, FailureClass & { readonly scenarios: Map<string, number> }>();
  for (const failure of reports.flatMap(({ failures }) => failures)) {
    const { tpmfront, tpmback, oracle, run, token, count } = failure;
    const key = [tpmfront, tpmback, oracle].join('\n');
    // Shards come in the order of their runs, so the first is the one that is known.
    const known = classes.get(key) ?? { tpmfront, tpmback, oracle, run, token, count: 0, scenarios: new Map() };
    for (const [name, runs] of Object.entries(failure.scenarios))
      known.scenarios.set(name, (known.scenarios.get(name) ?? 0) + runs);
    classes.set(key, { ...known, count: known.count + count });
  }
  return [...classes.values()].sort((a, b) => a.run - b.run);
}

function differencesOf(reports: readonly ShardReport[]): readonly FoundDifference[] {
  return reports.flatMap(({ differences }) => differences).sort((a, b) => a.run - b.run);
}
