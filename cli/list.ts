/**
 * `quiesce list`: the names there are.
 */
import { BLOCK_SCENARIOS } from '../scenarios/block-scenarios.js';
import { IDENTITY_SCENARIOS } from '../scenarios/device-identity.js';
import { HAZARDS } from '../scenarios/hazards/catalogue.js';
import { knownLines, recordOf } from '../scenarios/hazards/describe.js';
import { VTPM_PREFIX } from '../scenarios/identity-scenario.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
import { VTPM_VOLUME_SCENARIOS } from '../scenarios/vtpm-volume.js';
import { DESIGNS } from '../simulator/block-identity/setting.js';
import { find, TPMBACKS, TPMFRONTS } from '../simulator/drivers.js';
import { FAULTS } from '../simulator/faults.js';
import { ORACLES } from '../simulator/world-state.js';
import type { Arguments } from './arguments.js';
import type { Command } from './command.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';

interface Kind {
  readonly name: string;
  /** What JSON and text show, group by group. */
  readonly groups: readonly Group[];
}

interface Group {
  readonly heading: string;
  readonly entries: readonly Entry[];
  /** What text shows in place of the entries. */
  readonly brief?: Entry;
}

interface Entry {
  readonly name: string;
  readonly title: string;
  /** What else is said of it where its list alone is asked for. */
  readonly more?: readonly string[];
  /** What JSON shows in place of name and title. */
  readonly record?: object;
}

const KINDS: readonly Kind[] = [
  {
    name: 'scenarios',
    groups: [
      { heading: 'scenarios', entries: SCENARIOS.map(({ name, title }) => ({ name, title })) },
      { heading: 'device-identity', entries: IDENTITY_SCENARIOS.map(({ name, title }) => ({ name, title })) },
      { heading: 'block-data', entries: BLOCK_SCENARIOS.map(({ name, title }) => ({ name, title })) },
      {
        heading: 'vtpm-volume',
        entries: VTPM_VOLUME_SCENARIOS.map(({ name, title }) => ({ name, title })),
        brief: {
          name: `${VTPM_PREFIX}NN`,
          title: 'Each scenario of device-identity, for the volume with the state of a vTPM.',
        },
      },
    ],
  },
  {
    name: 'drivers',
    groups: [
      {
        heading: 'tpmfronts',
        entries: TPMFRONTS.map(({ name, summary, tpmback }) => ({ name, title: `${summary} (tpmback ${tpmback})` })),
      },
      {
        heading: 'tpmbacks',
        entries: TPMBACKS.map(({ name, summary, ring }) => ({ name, title: `${summary} (ring ${ring})` })),
      },
      { heading: 'designs', entries: DESIGNS },
    ],
  },
  { name: 'oracles', groups: [{ heading: 'oracles', entries: ORACLES }] },
  { name: 'faults', groups: [{ heading: 'faults', entries: FAULTS.map(({ name, title }) => ({ name, title })) }] },
  {
    name: 'hazards',
    groups: [
      {
        heading: 'hazards',
        entries: HAZARDS.map((hazard) => ({
          name: hazard.name,
          title: hazard.title,
          more: knownLines(hazard),
          record: recordOf(hazard),
        })),
      },
    ],
  },
];

export const listCommand: Command = {
  name: 'list',
  summary: 'the scenarios, drivers, oracles, faults and hazards there are',
  details: ['Of hazards alone it says what shows them, what avoids them, and in how many steps.'],
  options: { json: { help: 'print one JSON document' } },
  words: [KINDS.map(({ name }) => name).join('|')],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const [kind] = args.words;
  const kinds = kind === undefined ? KINDS : [find('list', KINDS, kind)];
  const groups = kinds.flatMap((entry) => entry.groups);
  terminal.out(args.flag('json') ? jsonOf(groups) : textOf(groups, terminal, kind !== undefined));
  return EXIT.holds;
}

/** A longer name has a line of its own. */
const NAME_MAX = 24;

/** An object with one list for each group. */
function jsonOf(groups: Kind['groups']): string {
  const lists = groups.map(({ heading, entries }) => [
    heading,
    entries.map(({ name, title, record = { name, title } }) => record),
  ]);
  return `${JSON.stringify(Object.fromEntries(lists))}\n`;
}

function textOf(groups: Kind['groups'], terminal: Terminal, whole: boolean): string {
  const colours = coloursOf(terminal);
  const widths = groups.flatMap(({ entries }) => entries.map(({ name }) => name.length));
  const width = Math.max(...widths.filter((length) => length <= NAME_MAX));
  const parts = groups.map(({ heading, entries, brief }) => {
    return [
      colours.bold(heading),
      ...(brief === undefined ? entries : [brief]).flatMap(({ name, title, more = [] }) => [
        ...(name.length > width ? [`  ${name}`] : []),
        ...wrapped(
          `  ${(name.length > width ? '' : name).padEnd(width)}  ${title}`,
          terminal.columns,
          ' '.repeat(width + 4),
        ),
        ...(whole ? more : []).flatMap((line) => {
          const indent = ' '.repeat(width + 4);
          return wrapped(indent + line, terminal.columns, `${indent}  `);
        }),
      ]),
      '',
    ].join('\n');
  });
  return parts.join('\n');
}
