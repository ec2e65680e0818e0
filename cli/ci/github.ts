/**
 * GitHub Actions: an annotation for each failure, and a step summary in Markdown with the table of verdicts and the
 * shortest failing schedule as a Mermaid diagram.
 */
import { oracleTitle } from '../schedule-text.js';
import type { CiCase } from './case.js';
import { lineOfCase } from './source-lines.js';

/** Mermaid on GitHub refuses longer texts. */
const DIAGRAM_MAX = 50_000;

/** Workflow commands, one a line. */
export function annotations(cases: readonly CiCase[], program: string): string {
  return cases
    .filter(({ outcome }) => outcome !== 'passes')
    .map((entry) => {
      const { outcome, subject, scenario, summary, oracle, token } = entry;
      const line = lineOfCase(entry);
      const properties = [
        ...(line === null ? [] : [`file=${property(line.file.replace(/^\.\//, ''))}`, `line=${line.line}`]),
        `title=${property(`quiesce: ${scenario}: ${summary}`)}`,
      ];
      const text = [
        subject,
        ...(oracle === null ? [] : [oracleTitle(oracle)]),
        ...(token === null ? [] : [`${program} replay ${token}`]),
      ];
      return `::${outcome === 'fails' ? 'error' : 'warning'} ${properties.join(',')}::${data(text.join('\n'))}\n`;
    })
    .join('');
}

/** Markdown for `$GITHUB_STEP_SUMMARY`. */
export function stepSummary(command: string, cases: readonly CiCase[], program: string): string {
  const bad = cases.filter(({ outcome }) => outcome !== 'passes');
  const lines = [
    `## quiesce ${command}: ${bad.length === 0 ? 'all is well' : `${bad.length} of ${cases.length} not as it must be`}`,
    '',
    '| | scenario | drivers | verdict |',
    '|---|---|---|---|',
    ...cases.map(({ outcome, scenario, subject, summary }) => {
      const mark = { passes: 'ok', fails: '**fails**', undecided: 'undecided' }[outcome];
      return `| ${mark} | ${cell(scenario)} | ${cell(subject)} | ${cell(summary)} |`;
    }),
    '',
  ];
  const [shortest] = bad
    .filter(({ schedule }) => schedule.length > 0)
    .sort((a, b) => a.schedule.length - b.schedule.length);
  if (shortest !== undefined) lines.push(...failure(shortest, program));
  return lines.join('\n');
}

function failure(entry: CiCase, program: string): readonly string[] {
  const { scenario, subject, oracle, fault, schedule, token } = entry;
  const diagram = entry.diagram() ?? '';
  const drawn = diagram !== '' && diagram.length <= DIAGRAM_MAX;
  const steps = schedule.map((step, index) => `${index + 1}. ${step}`);
  return [
    `### ${cell(`${oracle ?? 'failure'}: ${subject} in ${scenario}`)}`,
    '',
    ...(oracle === null ? [] : [cell(oracleTitle(oracle)), '']),
    ...(fault === null ? [] : [cell(fault), '']),
    ...(drawn ? [...fenced('mermaid', diagram.trimEnd()), ''] : []),
    ...fenced('text', steps.join('\n')),
    '',
    ...(token === null ? [] : ['To replay it:', '', ...fenced('sh', `${program} replay ${token}`), '']),
  ];
}

/** A fence that is longer than any in the text. */
function fenced(language: string, text: string): readonly string[] {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, text, fence];
}

/** Text inside a line of Markdown: nothing in it is markup. */
function cell(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]|#!~@$]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}

function data(text: string): string {
  return text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function property(text: string): string {
  return data(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
}
