/**
 * `npm run mutants`: all mutants, or those whose names begin with one of those given. Exit status 0 when each shows what
 * is written with it, 1 when one does not.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MUTANTS } from '../../scenarios/mutants/mutants.js';
import { reportJson, reportText, summaryOf } from './report.js';
import { runMutants } from './run.js';

const HELP = `npm run mutants [-- [--json] [--no-fuzz] [--workers N] [NAME ...]]

Seeds small faults, one at a time, and tells what explore and fuzz find of them,
with which question and by which oracle. NAME is the beginning of a name.
`;
const SEEDS = [1, 2, 3, 4, 5];
const FUZZ_RUNS = 10_000;
const TIMEOUT_MILLISECONDS = 600_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    'no-fuzz': { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    help: { type: 'boolean', default: false },
  },
});
const chosen = MUTANTS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
);
const workers = Number(values.workers);

if (values.help) process.stdout.write(HELP);
else if (chosen.length === 0 || !Number.isInteger(workers) || workers < 1) {
  const what = chosen.length === 0 ? `a name of a mutant, found ${positionals.join(' ')}` : `a number of workers`;
  process.stderr.write(`mutants: expected ${what}\n`);
  process.exitCode = 2;
} else {
  const looking = process.stderr.isTTY === true;
  const runs = await runMutants(chosen, {
    workers,
    explore: true,
    seeds: values['no-fuzz'] ? [] : SEEDS,
    runs: FUZZ_RUNS,
    test: true,
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    onDone({ mutant }, done) {
      if (looking) process.stderr.write(`\r\u001b[2Kmutants: ${done} of ${chosen.length}, ${mutant.name}`);
    },
  });
  if (looking) process.stderr.write('\r\u001b[2K');
  process.stdout.write(values.json ? reportJson(runs) : reportText(runs));
  process.exitCode = summaryOf(runs).surprises > 0 ? 1 : 0;
}
