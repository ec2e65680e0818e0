/**
 * The options of `quiesce xenstored`, checked.
 */
import type { Daemon } from '../xenstore-sim/daemon.js';
import type { LiveUpdateHost } from '../xenstore-sim/live-update.js';
import { type DaemonName, POLICIES, type Policy, withQuota } from '../xenstore-sim/policy.js';
import { QUOTA_NAMES, type Quota } from '../xenstore-sim/quota.js';
import {
  liveUpdateHost,
  randomToken,
  tokenFromFile,
  type UnixOptions,
  type WebSocketOptions,
} from '../xenstore-sim/server/index.js';
import { type Arguments, usage } from './arguments.js';

const DAEMONS: readonly DaemonName[] = ['c', 'c-4.22', 'ocaml'];
const USUAL_SOCKET = 'xenstored.socket';
const PORT_MAX = 65_535;
/** A quota is a 32-bit number in GET_QUOTA and in the state stream. */
const QUOTA_MAX = 0xffff_ffff;

/** How a quota is called in an option: `node-size` for `nodeSize`. */
const QUOTAS: ReadonlyMap<string, keyof Quota> = new Map(
  QUOTA_NAMES.map((name) => [name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), name]),
);
export const QUOTA_OPTIONS: readonly string[] = [...QUOTAS.keys()];

/** Throws `USAGE`. */
export function policyOf(args: Arguments): Policy {
  // There is no hypervisor to ask which domains there are: a domain is there once it is introduced.
  const policy = { ...POLICIES[args.oneOf('daemon', DAEMONS) ?? 'c'], domainsAppear: true };
  return withQuota(policy, quotasOf(args));
}

/**
 * How the next daemon of a live update begins. It is this program again, whatever file was named: another C daemon if the
 * command line says `--daemon`, and nothing else can be changed; oxenstored is followed by oxenstored alone.
 */
export function updatesOf(policy: Policy, quotas: Partial<Quota>): LiveUpdateHost<Daemon> {
  return liveUpdateHost((commandLine) => {
    const words = (commandLine ?? '').split(/\s+/).filter((word) => word !== '');
    if (words.length === 0) return policy;
    const [option, name, ...rest] = words;
    const next = option === '--daemon' && rest.length === 0 ? DAEMONS.find((daemon) => daemon === name) : undefined;
    if (next === undefined || POLICIES[next].rules !== policy.rules) return null;
    return withQuota({ ...POLICIES[next], domainsAppear: policy.domainsAppear }, quotas);
  });
}

/** The quotas that were asked for. Throws `USAGE`. */
export function quotasOf(args: Arguments): Partial<Quota> {
  return Object.fromEntries(args.texts('quota').map(quotaOf));
}

function quotaOf(text: string): readonly [keyof Quota, number] {
  const [, option = '', digits = ''] = /^([^=]*)=([0-9]{1,10})$/.exec(text) ?? [];
  const value = Number(digits);
  if (digits === '' || value > QUOTA_MAX) {
    throw usage(`--quota: expected NAME=VALUE with a number up to ${QUOTA_MAX}, found '${text}'`);
  }
  const name = QUOTAS.get(option);
  if (name === undefined) {
    throw usage(`--quota: there is no quota '${option}'; known: ${QUOTA_OPTIONS.join(', ')}`);
  }
  return [name, value];
}

/** Undefined: no Unix socket is wanted. Throws `USAGE`. */
export function unixOf(args: Arguments): UnixOptions | undefined {
  const path = args.text('socket') ?? (args.text('ws') === undefined ? USUAL_SOCKET : undefined);
  const mode = args.text('mode');
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode)) {
    throw usage(`--mode: expected permissions like 0660, found '${mode}'`);
  }
  if (path === undefined) {
    if (mode !== undefined) throw usage('--mode: expected --socket PATH with it');
    return undefined;
  }
  return { path, ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }) };
}

/** Undefined: no WebSockets are wanted. Throws `USAGE` and `BAD_TOKEN`. */
export function webSocketOf(args: Arguments): WebSocketOptions | undefined {
  const where = args.text('ws');
  const file = args.text('token-file');
  const origins = args.texts('origin');
  if (where === undefined) {
    if (file !== undefined || origins.length > 0) throw usage('--token-file and --origin: expected --ws with them');
    return undefined;
  }
  const [, host, digits] = /^(?:(\[[0-9A-Fa-f:.]+\]|[^:[\]]+):)?([0-9]{1,5})$/.exec(where) ?? [];
  const port = Number(digits);
  if (!(port <= PORT_MAX))
    throw usage(`--ws: expected HOST:PORT or PORT, with a port up to ${PORT_MAX}, found '${where}'`);
  for (const origin of origins) assertOrigin(origin);
  return {
    port,
    ...(host === undefined ? {} : { host: host.replace(/[[\]]/g, '') }),
    token: file === undefined ? randomToken() : tokenFromFile(file),
    origins,
  };
}

/** Browsers send scheme, host and port, and nothing else; anything longer would never match. */
function assertOrigin(origin: string): void {
  const expected = URL.canParse(origin) ? new URL(origin).origin : undefined;
  if (origin === expected) return;
  const hint = expected === undefined || expected === 'null' ? 'https://example.org' : expected;
  throw usage(`--origin: expected an origin like ${hint}, found '${origin}'`);
}
