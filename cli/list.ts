/**
 * `quiesce list`: the names there are.
 */
import { IDENTITY_SCENARIOS } from '../scenarios/device-identity.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
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
  readonly groups: readonly { readonly heading: string; readonly entries: readonly Entry[] }[];
}

interface Entry {
  readonly name: string;
  readonly title: string;
}

const KINDS: readonly Kind[] = [
  {
    name: 'scenarios',
    groups: [
      { heading: 'scenarios', entries: SCENARIOS.map(({ name, title }) => ({ name, title })) },
      { heading: 'device-identity', entries: IDENTITY_SCENARIOS.map(({ name, title }) => ({ name, title })) },
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
];

export const listCommand: Command = {
  name: 'list',
  summary: 'the scenarios, drivers, oracles and faults there are',
  details: [],
  options: { json: { help: 'print one JSON document' } },
  words: [KINDS.map(({ name }) => name).join('|')],
  required: 0,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const [kind] = args.words;
  const kinds = kind === undefined ? KINDS : [find('list', KINDS, kind)];
  const groups = kinds.flatMap((entry) => entry.groups);
  terminal.out(args.flag('json') ? jsonOf(groups) : textOf(groups, terminal));
  return EXIT.holds;
}

/** An object with one list for each group. */
function jsonOf(groups: Kind['groups']): string {
  return `${JSON.stringify(Object.fromEntries(groups.map(({ heading, entries }) => [heading, entries])))}\n`;
}

function textOf(groups: Kind['groups'], terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const width = Math.max(...groups.flatMap(({ entries }) => entries.map(({ name }) => name.length)));
  const parts = groups.map(({ heading, entries }) => {
    return [
      colours.bold(heading),
      ...entries.flatMap(({ name, title }) =>
        wrapped(`  ${name.padEnd(width)}  ${title}`, terminal.columns, ' '.repeat(width + 4)),
      ),
      '',
    ].join('\n');
  });
  return parts.join('\n');
}
