/**
 * CONTROL as the C daemons carry it out (xenstored_control.c of Xen 4.17, control.c of Xen 4.22), to the letter, but that
 * no file is written, and that neither memory, nor the nodes of domain 0, nor the greatest figures so far are counted.
 */
import type { Domain } from './domains.js';
import type { Draft } from './draft.js';
import type { Quota } from './quota.js';
import { failure, OK, type Reply } from './requests.js';

type Row = readonly [name: string, quota: keyof Quota, description: string];

/** Texts and tables of one version. */
interface Texts {
  readonly help: string;
  readonly hard: readonly Row[];
  readonly soft: readonly Row[];
  /** What the log may be made of, and what it is made of at first; null where that cannot be chosen. */
  readonly logged: readonly (readonly [name: string, on: boolean])[] | null;
}

const C_4_17: Texts = {
  help: [
    'check\t',
    'log\ton|off',
    'live-update\t[-c <cmdline>] [-F] [-t <timeout>] <file>',
    '    Default timeout is 60 seconds.',
    'logfile\t<file>',
    'memreport\t[<file>]',
    'print\t<string>',
    'quota\t[set <name> <val>|<domid>]',
    'quota-soft\t[set <name> <val>]',
    'help\t',
    '',
  ].join('\n'),
  hard: [
    ['nodes', 'nodes', 'Nodes per domain'],
    ['watches', 'watches', 'Watches per domain'],
    ['transactions', 'transactions', 'Transactions per domain'],
    ['outstanding', 'outstanding', 'Outstanding requests per domain'],
    ['transaction-nodes', 'transactionNodes', 'Max. number of accessed nodes per transaction'],
    ['memory', 'memory', 'Total Xenstore memory per domain (error level)'],
    ['node-size', 'nodeSize', 'Max. size of a node'],
    ['path-max', 'pathLength', 'Max. length of a node path'],
    ['permissions', 'permissions', 'Max. number of permissions per node'],
  ],
  soft: [['memory', 'softMemory', 'Total Xenstore memory per domain (warning level)']],
  logged: null,
};

const C_4_22: Texts = {
  help: [
    'check           ',
    'log             [on|off|+<switch>|-<switch>]',
    'live-update     [-c <cmdline>] [-F] [-t <timeout>] [-v <version>] <file>',
    '    Default timeout is 60 seconds, default version is 2.',
    'logfile         <file>',
    'memreport       [<file>]',
    'print           <string>',
    'quota           [set <name> <val>|<domid>|max [-r]]',
    'quota-soft      [set <name> <val>]',
    'help            ',
    '',
  ].join('\n'),
  hard: [
    ['nodes', 'nodes', 'Nodes per domain'],
    ['watches', 'watches', 'Watches per domain'],
    ['outstanding', 'outstanding', 'Outstanding requests per domain'],
    ['memory', 'memory', 'Total Xenstore memory per domain'],
    ['transactions', 'transactions', 'Active transactions per domain'],
    ['transaction-nodes', 'transactionNodes', 'Max. number of accessed nodes per transaction'],
    ['node-permissions', 'permissions', 'Max. number of permissions per node'],
    ['path-max', 'pathLength', 'Max. length of a node path'],
    ['node-size', 'nodeSize', 'Max. size of a node'],
  ],
  soft: [['memory', 'softMemory', 'Total Xenstore memory per domain']],
  logged: [
    ['obj', true],
    ['io', true],
    ['wrl', false],
    ['acc', false],
    ['tdb', false],
  ],
};

const NAME_WIDTH = 17;
const NUMBER_WIDTH = 8;

/** Carries out command `name` with the arguments `rest`. */
export function controlC(draft: Draft, name: string, rest: readonly string[]): Reply {
  const texts = draft.policy.quotaOfDomain ? C_4_22 : C_4_17;
  switch (name) {
    case 'check':
      return rest.length === 0 ? OK : failure('EINVAL');
    case 'help':
      return rest.length === 0 ? text(texts.help) : failure('EINVAL');
    case 'log':
      return log(texts, rest);
    case 'logfile':
    case 'print':
      return rest.length === 1 ? OK : failure('EINVAL');
    case 'memreport':
      // Without a file for it, EBADF, which has no name in the protocol.
      return failure('EINVAL');
    case 'quota':
      return quota(draft, texts, rest);
    case 'quota-soft':
      if (rest.length === 0) return table(draft, texts.soft);
      return rest[0] === 'set' ? set(draft, texts.soft, rest.slice(1)) : failure('EINVAL');
    default:
      return failure('EINVAL');
  }
}

function log({ logged }: Texts, [word, ...more]: readonly string[]): Reply {
  if (word === undefined && logged !== null) {
    const lines = logged.map(([name, on]) => `${name.padEnd(8)}: ${on ? 'on' : 'off'}\n`);
    return text(`Log switch settings:\n${lines.join('')}`);
  }
  if (word === undefined || more.length > 0) return failure('EINVAL');
  const known = word === 'on' || word === 'off' || logged?.some(([name]) => word === `+${name}` || word === `-${name}`);
  return known ? OK : failure('EINVAL');
}

function quota(draft: Draft, texts: Texts, rest: readonly string[]): Reply {
  const [word, ...more] = rest;
  if (word === undefined) return table(draft, texts.hard);
  if (word === 'set') return set(draft, texts.hard, more);
  if (word === 'max' && texts === C_4_22) return greatest(draft, texts, more);
  if (more.length > 0) return failure('EINVAL');
  const domain = draft.domains.get(atoi(word));
  if (domain === undefined) return failure('ENOENT');
  const used = usedBy(draft, domain, texts);
  const lines =
    texts === C_4_22
      ? texts.hard.map(([name]) => `${line(name, used[name] ?? 0)} (max ${number(used[name] ?? 0)})\n`)
      : Object.entries(used).map(([name, count]) => `${line(name, count, NAME_WIDTH - 1)}\n`);
  return text(`Domain ${domain.id}:\n${lines.join('')}`);
}

/** In the order in which Xen 4.17 tells it. */
function usedBy(draft: Draft, { id, nodes }: Domain, texts: Texts): Readonly<Record<string, number>> {
  const used = { nodes, watches: 0, transactions: 0, outstanding: 0, memory: 0 };
  // Those at sockets belong to no domain there.
  if (id === 0 && texts === C_4_17) return used;
  for (const { domid, watches, transactions, pending } of draft.connections.items) {
    if (domid !== id) continue;
    used.watches += watches.count;
    used.transactions += transactions.length;
    used.outstanding += pending.length;
  }
  return used;
}

/** The greatest figures of any domain: as they are now, for nobody has counted before. */
function greatest(draft: Draft, texts: Texts, rest: readonly string[]): Reply {
  if (rest.length > 1 || (rest.length === 1 && rest[0] !== '-r')) return failure('EINVAL');
  const all = draft.domains.items.map((domain) => usedBy(draft, domain, texts));
  const lines = texts.hard.map(([name]) => `${line(name, Math.max(0, ...all.map((used) => used[name] ?? 0)))}\n`);
  return text(`Max. seen accounting values:\n${lines.join('')}`);
}

function set(draft: Draft, rows: readonly Row[], [name, value, ...more]: readonly string[]): Reply {
  if (value === undefined || more.length > 0) return failure('EINVAL');
  const row = rows.find(([wire]) => wire === name);
  const limit = atoi(value);
  if (row === undefined || limit < 1) return failure('EINVAL');
  draft.quota = draft.quota.with({ [row[1]]: limit });
  return OK;
}

function table(draft: Draft, rows: readonly Row[]): Reply {
  const lines = rows.map(([name, quota, description]) => `${line(name, draft.quota.quota[quota])} ${description}\n`);
  return text(`Quota settings:\n${lines.join('')}`);
}

function line(name: string, value: number, width = NAME_WIDTH): string {
  return `${name.padEnd(width)}: ${number(value)}`;
}

function number(value: number): string {
  return String(value).padStart(NUMBER_WIDTH);
}

/** As the C library reads it, in 32 bits; 0 where there is no number. */
function atoi(value: string): number {
  return (Number.parseInt(value, 10) || 0) | 0;
}

function text(value: string): Reply {
  return { kind: 'value', value };
}
