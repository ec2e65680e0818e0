/**
 * The store of a live host as the toolstack uses it. What is asked of a store that is lost meanwhile is asked again, as
 * somebody starts it again; so each request here does no harm a second time.
 */
import { randomBytes } from 'node:crypto';
import { QUIESCE_NODE, QUIESCED_NODE } from '../../backend/tpmback/v2.js';
import { DeviceNode, domainPath, parseXenbusState, shutdownPath, type XenbusState } from '../../protocol/xenbus.js';
import { hasCode, XenstoreClient, XenstoreError } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { webSocket } from '../../xenstore-sim/client/web-socket-node.js';
import { domainToken } from '../../xenstore-sim/server/index.js';
import type { StorePlace, XenstoredConfig } from '../parts/config.js';
import type { LiveOptions } from './options.js';
import { absent, backendNode, createDomainNodes, createVtpmNodes, frontendNode, removeNodes } from './store-nodes.js';
import { sleep } from './waiting.js';

const REQUEST_MILLISECONDS = 15_000;
/** For a store that is started again. */
const LOST_MILLISECONDS = 10_000;
const RETRY_MILLISECONDS = 10;
const RECONNECT = { firstDelayMilliseconds: 5, delayMillisecondsMax: 200 };

export interface HostStorePlace {
  readonly xenstore: LiveOptions['xenstore'];
  /** Folder of the host. */
  readonly directory: string;
  readonly domid: number;
  /** Of a toolstack before this one. */
  readonly token: string | null;
  readonly port: number;
}

export class HostStore {
  readonly token: string;
  /** Of the WebSocket; 0 before the daemon has ever listened. */
  port: number;
  readonly #place: HostStorePlace;
  #client: Promise<XenstoreClient> | null = null;

  constructor(place: HostStorePlace) {
    this.#place = place;
    this.token = place.token ?? randomBytes(32).toString('base64url');
    this.port = place.port;
  }

  /** Whether the daemon is a part of this host, and not one that runs anyway. */
  get own(): boolean {
    return this.#place.xenstore === 'sim';
  }

  /** Unix socket of the daemon, for people and programs. */
  get address(): string {
    const { xenstore, directory } = this.#place;
    return xenstore === 'sim' ? `${directory}/xenstored.sock` : xenstore.path;
  }

  get daemonConfig(): XenstoredConfig {
    const { directory } = this.#place;
    return { unix: this.address, port: this.port, token: this.token, stateFile: `${directory}/xenstored.state` };
  }

  /** How a part reaches it: as its domain, or as domain 0 where the daemon takes everybody for that. */
  placeFor(part: 'backend' | 'guest'): StorePlace {
    const domid = part === 'guest' ? this.#place.domid : 0;
    if (!this.own) return { address: this.address, home: domainPath(domid) };
    const url = `ws://127.0.0.1:${this.port}/`;
    if (part === 'backend') return { address: url, token: this.token };
    return { address: `${url}domain/${domid}`, token: domainToken(this.token, domid) };
  }

  /** Before its nodes, not after them as libxl does: there is no hypervisor that this daemon could ask about domains. */
  async createGuest(): Promise<void> {
    const { domid } = this.#place;
    await this.#again(async (store) => {
      await this.#introduce(store);
      await createDomainNodes(store, domid, this.own);
      await createVtpmNodes(store, domid, this.own);
    });
  }

  async removeGuest(): Promise<void> {
    const { domid } = this.#place;
    await this.#again(async (store) => {
      await removeNodes(store, domid);
      if (await store.isDomainIntroduced(domid)) await store.release(domid);
    });
  }

  async requestSuspend(): Promise<void> {
    await this.#again((store) => store.write(shutdownPath(this.#place.domid), 'suspend'));
  }

  async suspendAcknowledged(): Promise<boolean> {
    return (await this.#read(shutdownPath(this.#place.domid))) === '';
  }

  /** Takes a request back that the guest has not acknowledged. */
  async withdrawSuspend(): Promise<void> {
    const path = shutdownPath(this.#place.domid);
    await this.#again((store) =>
      store.transaction(async (nodes) => {
        if ((await nodes.readText(path)) === 'suspend') await nodes.write(path, '');
      }),
    );
  }

  /** Asks the backend to finish what is there and to take nothing more. */
  async requestQuiesce(): Promise<void> {
    await this.#again((store) => store.write(backendNode(this.#place.domid, QUIESCE_NODE), '1'));
  }

  async quiesced(): Promise<boolean> {
    return (await this.#read(backendNode(this.#place.domid, QUIESCED_NODE))) !== null;
  }

  /** The guest is about to go on: the backend may take requests again. */
  async resumeGuest(): Promise<void> {
    const { domid } = this.#place;
    const quiesce = backendNode(domid, QUIESCE_NODE);
    await this.#again(async (store) => {
      if (await store.exists(quiesce)) {
        await store.transaction(async (nodes) => {
          await nodes.rm(backendNode(domid, QUIESCED_NODE)).catch(absent);
          await nodes.rm(quiesce).catch(absent);
        });
      }
      if (this.own) await store.resume(domid);
    });
  }

  async backendState(): Promise<XenbusState> {
    return parseXenbusState(await this.#read(backendNode(this.#place.domid, DeviceNode.State)));
  }

  async frontendState(): Promise<XenbusState> {
    return parseXenbusState(await this.#read(frontendNode(this.#place.domid, DeviceNode.State)));
  }

  async close(): Promise<void> {
    (await this.#client?.catch(() => null))?.close();
  }

  #read(path: string): Promise<string | null> {
    return this.#again(async (store) => {
      try {
        return await store.readText(path);
      } catch (error) {
        absent(error);
        return null;
      }
    });
  }

  /** A real daemon on a machine without Xen knows no domain but the first, and says so when it is given their nodes. */
  async #introduce(store: XenstoreClient): Promise<void> {
    try {
      await store.introduce({ domid: this.#place.domid, frame: 1, eventChannel: 1 });
    } catch (error) {
      if (this.own || !(error instanceof XenstoreError) || !error.fromDaemon) throw error;
    }
  }

  async #again<T>(work: (store: XenstoreClient) => Promise<T>): Promise<T> {
    for (const deadline = performance.now() + LOST_MILLISECONDS; ; ) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        if (!hasCode(error, 'DISCONNECTED', 'UNREACHABLE') || performance.now() > deadline) throw error;
      }
      await sleep(RETRY_MILLISECONDS);
    }
  }

  #connected(): Promise<XenstoreClient> {
    if (this.#client !== null) return this.#client;
    const transport = this.own
      ? webSocket(`ws://127.0.0.1:${this.port}/`, { token: this.token })
      : unixSocket(this.address);
    const client = XenstoreClient.connect(transport, {
      reconnect: RECONNECT,
      timeoutMilliseconds: REQUEST_MILLISECONDS,
    });
    this.#client = client;
    client.catch(() => {
      this.#client = null;
    });
    return client;
  }
}
