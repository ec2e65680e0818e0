/**
 * `quiesce check`: the verdict tables, of vTPM drivers and of the device identity, compared with the verdicts expected.
 */

import { packageVersion } from '../library/package-root.js';
import { loadSession } from '../library/sessions.js';
import type { Arguments } from './arguments.js';
import { CELLS } from './check-cells.js';
import { decideRaces, raceAgrees } from './check-identity.js';
import { CheckPool } from './check-pool.js';
import { checkReport, compare } from './check-report.js';
import { checkCases } from './ci/check-cases.js';
import { CI_OPTIONS, reportToCi } from './ci/report.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { extentOf, SESSION_OPTIONS } from './pairing-options.js';
import { ProgressLine } from './progress.js';
import type { Terminal } from './terminal.js';

const JOBS_MAX = 1024;

export const checkCommand: Command = {
  name: 'check',
  summary: 'the verdict tables: every design in every situation and race',
  details: ['Exit status 0: every verdict is the expected one. 1: some are not.'],
  options: {
    ...SESSION_OPTIONS,
    jobs: { value: 'N', help: 'threads to work on (one for each core)' },
    json: { help: 'print one JSON document' },
    ...CI_OPTIONS,
  },
  words: [],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const session = loadSession(args.text('session')).name;
  const jobs = args.integer('jobs', { minimum: 1, maximum: JOBS_MAX }) ?? terminal.jobs;
  const extent = extentOf(args);
  const pool = new CheckPool({ ...extent, session }, jobs);
  showProgress(pool, terminal);
  const decided = pool.decide(CELLS);
  // While the threads are busy with the long ones.
  const identity = decideRaces(() => terminal.clock(), extent.daemon);
  const verdicts = await decided;
  terminal.out(
    args.flag('json')
      ? `${JSON.stringify({ version: packageVersion(), session, verdicts, identity })}\n`
      : checkReport(verdicts, identity, terminal),
  );
  reportToCi('check', args, terminal, () => checkCases(verdicts, identity, session, extentOf(args)));
  const agree = verdicts.every((verdict) => compare(verdict).agrees) && identity.every(raceAgrees);
  return agree ? EXIT.holds : EXIT.fails;
}

function showProgress(pool: CheckPool, terminal: Terminal): void {
  const line = new ProgressLine(terminal);
  let decided = 0;
  let seen = 0;
  const show = (): void =>
    line.show(`check: ${decided} of ${CELLS.length} verdicts, ${(seen / 1e6).toFixed(1)} million states seen`);
  pool.on('states', (more) => {
    seen += more;
    show();
  });
  pool.on('verdict', () => {
    decided++;
    if (decided === CELLS.length) line.clear();
    else show();
  });
}
