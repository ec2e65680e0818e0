/**
 * What the guests of explored worlds ask of their store at once, they could as well ask through the ring page: the same
 * requests, made by guests on pages and by everybody else on sockets, get the same answers from a daemon, and leave the
 * same tree.
 */
import t from 'tap';
import { DomainState } from '../../hypervisor/domain.js';
import { assert } from '../../protocol/assert.js';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { TPMFRONTS } from '../../simulator/drivers.js';
import { run } from '../../simulator/run.js';
import type { StoreClient, StoreOperation } from '../../simulator/store-client.js';
import { DAEMONS } from '../../simulator/world-options.js';
import { type DaemonName, POLICIES } from '../../xenstore-sim/index.js';
import { type PagePeer, RingPages } from '../support/ring-page-daemon.js';
import { worldOf } from '../support/worlds.js';

/** Those on one host, for there is one store, and without a death in the middle of a request. */
const SITUATIONS = ['connect', 'cancelled-suspend', 'checkpoint', 'save-restore', 'spurious-event'];
const SEED = 3;

type Caller = (type: number, payload: string, transactionId?: number) => XsFrame;

/** A daemon that serves pages, with a caller for each client of a world. */
class Served {
  readonly pages: RingPages;
  events = 0;
  /** Bytes that went through pages. */
  bytes = 0;
  readonly #callers = new Map<string, Caller>();
  readonly #transactions = new Map<string, number>();

  constructor(name: DaemonName) {
    this.pages = new RingPages(name, { ...POLICIES[name], domainsAppear: true });
  }

  /** Makes the request; a value that is not the one the world was told is found. */
  repeat({ client, operation, path, value }: StoreOperation): string | null {
    const type = operation === 'INTRODUCE' ? XsType.INTRODUCE : XsType[operation];
    const { type: answer, payload } = this.#callerOf(client)(
      type,
      payloadOf(operation, path, value),
      operation === 'TRANSACTION_START' || operation.endsWith('WATCH') ? 0 : this.#transactions.get(client),
    );
    if (operation === 'TRANSACTION_START') this.#transactions.set(client, Number.parseInt(payload, 10));
    if (operation === 'TRANSACTION_END') this.#transactions.delete(client);
    if (operation === 'INTRODUCE') this.pages.introduce(Number(value));
    const found = answer !== XsType.ERROR ? payload : payload === 'ENOENT\0' ? '' : `error ${payload}`;
    if (operation === 'READ' ? found === value : !found.startsWith('error')) return null;
    return `${client} ${operation} ${path}: expected '${value}', found '${found}'`;
  }

  /** Every path with its value. */
  tree(path = '/'): readonly string[] {
    const caller = this.#callerOf('observer');
    const names = caller(XsType.DIRECTORY, `${path}\0`).payload.split('\0').slice(0, -1);
    const own = `${path} ${caller(XsType.READ, `${path}\0`).payload}`;
    return [own, ...names.sort().flatMap((name) => this.tree(path === '/' ? `/${name}` : `${path}/${name}`))];
  }

  #callerOf(name: string): Caller {
    const known = this.#callers.get(name);
    if (known !== undefined) return known;
    const domid = /^guest(\d+)$/.exec(name)?.[1];
    const caller = domid === undefined ? this.#onSocket() : this.#onPage(this.pages.peer(Number(domid)));
    this.#callers.set(name, caller);
    return caller;
  }

  #onSocket(): Caller {
    const connection = this.pages.daemon.connect(0);
    return (type, payload, transactionId = 0) => {
      const decoder = new FrameDecoder();
      let answer: XsFrame | undefined;
      this.pages.daemon.receive(connection, encodeFrame({ type, requestId: 1, transactionId, payload }));
      this.pages.pump((id, bytes) => {
        if (id === connection) decoder.push(bytes, (frame) => (answer = isEvent(frame) ? answer : frame));
      });
      assert(answer !== undefined, 'the daemon has not answered');
      return answer;
    };
  }

  #onPage(peer: PagePeer): Caller {
    const decoder = new FrameDecoder();
    return (type, payload, transactionId = 0) => {
      let answer: XsFrame | undefined;
      let rest = encodeFrame({ type, requestId: 1, transactionId, payload });
      this.bytes += rest.length;
      for (let moved = true; moved; ) {
        const put = rest.length === 0 ? 0 : peer.put(rest);
        rest = rest.subarray(put);
        this.pages.pump();
        const bytes = peer.take();
        moved = put > 0 || bytes.length > 0;
        decoder.push(bytes, (frame) => {
          if (isEvent(frame)) this.events++;
          else answer = frame;
        });
      }
      assert(answer !== undefined, 'the guest was not answered');
      return answer;
    };
  }
}

function isEvent({ type }: XsFrame): boolean {
  return type === XsType.WATCH_EVENT;
}

function payloadOf(operation: StoreOperation['operation'], path: string, value: string): string {
  switch (operation) {
    case 'WRITE':
      return `${path}\0${value}`;
    case 'SET_PERMS':
      return `${path}\0${value.replaceAll(' ', '\0')}\0`;
    case 'WATCH':
    case 'UNWATCH':
      return `${path}\0${value}\0`;
    case 'TRANSACTION_START':
      return '\0';
    case 'TRANSACTION_END':
    case 'RESUME':
      return `${value}\0`;
    case 'INTRODUCE':
      return `${value}\x001\x001\0`;
    default:
      return `${path}\0`;
  }
}

function treeOf(client: StoreClient, path = '/'): readonly string[] {
  const names = [...(client.list(path) ?? [])].sort();
  const below = names.flatMap((name) => treeOf(client, path === '/' ? `/${name}` : `${path}/${name}`));
  return [`${path} ${client.peek(path) ?? ''}`, ...below];
}

for (const daemon of DAEMONS) {
  t.test(`${daemon}: the requests of every tpmfront go over its page as well`, async (t) => {
    for (const { name: front } of TPMFRONTS) {
      for (const scenario of SITUATIONS) {
        const operations: StoreOperation[] = [];
        const world = worldOf({ front, scenario, daemon, listener: (operation) => operations.push(operation) });
        run(world, SEED);
        world.listen(null);
        const served = new Served(daemon);
        for (const domid of [1, 2]) served.pages.daemon.domainCreated(domid);
        const differences = operations.map((operation) => served.repeat(operation)).filter((each) => each !== null);
        t.strictSame(differences, [], `${front} in ${scenario}`);
        t.ok(served.bytes > 400 && served.events > 0, `${served.bytes} bytes, ${served.events} events`);
        // That a domain has ended is nobody's request.
        for (const { domid, domain } of world.machine.slots) {
          if (domain.state !== DomainState.Free) continue;
          served.pages.server.release(domid);
          served.pages.daemon.domainDestroyed(domid);
        }
        const [toolstack] = world.machine.clients;
        assert(toolstack !== undefined, 'there is no toolstack');
        t.strictSame(withoutSpecial(served.tree()), withoutSpecial(treeOf(toolstack)), 'the same is left');
      }
    }
  });
}

/** oxenstored lists its special names at the root. */
function withoutSpecial(tree: readonly string[]): readonly string[] {
  return tree.filter((line) => !line.startsWith('/@'));
}
