/**
 * What a campaign has shown so far, for its line of progress. The campaign itself takes the reports of a generation when
 * all of it is done, which may be many seconds; somebody who looks wants to know of a failure before that.
 */
import { Campaign, type CampaignSettings } from '../simulator/fuzz/campaign.js';
import { type CoverageDelta, emptyTables } from '../simulator/fuzz/coverage.js';
import type { ShardResult } from '../simulator/fuzz/shard.js';
import { ProgressLine } from './progress.js';
import { counted } from './schedule-text.js';
import type { Terminal } from './terminal.js';

export class FuzzProgress {
  readonly #terminal: Terminal;
  readonly #line: ProgressLine;
  /** Takes every report as soon as it is there; null where nobody looks. */
  readonly #seen: Campaign | null;
  readonly #start: number;
  /** Pairs and orderings that were known when the generation began. */
  #known = 0;

  constructor(settings: CampaignSettings, terminal: Terminal) {
    this.#terminal = terminal;
    this.#line = new ProgressLine(terminal);
    this.#seen = terminal.progress ? new Campaign(settings, emptyTables()) : null;
    this.#start = terminal.clock();
  }

  /** Goes on with what an earlier campaign has shown. */
  resume(coverage: CoverageDelta): void {
    this.#seen?.resume([], coverage);
  }

  begin(): void {
    this.#known = this.#seen?.figures.features ?? 0;
  }

  /** A shard is done; in any order. */
  done(result: ShardResult): void {
    const seen = this.#seen;
    if (seen === null) return;
    seen.merge(result);
    const { runs, states, features, unseen } = seen.figures;
    const speed = Math.round(runs / Math.max(this.#terminal.clock() - this.#start, 1e-3));
    const failures = counted(seen.failures.length, 'failure');
    const fresh = features - this.#known;
    this.#line.show(
      `fuzz: ${runs} runs, ${speed}/s, ${states} states, ${fresh} new, ${failures}, unseen ${unseen.toFixed(3)}`,
    );
  }

  clear(): void {
    this.#line.clear();
  }
}
