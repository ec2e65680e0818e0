/**
 * One live host as the toolstack drives it: its memory, its parts, its store, and its guest.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { QUIESCE_NODE, QUIESCED_NODE } from '../../backend/tpmback/v2.js';
import { type Domain, DomainState } from '../../hypervisor/domain.js';
import { DeviceNode, domainPath, parseXenbusState, shutdownPath, type XenbusState } from '../../protocol/xenbus.js';
import { hasCode, XenstoreClient } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { webSocket } from '../../xenstore-sim/client/web-socket-node.js';
import { domainToken } from '../../xenstore-sim/server/index.js';
import { HypercallClient } from '../hypercall/client.js';
import type { SegmentName } from '../memory/segments.js';
import type { HostConfig, HostGrant, MemoryGrant, PartConfig, StorePlace, ToolstackPlace } from '../parts/config.js';
import { hypervisorSocket, transferSocket } from '../parts/config.js';
import { domainsOf } from '../parts/machine.js';
import { AGENTS } from '../tables.js';
import type { HostMemory } from './host-memory.js';
import type { LiveOptions } from './options.js';
import { lockFile, readHolder } from './part-lock.js';
import type { HostName, HostRecord } from './record.js';
import { adopt, type RunningPart, startProcess, startThread } from './spawn.js';
import { absent, backendNode, createDomainNodes, createVtpmNodes, frontendNode, removeNodes } from './store-nodes.js';
import { Supervisor } from './supervisor.js';
import { sleep, until, within } from './waiting.js';

/** Descriptors of a process begin after the standard streams and the channel to its parent. */
export const FIRST_DESCRIPTOR = 4;
const PART_MILLISECONDS = 15_000;
const HANDSHAKE_MILLISECONDS = 15_000;
/** For a store that is started again. */
const STORE_MILLISECONDS = 10_000;
const STORE_RETRY_MILLISECONDS = 10;

export type HostPart = 'hypervisor' | 'xenstored' | 'backend' | 'guest';
export const HOST_PARTS: readonly HostPart[] = ['hypervisor', 'xenstored', 'backend', 'guest'];

/** Which segments a part may map; everybody may read the tables in the first. */
const SEGMENTS_OF: { readonly [P in 'backend' | 'guest' | 'hypervisor']: readonly SegmentName[] } = {
  hypervisor: ['hypervisor', 'backend', 'guest'],
  backend: ['hypervisor', 'backend', 'guest'],
  guest: ['hypervisor', 'backend', 'guest'],
};

export interface LiveHostPlace {
  readonly name: HostName;
  readonly directory: string;
  readonly options: LiveOptions;
  readonly memory: HostMemory;
  /** Of a toolstack before this one; null at first. */
  readonly record: HostRecord | null;
  /** What a hypervisor needs to start the toolstack again, or null. */
  readonly guarded: ToolstackPlace | null;
  /** A part runs, or runs again: the record is to be written. */
  readonly onChange: () => void;
}

export class LiveHost {
  readonly name: HostName;
  readonly domid: number;
  readonly memory: HostMemory;
  readonly hypercalls: HypercallClient;
  readonly supervisors: { readonly [P in HostPart]: Supervisor };
  readonly #place: LiveHostPlace;
  readonly #config: HostConfig;
  readonly #storeToken: string;
  readonly #domains;
  #port: number;
  /** Backend and guest are started to wait. */
  #held = false;
  #client: Promise<XenstoreClient> | null = null;

  constructor(place: LiveHostPlace) {
    const { name, directory, options, record } = place;
    this.#place = place;
    this.name = name;
    this.domid = name === 'a' ? 1 : 2;
    this.memory = place.memory;
    const token = (): string => randomBytes(32).toString('base64url');
    this.#storeToken = record?.storeToken ?? token();
    this.#port = record?.port ?? 0;
    this.#config = {
      name,
      directory: `${directory}/${name}`,
      domid: this.domid,
      fillerPages: options.fillerPages,
      tokens: record?.tokens ?? { guest: token(), backend: token(), toolstack: token() },
      tpm: options.tpm,
      startup: options.startup,
      tpmfront: options.tpmfront,
    };
    mkdirSync(this.#config.directory, { recursive: true, mode: 0o700 });
    this.hypercalls = new HypercallClient(hypervisorSocket(this.#config), {
      agent: 'toolstack',
      token: this.#config.tokens.toolstack,
    });
    this.#domains = domainsOf(this.memory.memory, this.#config);
    this.supervisors = {
      hypervisor: this.#supervise('hypervisor'),
      xenstored: this.#supervise('xenstored'),
      backend: this.#supervise('backend'),
      guest: this.#supervise('guest'),
    };
    if (record === null) return;
    for (const part of HOST_PARTS) {
      const holder = readHolder(lockFile(this.#configFile(part)));
      if (holder !== null) this.supervisors[part].adopt(adopt(holder.pid, holder.startTime));
    }
  }

  get record(): HostRecord {
    return { tokens: this.#config.tokens, storeToken: this.#storeToken, port: this.#port };
  }

  get config(): HostConfig {
    return this.#config;
  }

  get guestState(): number {
    return this.#domains.guest.state;
  }

  /** To be read. */
  get guest(): Domain {
    return this.#domains.guest;
  }

  /** Where the store is, for people and programs. */
  get storeAddress(): string {
    const { xenstore } = this.#place.options;
    return xenstore === 'sim' ? `${this.#config.directory}/xenstored.sock` : xenstore.path;
  }

  /** Hypervisor and store. */
  async startMachine(): Promise<void> {
    const { hypervisor, xenstored } = this.supervisors;
    const starting: Promise<unknown>[] = [];
    if (hypervisor.running === null) starting.push(hypervisor.start());
    if (this.#place.options.xenstore === 'sim' && xenstored.running === null) starting.push(xenstored.start());
    await within('hypervisor and xenstored to begin', PART_MILLISECONDS, Promise.all(starting));
  }

  /** A domain with its nodes, paused; its pages are empty. */
  async createDomain(): Promise<void> {
    await this.hypercalls.call('domctl_create', this.domid);
    await this.#inStore(async (store) => {
      // Before its nodes, not after them as libxl does: there is no hypervisor that this daemon could ask about domains.
      if (this.#simulatedStore) await store.introduce({ domid: this.domid, frame: 1, eventChannel: 1 });
      await createDomainNodes(store, this.domid);
      await createVtpmNodes(store, this.domid);
    });
  }

  /** Starts the processes of backend and guest, which are to wait for `releaseParts`: that takes longer than all they do then. */
  async prepareParts(): Promise<void> {
    this.#held = true;
    const both = (['backend', 'guest'] as const).map(async (part) => {
      const supervisor = this.supervisors[part];
      // Whether they serve is waited for after `releaseParts`.
      if (supervisor.running === null) void supervisor.start().catch(() => undefined);
      await until(`${supervisor.name} to be started`, PART_MILLISECONDS, () => supervisor.running !== null);
      await supervisor.running?.held;
    });
    await within('backend and guest to be prepared', PART_MILLISECONDS, Promise.all(both));
  }

  /** The pages are in place: backend and guest begin. */
  async releaseParts(): Promise<void> {
    this.#held = false;
    const { backend, guest } = this.supervisors;
    const both = [backend, guest].map(async (supervisor) => {
      supervisor.running?.go();
      await until(`${supervisor.name} to begin`, PART_MILLISECONDS, () => supervisor.serving);
    });
    await Promise.all(both);
  }

  async startBackend(): Promise<void> {
    if (this.supervisors.backend.running === null)
      await within('the backend to begin', PART_MILLISECONDS, this.supervisors.backend.start());
  }

  async startGuest(): Promise<void> {
    if (this.supervisors.guest.running === null)
      await within('the guest to begin', PART_MILLISECONDS, this.supervisors.guest.start());
  }

  async awaitBackend(state: XenbusState, signal?: AbortSignal): Promise<void> {
    await until(
      `the backend on host ${this.name} in state ${state}`,
      HANDSHAKE_MILLISECONDS,
      async () => (await this.backendState()) === state,
      signal,
    );
  }

  async awaitFrontend(state: XenbusState): Promise<void> {
    await until(
      `the frontend on host ${this.name} in state ${state}`,
      HANDSHAKE_MILLISECONDS,
      async () => (await this.frontendState()) === state,
    );
  }

  async backendState(): Promise<XenbusState> {
    return parseXenbusState(await this.read(backendNode(this.domid, DeviceNode.State)));
  }

  async frontendState(): Promise<XenbusState> {
    return parseXenbusState(await this.read(frontendNode(this.domid, DeviceNode.State)));
  }

  async read(path: string): Promise<string | null> {
    return this.#inStore(async (store) => {
      try {
        return await store.readText(path);
      } catch (error) {
        absent(error);
        return null;
      }
    });
  }

  /** Asks the guest to suspend; it is to stop in its hypercall within the time. */
  async suspendGuest(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const path = shutdownPath(this.domid);
    await this.#inStore((store) => store.write(path, 'suspend'));
    await until(
      'the guest to acknowledge the suspend',
      milliseconds,
      async () => (await this.read(path)) === '',
      signal,
    );
    await until('the guest to suspend', milliseconds, () => this.guestState === DomainState.Suspended, signal);
  }

  /** Takes a request back that the guest has not acknowledged. */
  async withdrawSuspend(): Promise<void> {
    const path = shutdownPath(this.domid);
    await this.#inStore((store) =>
      store.transaction(async (nodes) => {
        if ((await nodes.readText(path)) === 'suspend') await nodes.write(path, '');
      }),
    );
  }

  /** The backend finishes what is there and takes nothing more. */
  async drain(milliseconds: number, signal?: AbortSignal): Promise<void> {
    await this.#inStore((store) => store.write(backendNode(this.domid, QUIESCE_NODE), '1'));
    await until(
      'the backend to quiesce',
      milliseconds,
      async () => (await this.read(backendNode(this.domid, QUIESCED_NODE))) !== null,
      signal,
    );
  }

  /** The fast way: the guest's hypercall returns, and no device is touched. */
  async resumeGuest(result: number): Promise<void> {
    const quiesce = backendNode(this.domid, QUIESCE_NODE);
    await this.#inStore(async (store) => {
      if (await store.exists(quiesce)) {
        await store.transaction(async (nodes) => {
          await nodes.rm(backendNode(this.domid, QUIESCED_NODE)).catch(absent);
          await nodes.rm(quiesce).catch(absent);
        });
      }
      if (this.#simulatedStore) await store.resume(this.domid);
    });
    await this.hypercalls.call('domctl_resume', result);
  }

  /** Ends the guest of this host with its processes, and everything that is left of it. */
  async destroyGuest(): Promise<void> {
    this.#held = false;
    await Promise.all([this.supervisors.guest.stop(), this.supervisors.backend.stop()]);
    await this.hypercalls.call('domctl_agent_died', AGENTS.backend);
    await this.hypercalls.call('domctl_destroy');
    await this.hypercalls.call('domctl_clear_device');
    await this.#inStore(async (store) => {
      await removeNodes(store, this.domid);
      if (this.#simulatedStore && (await store.isDomainIntroduced(this.domid))) await store.release(this.domid);
    });
  }

  /** Sends the pages of the guest and its TPM to another host. False when they may not have arrived. */
  async sendTo(target: LiveHost): Promise<boolean> {
    const path = transferSocket(target.config);
    if ((await target.hypercalls.transfer('receive', path)) !== 0) return false;
    return (await this.hypercalls.transfer('send', path)) === 0;
  }

  async stop(): Promise<void> {
    this.hypercalls.close();
    (await this.#client?.catch(() => null))?.close();
    await Promise.all(HOST_PARTS.map((part) => this.supervisors[part].stop()));
  }

  /** Does `work`, which does no harm a second time, again when the store was lost meanwhile: it is being started again. */
  async #inStore<T>(work: (store: XenstoreClient) => Promise<T>): Promise<T> {
    for (const deadline = performance.now() + STORE_MILLISECONDS; ; ) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        if (!hasCode(error, 'DISCONNECTED', 'UNREACHABLE') || performance.now() > deadline) throw error;
      }
      await sleep(STORE_RETRY_MILLISECONDS);
    }
  }

  get #simulatedStore(): boolean {
    return this.#place.options.xenstore === 'sim';
  }

  #connected(): Promise<XenstoreClient> {
    if (this.#client !== null) return this.#client;
    const { xenstore } = this.#place.options;
    const transport =
      xenstore === 'sim'
        ? webSocket(`ws://127.0.0.1:${this.#port}/`, { token: this.#storeToken })
        : unixSocket(xenstore.path);
    const client = XenstoreClient.connect(transport, {
      reconnect: { firstDelayMilliseconds: 5, delayMillisecondsMax: 200 },
      timeoutMilliseconds: HANDSHAKE_MILLISECONDS,
    });
    this.#client = client;
    client.catch(() => {
      this.#client = null;
    });
    return client;
  }

  /** What the user space is given of this host. */
  grantFor(firstDescriptor: number, segments: readonly SegmentName[]): HostGrant {
    const memory: MemoryGrant =
      this.memory.buffer === null
        ? { kind: 'process', firstDescriptor, segments }
        : { kind: 'thread', buffer: this.memory.buffer };
    return { host: this.#config, memory };
  }

  #supervise(part: HostPart): Supervisor {
    return new Supervisor({
      name: `${this.name}/${part}`,
      start: () => this.#start(part),
      ready: ({ url }) => {
        if (url !== undefined) this.#port = Number(new URL(url).port);
        this.#place.onChange();
      },
      ...(part === 'backend'
        ? { ended: async () => void (await this.hypercalls.call('domctl_agent_died', AGENTS.backend)) }
        : {}),
    });
  }

  #start(part: HostPart): RunningPart {
    const { directory } = this.#config;
    const config = this.#partConfig(part);
    if (this.memory.buffer !== null) return startThread({ config, buffers: { [this.name]: this.memory.buffer } });
    const own = part === 'xenstored' ? [] : this.memory.descriptorsOf(SEGMENTS_OF[part]);
    const descriptors = part === 'hypervisor' ? (this.#place.guarded?.descriptors ?? own) : own;
    return startProcess({
      config,
      configFile: this.#configFile(part),
      logFile: `${directory}/${part}.log`,
      descriptors,
    });
  }

  #configFile(part: HostPart): string {
    return `${this.#config.directory}/${part}.json`;
  }

  #partConfig(part: HostPart): PartConfig {
    const { directory } = this.#config;
    if (part === 'xenstored') {
      return {
        part,
        xenstored: {
          unix: `${directory}/xenstored.sock`,
          port: this.#port,
          token: this.#storeToken,
          stateFile: `${directory}/xenstored.state`,
        },
      };
    }
    const grant = this.grantFor(FIRST_DESCRIPTOR, SEGMENTS_OF[part]);
    if (part === 'hypervisor') {
      const { guarded } = this.#place;
      const inherited = guarded?.descriptors.map((_descriptor, index) => FIRST_DESCRIPTOR + index) ?? [];
      return { part, ...grant, guarded: guarded === null ? null : { ...guarded, descriptors: inherited } };
    }
    return { part, ...grant, store: this.#storePlace(part), held: this.#held };
  }

  #storePlace(part: 'backend' | 'guest'): StorePlace {
    const { xenstore } = this.#place.options;
    const domid = part === 'guest' ? this.domid : 0;
    if (xenstore !== 'sim') return { address: xenstore.path, home: domainPath(domid) };
    return part === 'guest'
      ? { address: `ws://127.0.0.1:${this.#port}/domain/${domid}`, token: domainToken(this.#storeToken, domid) }
      : { address: `ws://127.0.0.1:${this.#port}/`, token: this.#storeToken };
  }
}
