/**
 * A tiny language for stories about the xenstore: rows of (who, line, expected).
 *
 * A line is a request such as `write /a/b some value`, `setPerms /a n0 r1`, `#1 read /a` (in transaction 1); its result
 * is `OK`, an error name, `"value"`, `[names]` or the permissions. `events` takes the pending events, as `path token`
 * joined by commas. `host` can `create`, `shutdown`, `destroy` and `connect` a domain; its connection is called g1, g2, ...
 * The clients a, b and w are connected from the start, through the socket.
 */
import type { Test } from 'tap';
import {
  C_4_17,
  connect,
  domainCreated,
  domainDestroyed,
  domainShutdown,
  execute,
  formatPermission,
  nextEvent,
  type Permission,
  type Policy,
  parsePermission,
  type Reply,
  type Request,
  Store,
  takeEvent,
} from '../../xenstore-sim/index.js';

export type Row = readonly [who: string, line: string, expected?: string];

export class Story {
  store: Store;
  readonly #connections = new Map<string, number>();

  constructor(policy: Policy = C_4_17) {
    this.store = Store.empty(policy);
    for (const name of ['a', 'b', 'w']) this.#connect(name, 0);
  }

  /** Plays `rows`, comparing the result of each with what is expected. */
  tell(t: Test, rows: readonly Row[]): void {
    for (const [who, line, expected = 'OK'] of rows)
      t.equal(this.play(who, line), expected, `${who}: ${line.slice(0, 60)}`);
  }

  play(who: string, line: string): string {
    if (who === 'host') return this.#host(line);
    const connection = this.#connections.get(who) ?? -1;
    if (line === 'events') return this.#take(connection);
    const outcome = execute(this.store, connection, parseRequest(line));
    this.store = outcome.store;
    return describe(outcome.reply);
  }

  #connect(name: string, domid: number): void {
    const { store, connection } = connect(this.store, { domid });
    this.store = store;
    this.#connections.set(name, connection);
  }

  #host(line: string): string {
    const [verb, number] = line.split(' ');
    const domid = Number(number);
    if (verb === 'connect') this.#connect(`g${domid}`, domid);
    if (verb === 'create') this.store = domainCreated(this.store, domid);
    if (verb === 'shutdown') this.store = domainShutdown(this.store, domid);
    if (verb === 'destroy') this.store = domainDestroyed(this.store, domid);
    return 'OK';
  }

  #take(connection: number): string {
    const events: string[] = [];
    for (
      let event = nextEvent(this.store, connection);
      event !== undefined;
      event = nextEvent(this.store, connection)
    ) {
      events.push(`${event.path} ${event.token}`);
      this.store = takeEvent(this.store, connection);
    }
    return events.join(', ');
  }
}

/** A guest that exists, is introduced and connected, and owns its directory. */
export function guest(domid: number): Row[] {
  return [
    ['host', `create ${domid}`],
    ['a', `introduce ${domid} 100 3`],
    ['host', `connect ${domid}`],
    ['a', `mkdir /local/domain/${domid}`],
    ['a', `setPerms /local/domain/${domid} n${domid}`],
  ];
}

function parseRequest(line: string): Request {
  const match = /^(?:#(\d+) )?(\w+) ?(\S*) ?(.*)$/s.exec(line);
  const [, id = '0', type = '', first = '', rest = ''] = match ?? [];
  const transaction = Number(id);
  const numbers = [first, ...rest.split(' ')].map(Number);
  const [domid = 0, second = 0, third = 0] = numbers;
  switch (type) {
    case 'read':
    case 'directory':
    case 'mkdir':
    case 'rm':
    case 'getPerms':
      return { type, path: first, transaction };
    case 'write':
      return { type, path: first, value: rest, transaction };
    case 'setPerms':
      return { type, path: first, permissions: rest.split(' ').filter(Boolean).map(permission), transaction };
    case 'watch':
    case 'unwatch':
      return { type, path: first, token: rest, transaction };
    case 'resetWatches':
    case 'transactionStart':
      return { type, transaction };
    case 'commit':
    case 'abort':
      return { type: 'transactionEnd', commit: type === 'commit', transaction };
    case 'introduce':
      return { type, domid, gfn: second, port: third, transaction };
    case 'setTarget':
      return { type, domid, target: second, transaction };
    case 'release':
    case 'resume':
    case 'getDomainPath':
    case 'isDomainIntroduced':
      return { type, domid, transaction };
    default:
      throw new Error(`no such request: ${line}`);
  }
}

function permission(text: string): Permission {
  const parsed = parsePermission(text);
  if (parsed === undefined) throw new Error(`no permission: ${text}`);
  return parsed;
}

function describe(reply: Reply): string {
  switch (reply.kind) {
    case 'ok':
      return 'OK';
    case 'value':
    case 'text':
      return `"${reply.value}"`;
    case 'list':
      return `[${reply.names.join(' ')}]`;
    case 'part':
      return `${reply.names.join(' ')}${reply.last ? '.' : ''}`;
    case 'perms':
      return reply.permissions.map(formatPermission).join(' ');
    case 'error':
      return reply.error;
  }
}
