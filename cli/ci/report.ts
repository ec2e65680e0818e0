/**
 * The options for continuous integration, and what they have written.
 */
import { appendFileSync } from 'node:fs';
import { writeWhole } from '../../library/files.js';
import { packageVersion } from '../../library/package-root.js';
import type { Arguments, OptionSpecs } from '../arguments.js';
import type { Terminal } from '../terminal.js';
import type { CiCase } from './case.js';
import { annotations, stepSummary } from './github.js';
import { formatJunit } from './junit.js';
import { formatSarif } from './sarif.js';

export const CI_OPTIONS: OptionSpecs = {
  junit: { value: 'FILE', help: 'write JUnit XML to this file' },
  sarif: { value: 'FILE', help: 'write SARIF 2.1.0 to this file, schedules as code flows' },
  github: { help: 'annotations and step summary of GitHub Actions (there: on)' },
};

/**
 * Writes what the options, and on GitHub Actions the environment, ask for. `cases` is called only if something is.
 * Annotations go to standard error, which GitHub reads too: standard output may be one JSON document. Throws `USAGE` for
 * a file that cannot be written.
 */
export function reportToCi(command: string, args: Arguments, terminal: Terminal, cases: () => readonly CiCase[]): void {
  const { GITHUB_ACTIONS: actions, GITHUB_STEP_SUMMARY: summary = '' } = terminal.environment ?? {};
  const junit = args.text('junit');
  const sarif = args.text('sarif');
  const github = args.flag('github') || actions === 'true';
  if (junit === undefined && sarif === undefined && !github) return;
  const found = cases();
  const { program } = terminal;
  if (junit !== undefined) writeWhole(junit, formatJunit(found, program));
  if (sarif !== undefined)
    writeWhole(sarif, formatSarif(found, { version: packageVersion(), folder: process.cwd(), program }));
  if (!github) return;
  terminal.err(annotations(found, program));
  if (summary === '') return;
  try {
    appendFileSync(summary, stepSummary(command, found, program));
  } catch (error) {
    // The verdict does not depend on whether somebody can read a summary of it.
    terminal.err(`quiesce ${command}: cannot write the step summary: ${error instanceof Error ? error.message : ''}\n`);
  }
}
