/**
 * SARIF 2.1.0 (OASIS): one result for each failure, with the schedule as a code flow. A result points to the driver's
 * file where there is one, and each step of the flow to its line as far as that can be told; steps of others, such as the
 * toolstack's, have a logical location only.
 */
import { createHash } from 'node:crypto';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ORACLES } from '../../simulator/world-state.js';
import { oracleTitle } from '../schedule-text.js';
import type { CiCase } from './case.js';
import { lineOfCase, lineOfStep, type SourceLine } from './source-lines.js';

const ROOT = 'SRCROOT';

export interface SarifOptions {
  /** Of this package. */
  readonly version: string;
  /** The folder that the files' names start from, absolute. */
  readonly folder: string;
  /** How quiesce is called. */
  readonly program: string;
}

/** The document. Equal cases give equal bytes. */
export function formatSarif(cases: readonly CiCase[], options: SarifOptions): string {
  const failing = cases.filter(({ outcome }) => outcome === 'fails');
  const rules = [...ORACLES, UNEXPECTED]
    .filter(({ name }) => failing.some((entry) => ruleOf(entry) === name))
    .map(({ name, title }) => ({
      id: name,
      shortDescription: { text: title },
      defaultConfiguration: { level: 'error' },
    }));
  const results = failing.map((entry) =>
    resultOf(
      entry,
      rules.findIndex(({ id }) => id === ruleOf(entry)),
      options,
    ),
  );
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'quiesce', semanticVersion: options.version, rules } },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { [ROOT]: { uri: `${pathToFileURL(options.folder).href}/` } },
        results,
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** Of a verdict that holds where a failure is expected. */
const UNEXPECTED = {
  name: 'unexpected-verdict',
  title: 'Each verdict of the table is the one that was derived for it.',
};

function ruleOf({ oracle }: CiCase): string {
  return oracle ?? UNEXPECTED.name;
}

function resultOf(entry: CiCase, ruleIndex: number, options: SarifOptions): object {
  const { subject, scenario, summary, oracle, fault, schedule, token } = entry;
  const why = fault === null ? '' : ` (${fault})`;
  const how = token === null ? '' : ` To replay it: ${options.program} replay ${token}`;
  const text = `${subject} in ${scenario}: ${summary}${why}. ${oracle === null ? '' : oracleTitle(oracle)}${how}`;
  const line = lineOfCase(entry);
  const locations = schedule.map((step, index) => ({
    location: {
      ...physical(lineOfStep(step, entry.sources), options),
      logicalLocations: [{ fullyQualifiedName: step }],
      message: { text: message(step) },
    },
    executionOrder: index + 1,
    ...(step.startsWith('fault/') ? { importance: 'essential' } : {}),
  }));
  return {
    ruleId: ruleOf(entry),
    ruleIndex,
    level: 'error',
    message: { text: message(text) },
    locations: [{ ...physical(line, options), logicalLocations: [{ fullyQualifiedName: `${subject}/${scenario}` }] }],
    ...(locations.length === 0 ? {} : { codeFlows: [{ threadFlows: [{ locations }] }] }),
    partialFingerprints: { 'quiesceFailure/v1': fingerprint([subject, scenario, ruleOf(entry)]) },
  };
}

function physical(line: SourceLine | null, { folder }: SarifOptions): object {
  if (line === null) return {};
  return {
    physicalLocation: { artifactLocation: artifact(line.file, folder), region: { startLine: line.line } },
  };
}

/** Relative to the folder of the run where the file lies below it, so that a report means the same on another machine. */
function artifact(file: string, folder: string): object {
  const path = relative(folder, resolve(folder, file));
  if (path.startsWith('..') || isAbsolute(path)) return { uri: pathToFileURL(resolve(folder, file)).href };
  return { uri: path.split(sep).map(encodeURIComponent).join('/'), uriBaseId: ROOT };
}

/** Braces are placeholders in a message of SARIF, and brackets links. */
function message(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\\[\]]/g, '\\$&')
    .replace(/[{}]/g, '$&$&');
}

/** The same failure has the same fingerprint when its schedule changes, so that a report is not taken for a new one. */
function fingerprint(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}
