/**
 * The thread with the sockets: it takes one request at a time from the thread with the drivers, which sleeps until the
 * answer is there, and hands on watch events as they come.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';
import { type Permission, type Transaction, XenstoreClient, XenstoreError } from '../../xenstore-sim/client/index.js';
import type { NodeAccess } from '../../xenstore-sim/client/node-access.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { webSocket } from '../../xenstore-sim/client/web-socket-node.js';
import { parsePermission } from '../../xenstore-sim/index.js';
import { HypercallClient } from '../hypercall/client.js';
import { blockedThreadBell } from '../memory/doorbell.js';
import type { PortalReply, PortalRequest, PortalSetup, WatchEvent } from './messages.js';

/** For each request; a daemon that is started again takes a fraction of it. */
const REQUEST_MILLISECONDS = 5000;
const RECONNECT = { firstDelayMilliseconds: 5, delayMillisecondsMax: 200 };
const RETRY_MILLISECONDS = 10;

class Sockets {
  readonly #setup: PortalSetup;
  readonly #hypervisor: HypercallClient;
  readonly #onWatch: (event: WatchEvent) => void;
  readonly #transactions = new Map<number, Transaction>();
  #client: Promise<XenstoreClient> | null = null;

  constructor(setup: PortalSetup, onWatch: (event: WatchEvent) => void) {
    this.#setup = setup;
    this.#onWatch = onWatch;
    this.#hypervisor = new HypercallClient(setup.hypervisor, setup.hello);
  }

  async answer(request: PortalRequest): Promise<PortalReply> {
    try {
      if (request.kind === 'hypercall')
        return {
          kind: 'result',
          result: await this.#hypervisor.callNumbered(request.number, request.call, ...request.args),
        };
      return await this.#store(request);
    } catch (error) {
      const known = error instanceof XenstoreError || error instanceof QuiesceError;
      if (!known) throw error;
      return { kind: 'error', code: error.code, message: error.message };
    }
  }

  async #store(request: PortalRequest & { kind: 'store' }): Promise<PortalReply> {
    // Outside a transaction each request may be made again: it has the same effect a second time.
    for (const deadline = performance.now() + REQUEST_MILLISECONDS; ; ) {
      try {
        return await this.#perform(await this.#connected(), request);
      } catch (error) {
        const lost = error instanceof XenstoreError && (error.code === 'DISCONNECTED' || error.code === 'UNREACHABLE');
        if (!lost || request.transaction !== 0 || performance.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }

  async #perform(client: XenstoreClient, request: PortalRequest & { kind: 'store' }): Promise<PortalReply> {
    const { operation, argument, transaction } = request;
    const path = this.#absolute(request.path);
    const nodes: NodeAccess | undefined = transaction === 0 ? client : this.#transactions.get(transaction);
    if (nodes === undefined) return { kind: 'error', code: 'DISCONNECTED', message: 'the transaction was lost' };
    switch (operation) {
      case 'read':
        return { kind: 'text', text: await orNull(async () => latin(await nodes.read(path))) };
      case 'directory':
        return { kind: 'names', names: await orNull(() => nodes.directory(path)) };
      case 'write':
        await nodes.write(path, Buffer.from(argument, 'latin1'));
        return OK;
      case 'mkdir':
        await nodes.mkdir(path);
        return OK;
      case 'rm':
        await orNull(() => nodes.rm(path));
        return OK;
      case 'setPermissions':
        await nodes.setPermissions(path, argument.split(' ').map(permission));
        return OK;
      case 'watch':
        await this.#watch(client, path, request.path, argument);
        return OK;
      case 'unwatch':
        await orNull(() => client.unwatch(path, argument));
        return OK;
      case 'start': {
        const started = await client.startTransaction();
        this.#transactions.set(started.id, started);
        return { kind: 'result', result: started.id };
      }
      case 'commit':
      case 'abort': {
        const open = this.#transactions.get(transaction);
        this.#transactions.delete(transaction);
        if (operation === 'commit') await open?.commit();
        else await open?.abort();
        return OK;
      }
    }
  }

  /** A watch that is there already, from before the connection was lost, fires once more. */
  async #watch(client: XenstoreClient, path: string, given: string, token: string): Promise<void> {
    const { home } = this.#setup.store;
    try {
      await client.watch(path, (changed) => this.#onWatch({ path: relative(changed, given, home), token }), { token });
    } catch (error) {
      if (!(error instanceof XenstoreError) || error.code !== 'EEXIST') throw error;
      this.#onWatch({ path: given, token });
    }
  }

  /** A daemon that takes everybody for domain 0 is told whole paths. */
  #absolute(path: string): string {
    const { home } = this.#setup.store;
    return home === undefined || path === '' || path.startsWith('/') || path.startsWith('@') ? path : `${home}/${path}`;
  }

  #connected(): Promise<XenstoreClient> {
    if (this.#client !== null) return this.#client;
    const { address, token } = this.#setup.store;
    const transport = address.startsWith('ws:') ? webSocket(address, { token }) : unixSocket(address);
    const client = XenstoreClient.connect(transport, {
      reconnect: RECONNECT,
      timeoutMilliseconds: REQUEST_MILLISECONDS,
    });
    this.#client = client;
    client.then(
      (made) => made.events.on('disconnected', () => this.#transactions.clear()),
      () => {
        this.#client = null;
      },
    );
    return client;
  }
}

const OK: PortalReply = { kind: 'result', result: 0 };

async function orNull<T>(request: () => Promise<T>): Promise<T | null> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof XenstoreError && error.code === 'ENOENT') return null;
    throw error;
  }
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function permission(text: string): Permission {
  const parsed = parsePermission(text);
  if (parsed === undefined) throw new QuiesceError('DRIVER_FAULT', `expected a permission like n0, found '${text}'`);
  return parsed;
}

function relative(path: string, given: string, home: string | undefined): string {
  return home !== undefined && !given.startsWith('/') && path.startsWith(`${home}/`)
    ? path.slice(home.length + 1)
    : path;
}

function serve(port: MessagePort, setup: PortalSetup): void {
  const flags = new Int32Array(setup.flag);
  const ring = blockedThreadBell(setup.bell);
  const sockets = new Sockets(setup, (event) => {
    port.postMessage({ watch: event });
    Atomics.add(flags, 1, 1);
    ring();
  });
  let replies: MessagePort | null = null;
  port.on('message', ({ request, reply }: { request: PortalRequest; reply?: MessagePort }) => {
    // It comes with the first request.
    replies ??= reply ?? null;
    void sockets.answer(request).then((answer) => {
      replies?.postMessage(answer);
      Atomics.store(flags, 0, 1);
      Atomics.notify(flags, 0);
    });
  });
}

assert(parentPort !== null, 'portal: expected to be a thread');
serve(parentPort, workerData as PortalSetup);
