/**
 * `npm run mutants`: all mutants, or those whose names begin with one of those given. Exit status 0 when each shows what
 * is written with it, 1 when one does not.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { askMutants } from './bench.js';
import { reportJson, reportText, summaryOf } from './report.js';

const HELP = `npm run mutants [-- [--json] [--no-fuzz] [--workers N] [NAME ...]]

Seeds small faults, one at a time, and tells what explore and fuzz find of them,
with which question and by which oracle. NAME is the beginning of a name.
`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    'no-fuzz': { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    help: { type: 'boolean', default: false },
  },
});
const workers = Number(values.workers);

if (values.help) process.stdout.write(HELP);
else if (!Number.isInteger(workers) || workers < 1) {
  process.stderr.write(`mutants: --workers: expected a number of workers, found '${values.workers}'\n`);
  process.exitCode = 2;
} else {
  const looking = process.stderr.isTTY === true;
  const runs = await askMutants({
    names: positionals,
    workers,
    fuzz: !values['no-fuzz'],
    test: true,
    onDone({ mutant }, done, all) {
      if (looking) process.stderr.write(`\r\u001b[2Kmutants: ${done} of ${all}, ${mutant.name}`);
    },
  });
  if (looking) process.stderr.write('\r\u001b[2K');
  if (runs.length > 0) process.stdout.write(values.json ? reportJson(runs) : reportText(runs));
  else process.stderr.write(`mutants: expected the beginning of a name, found ${positionals.join(' ')}\n`);
  process.exitCode = runs.length === 0 ? 2 : summaryOf(runs).surprises > 0 ? 1 : 0;
}
