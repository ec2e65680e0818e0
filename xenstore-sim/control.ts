/**
 * CONTROL: the commands of an administrator. The texts are for people and differ between versions of the real daemons.
 */
import type { Draft } from './draft.js';
import { failure, OK, type Reply } from './requests.js';
import { WIRE_QUOTAS } from './setting-requests.js';

/** Commands of the C daemon: what the help says of each, and how many arguments it takes. */
const COMMANDS: readonly {
  readonly name: string;
  readonly help: string;
  readonly arguments: readonly [number, number];
}[] = [
  { name: 'check', help: 'looks for nodes without a parent', arguments: [0, 0] },
  { name: 'log', help: 'on|off', arguments: [0, 1] },
  { name: 'live-update', help: '[-c <cmdline>] [-F] [-t <timeout>] <file>', arguments: [0, 8] },
  { name: 'logfile', help: '<file>', arguments: [1, 1] },
  { name: 'memreport', help: '[<file>]', arguments: [0, 1] },
  { name: 'print', help: '<string>', arguments: [1, 1] },
  { name: 'quota', help: '[set <name> <value>|<domid>]', arguments: [0, 3] },
  { name: 'quota-soft', help: '[set <name> <value>]', arguments: [0, 3] },
  { name: 'help', help: '', arguments: [0, 0] },
];

/** Carries out the command in `words`, as far as a store without a process has anything to do with it. */
export function control(draft: Draft, words: readonly string[]): Reply {
  const [name = '', ...rest] = words;
  if (draft.policy.rules === 'ocaml') return controlOcaml(draft, name, rest);
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined || rest.length < command.arguments[0] || rest.length > command.arguments[1]) {
    return failure('EINVAL');
  }
  switch (name) {
    case 'help':
      return text(COMMANDS.map((each) => `${each.name}\t${each.help}\n`).join(''));
    case 'log':
      return rest.length === 0 || rest[0] === 'on' || rest[0] === 'off' ? OK : failure('EINVAL');
    case 'quota':
      return quota(draft, rest);
    case 'quota-soft':
      return rest.length === 0 ? text(table(draft, (wire) => wire.startsWith('soft-'))) : set(draft, rest, 'soft-');
    // A matter of the daemon (`LiveUpdates`); a store alone cannot be replaced.
    case 'live-update':
      return failure('EINVAL');
    case 'memreport':
      return text(`nodes\t${draft.domains.items.reduce((sum, { nodes }) => sum + nodes, 0)}\n`);
    default:
      return OK;
  }
}

function quota(draft: Draft, rest: readonly string[]): Reply {
  if (rest.length === 0) return text(table(draft, (wire) => !wire.startsWith('soft-')));
  if (rest.length > 1) return set(draft, rest, '');
  const domain = draft.domains.get(Number.parseInt(rest[0] ?? '', 10) || 0);
  if (domain === undefined) return failure('ENOENT');
  const used = draft.connections.items.filter(({ domid }) => domid === domain.id);
  const sum = (count: (connection: (typeof used)[number]) => number): number =>
    used.reduce((n, each) => n + count(each), 0);
  return text(
    [
      `Domain ${domain.id}:`,
      line('nodes', domain.nodes),
      line(
        'watches',
        sum(({ watches }) => watches.count),
      ),
      line(
        'transactions',
        sum(({ transactions }) => transactions.length),
      ),
      line(
        'outstanding',
        sum(({ pending }) => pending.length),
      ),
      '',
    ].join('\n'),
  );
}

function set(draft: Draft, [verb, name, value]: readonly string[], prefix: string): Reply {
  const known = WIRE_QUOTAS.find(([wire]) => wire === `${prefix}${name}`);
  const number = Number(value);
  if (verb !== 'set' || known === undefined || !Number.isSafeInteger(number) || number < 0) return failure('EINVAL');
  draft.quota = draft.quota.with({ [known[1]]: number });
  return OK;
}

function table(draft: Draft, wanted: (wire: string) => boolean): string {
  const lines = WIRE_QUOTAS.filter(([wire]) => wanted(wire)).map(([wire, key]) => line(wire, draft.quota.quota[key]));
  return `Quota settings:\n${lines.join('\n')}\n`;
}

function line(name: string, value: number): string {
  return `${name.padEnd(17)}: ${String(value).padStart(8)}`;
}

function text(value: string): Reply {
  return { kind: 'value', value };
}

/** Whatever it does not know, oxenstored has done. */
function controlOcaml(draft: Draft, name: string, [domid = '']: readonly string[]): Reply {
  if (name === 'quota' && /^\d+$/.test(domid)) {
    const domain = draft.domains.get(Number(domid));
    const counted = domain === undefined ? 'not set' : `${domain.nodes}/${draft.quota.quota.nodes}`;
    return text(`dom${Number(domid)} quota: ${counted}`);
  }
  if (name !== 'watches') return OK;
  const lines: string[] = [];
  for (const { id, domid: domain, watches } of draft.connections.items) {
    for (const watch of watches.items) {
      lines.push(`watch ${domain === 0 ? `A${id}` : `D${domain}`}: ${watch.path.text} ${watch.token}\n`);
    }
  }
  return text(lines.join(''));
}
