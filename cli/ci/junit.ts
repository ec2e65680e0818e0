/**
 * JUnit XML, in the form that Jenkins, GitLab, GitHub actions and most others read: one suite a subject, one case a
 * scenario. An oracle that fails is a failure; a verdict that was not reached is an error.
 */
import { oracleTitle } from '../schedule-text.js';
import type { CiCase } from './case.js';

/** The document; `program` is how quiesce is called. Equal cases give equal bytes. */
export function formatJunit(cases: readonly CiCase[], program: string): string {
  const suites = new Map<string, CiCase[]>();
  for (const entry of cases) suites.set(entry.subject, [...(suites.get(entry.subject) ?? []), entry]);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="quiesce" ${counts(cases)}>`,
    ...Array.from(suites, ([subject, members]) => suite(subject, members, program)).flat(),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function suite(subject: string, cases: readonly CiCase[], program: string): readonly string[] {
  return [
    `  <testsuite name="${attribute(subject)}" ${counts(cases)} skipped="0">`,
    ...cases.flatMap((entry) => testcase(entry, program)),
    '  </testsuite>',
  ];
}

function testcase(entry: CiCase, program: string): readonly string[] {
  const { subject, scenario, seconds, outcome, summary, oracle } = entry;
  const file = entry.sources[0]?.file;
  const open = [
    `    <testcase classname="${attribute(subject)}" name="${attribute(scenario)}" time="${seconds.toFixed(6)}"`,
    ...(file === undefined ? [] : [`file="${attribute(file)}"`]),
  ].join(' ');
  if (outcome === 'passes') return [`${open}/>`];
  const element = outcome === 'fails' ? 'failure' : 'error';
  const type = outcome === 'undecided' ? 'incomplete' : (oracle ?? 'unexpected');
  return [
    `${open}>`,
    `      <${element} message="${attribute(summary)}" type="${attribute(type)}">${content(details(entry, program))}</${element}>`,
    '    </testcase>',
  ];
}

function details({ oracle, fault, schedule, token, summary }: CiCase, program: string): string {
  const lines = [oracle === null ? summary : oracleTitle(oracle)];
  if (schedule.length > 0)
    lines.push('', ...schedule.map((step, index) => `${String(index + 1).padStart(6)}  ${step}`));
  if (fault !== null) lines.push(`        ${fault}`);
  if (token !== null) lines.push('', `${program} replay ${token}`);
  return lines.join('\n');
}

function counts(cases: readonly CiCase[]): string {
  const count = (outcome: CiCase['outcome']): number => cases.filter((entry) => entry.outcome === outcome).length;
  const seconds = cases.reduce((sum, entry) => sum + entry.seconds, 0);
  return `tests="${cases.length}" failures="${count('fails')}" errors="${count('undecided')}" time="${seconds.toFixed(6)}"`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

function attribute(text: string): string {
  return legal(text).replace(/[&<>"\t\n\r]/g, (char) => ENTITIES[char] as string);
}

function content(text: string): string {
  return legal(text).replace(/[&<>\r]/g, (char) => ENTITIES[char] as string);
}

/** XML 1.0 has no way to write most control characters, nor half a surrogate pair: they become U+FFFD. */
function legal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');
}
