/**
 * The report of a campaign whose shards are all there. It does not say who has run them.
 */
import { programBuild } from '../campaign/build.js';
import { campaignId, checkBuild } from '../campaign/configuration.js';
import { outcomeOf } from '../campaign/outcome.js';
import type { CampaignResult } from '../campaign/result.js';
import { formatResult } from '../campaign/result-file.js';
import { worldsOf } from '../campaign/worlds.js';
import { writeWhole } from '../library/files.js';
import { packageVersion } from '../library/package-root.js';
import type { Arguments } from './arguments.js';
import type { ExitStatus } from './exit-status.js';
import { CorpusFolder } from './fuzz-corpus.js';
import { fuzzEngine, sharedTables } from './fuzz-engine.js';
import { printReport } from './fuzz-report.js';
import type { Terminal } from './terminal.js';

/**
 * Shrinks the failures, prints the report, and writes what `--result` and `--corpus` ask for. Throws `UNFINISHED` when a
 * shard is missing, and `OTHER_BUILD` when this is not the program that ran them; `--result` is written before.
 */
export async function reportCampaign(result: CampaignResult, args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const file = args.text('result');
  if (file !== undefined) writeWhole(file, formatResult(result));
  const folder = args.text('corpus');
  if (folder !== undefined) new CorpusFolder(folder).save(result.tokens);
  const { configuration } = result;
  const { figures, failures, differences } = outcomeOf(result);
  checkBuild(configuration, packageVersion(), programBuild());
  const setup = { ...(await worldsOf(configuration.worlds)), tables: sharedTables() };
  // Threads take longer to start than one failure takes to be shrunk.
  const engine = await fuzzEngine(setup, Math.max(1, Math.min(terminal.jobs, failures.length)));
  try {
    const shrunk = await engine.shrink(failures.map(({ token, oracle }) => ({ token, oracle })));
    const shared = { campaign: campaignId(configuration), shards: configuration.shards };
    const report = { shared, seed: configuration.seed, figures, failures, shrunk, differences };
    return printReport(report, args.flag('json'), terminal);
  } finally {
    await engine.close();
  }
}
