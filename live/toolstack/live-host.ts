/**
 * One live host as the toolstack drives it: its memory, its parts, its store, and its guest.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type Domain, DomainState, SuspendResult } from '../../hypervisor/domain.js';
import { QuiesceError } from '../../protocol/errors.js';
import type { XenbusState } from '../../protocol/xenbus.js';
import { HypercallClient } from '../hypercall/client.js';
import { SEGMENT_NAMES, type SegmentName } from '../memory/segments.js';
import type { HostConfig, HostGrant, MemoryGrant, PartConfig, ToolstackPlace } from '../parts/config.js';
import { hypervisorSocket, transferSocket } from '../parts/config.js';
import { domainsOf } from '../parts/machine.js';
import { AGENTS } from '../tables.js';
import { inTurn } from '../trace/turns.js';
import { type TraceWriter, traced } from '../trace/writer.js';
import type { HostMemory } from './host-memory.js';
import { HostStore } from './host-store.js';
import { type LiveOptions, tracePlace } from './options.js';
import { lockFile, readHolder } from './part-lock.js';
import type { HostName, HostRecord } from './record.js';
import { adopt, type RunningPart, startProcess, startThread } from './spawn.js';
import { Supervisor } from './supervisor.js';
import { until, within } from './waiting.js';

/** Descriptors of a process begin after the standard streams and the channel to its parent. */
export const FIRST_DESCRIPTOR = 4;
const PART_MILLISECONDS = 15_000;
const HANDSHAKE_MILLISECONDS = 15_000;
/** A part that has ended so often in the middle of a migration is taken not to begin. */
const ENDS_MAX = 4;

export type HostPart = 'hypervisor' | 'xenstored' | 'backend' | 'guest';
export const HOST_PARTS: readonly HostPart[] = ['hypervisor', 'xenstored', 'backend', 'guest'];

/** Which segments a part may map; everybody may read the tables in the first. */
const SEGMENTS_OF: { readonly [P in 'backend' | 'guest' | 'hypervisor']: readonly SegmentName[] } = {
  hypervisor: SEGMENT_NAMES,
  backend: ['hypervisor', 'dom0', 'backend', 'guest'],
  guest: ['hypervisor', 'dom0', 'guest'],
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
  readonly trace: TraceWriter | null;
  /** Of the trace, for threads. */
  readonly clock: SharedArrayBuffer;
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
  readonly store: HostStore;
  readonly #domains;
  /** Backend and guest are started to wait. */
  #held = false;

  constructor(place: LiveHostPlace) {
    const { name, directory, options, record } = place;
    this.#place = place;
    this.name = name;
    this.domid = name === 'a' ? 1 : 2;
    this.memory = place.memory;
    const token = (): string => randomBytes(32).toString('base64url');
    this.#config = {
      name,
      directory: `${directory}/${name}`,
      domid: this.domid,
      fillerPages: options.fillerPages,
      tokens: record?.tokens ?? { guest: token(), backend: token(), toolstack: token() },
      tpm: options.tpm,
      startup: options.startup,
      tpmfront: options.tpmfront,
      trace: tracePlace(options),
    };
    mkdirSync(this.#config.directory, { recursive: true, mode: 0o700 });
    this.store = new HostStore({
      xenstore: options.xenstore,
      directory: this.#config.directory,
      domid: this.domid,
      token: record?.storeToken ?? null,
      port: record?.port ?? 0,
    });
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
    return { tokens: this.#config.tokens, storeToken: this.store.token, port: this.store.port };
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

  /** Hypervisor and store. */
  async startMachine(): Promise<void> {
    const { hypervisor, xenstored } = this.supervisors;
    const parts = this.store.own ? [hypervisor, xenstored] : [hypervisor];
    // One that has just died may be on its way already.
    const serving = parts.map((part) =>
      part.running === null
        ? part.start()
        : until(`${part.name} to serve`, PART_MILLISECONDS, () => part.serving || part.running === null),
    );
    await within('hypervisor and xenstored to begin', PART_MILLISECONDS, Promise.all(serving));
  }

  /** A domain with its nodes, paused; its pages are empty. */
  async createDomain(): Promise<void> {
    await this.hypercalls.call('domctl_create', this.domid);
    await this.store.createGuest();
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
    const { backend, guest } = this.supervisors;
    const begins = async (supervisor: Supervisor): Promise<void> => {
      supervisor.running?.go();
      const { restarts } = supervisor;
      await until(`${supervisor.name} to begin`, PART_MILLISECONDS, () => {
        if (supervisor.restarts - restarts < ENDS_MAX) return supervisor.serving;
        // The guest stands still meanwhile: not until the time is up.
        throw new QuiesceError(
          'PART_UNREACHABLE',
          `${supervisor.name}: expected it to begin, but it ends again and again; see its log`,
        );
      });
    };
    // Of a driven run: now the backend here may begin.
    await inTurn(this.#place.trace?.turns ?? null, `toolstack/release guest${this.domid}`, () => {
      this.#held = false;
      return Promise.all([backend, guest].map(begins));
    });
  }

  /** One that has died with the toolstack that would have cleared up after it has left its mappings, channels and memory. */
  async startBackend(): Promise<void> {
    if (this.supervisors.backend.running !== null) return;
    await this.#clearBackend();
    await within('the backend to begin', PART_MILLISECONDS, this.supervisors.backend.start());
  }

  async startGuest(): Promise<void> {
    if (this.supervisors.guest.running === null)
      await within('the guest to begin', PART_MILLISECONDS, this.supervisors.guest.start());
  }

  async awaitBackend(state: XenbusState, signal?: AbortSignal): Promise<void> {
    await this.#traced('toolstack.run/await_backend', () =>
      until(
        `the backend on host ${this.name} in state ${state}`,
        HANDSHAKE_MILLISECONDS,
        async () => (await this.store.backendState()) === state,
        signal,
      ),
    );
  }

  async awaitFrontend(state: XenbusState): Promise<void> {
    await until(
      `the frontend on host ${this.name} in state ${state}`,
      HANDSHAKE_MILLISECONDS,
      async () => (await this.store.frontendState()) === state,
    );
  }

  /** Asks the guest to suspend; it is to stop in its hypercall within the time. */
  async suspendGuest(milliseconds: number, signal?: AbortSignal): Promise<void> {
    await this.#traced('toolstack.run/request_suspend', () => this.store.requestSuspend());
    const acknowledged = (): Promise<boolean> => this.store.suspendAcknowledged();
    await this.#traced('toolstack.run/await_acknowledgement', () =>
      until('the guest to acknowledge the suspend', milliseconds, acknowledged, signal),
    );
    await this.#traced('toolstack.run/await_suspend', () =>
      until('the guest to suspend', milliseconds, () => this.guestState === DomainState.Suspended, signal),
    );
  }

  /** The backend finishes what is there and takes nothing more. */
  async drain(milliseconds: number, signal?: AbortSignal): Promise<void> {
    await this.#traced('toolstack.run/drain_vtpm', () => this.store.requestQuiesce());
    await this.#traced('toolstack.run/await_drain', () =>
      until('the backend to quiesce', milliseconds, () => this.store.quiesced(), signal),
    );
  }

  /** The fast way: the guest's hypercall returns, and no device is touched. */
  async resumeGuest(result: number): Promise<void> {
    const does = result === SuspendResult.Cancelled ? 'resume' : 'unpause';
    await this.#traced(`toolstack/${does} guest${this.domid}`, async () => {
      await this.store.resumeGuest();
      await this.hypercalls.call('domctl_resume', result);
    });
  }

  /** Takes back a request to suspend that the guest has not acknowledged. */
  async withdrawSuspend(): Promise<void> {
    await this.#traced(`toolstack/withdraw guest${this.domid}`, () => this.store.withdrawSuspend());
  }

  /** Ends the guest of this host with its processes, and everything that is left of it. */
  async destroyGuest(): Promise<void> {
    this.#held = false;
    await this.#traced(`toolstack/destroy guest${this.domid}`, async () => {
      await Promise.all([this.supervisors.guest.stop(), this.supervisors.backend.stop()]);
      await this.hypercalls.call('domctl_agent_died', AGENTS.backend);
      await this.hypercalls.call('domctl_destroy');
      await this.hypercalls.call('domctl_clear_device');
      await this.store.removeGuest();
    });
  }

  /** The same for a host that may have no hypervisor: what has no process can wait. */
  async abandonGuest(): Promise<void> {
    const { hypervisor, guest, backend } = this.supervisors;
    if (hypervisor.serving) await this.destroyGuest();
    else await Promise.all([guest.stop(), backend.stop()]);
  }

  /** Sends the pages of the guest and its TPM to another host. False when they may not have arrived. */
  async sendTo(target: LiveHost, cutAfterBytes: number | null): Promise<boolean> {
    const path = transferSocket(target.config);
    await inTurn(this.#place.trace?.turns ?? null, 'toolstack/send', () => undefined);
    if ((await target.hypercalls.transfer('receive', path)) !== 0) return false;
    const begun = this.#place.trace?.begin(`toolstack/restore guest${target.domid}`) ?? 0;
    if ((await this.hypercalls.transfer('send', path, cutAfterBytes)) !== 0) return false;
    this.#place.trace?.end(begun);
    return true;
  }

  async stop(): Promise<void> {
    this.hypercalls.close();
    // Our own daemon ends with its nodes; another's must not keep them.
    if (!this.store.own && this.guestState !== DomainState.Free) await this.store.removeGuest().catch(() => undefined);
    await this.store.close();
    await Promise.all(HOST_PARTS.map((part) => this.supervisors[part].stop()));
  }

  /** What the user space is given of this host. */
  grantFor(firstDescriptor: number, segments: readonly SegmentName[]): HostGrant {
    const memory: MemoryGrant =
      this.memory.buffer === null
        ? { kind: 'process', firstDescriptor, segments }
        : { kind: 'thread', buffer: this.memory.buffer, clock: this.#place.clock };
    return { host: this.#config, memory };
  }

  #supervise(part: HostPart): Supervisor {
    return new Supervisor({
      name: `${this.name}/${part}`,
      start: () => this.#start(part),
      ready: ({ url }) => {
        if (url !== undefined) this.store.port = Number(new URL(url).port);
        this.#place.onChange();
      },
      ...(part === 'backend'
        ? {
            ended: () => this.#clearBackend(),
          }
        : {}),
    });
  }

  #clearBackend(): Promise<void> {
    return this.#traced(
      `toolstack/clear tpmback${this.domid}`,
      async () => void (await this.hypercalls.call('domctl_agent_died', AGENTS.backend)),
    );
  }

  #traced<T>(name: string, work: () => Promise<T>): Promise<T> {
    return traced(this.#place.trace, name, work);
  }

  #start(part: HostPart): RunningPart {
    const { directory } = this.#config;
    const config = this.#partConfig(part);
    if (this.memory.buffer !== null)
      return startThread({ config, buffers: { [this.name]: this.memory.buffer }, clock: this.#place.clock });
    const descriptors = this.#descriptorsFor(part);
    return startProcess({
      config,
      configFile: this.#configFile(part),
      logFile: `${directory}/${part}.log`,
      descriptors,
    });
  }

  #descriptorsFor(part: HostPart): readonly number[] {
    if (part === 'xenstored') return [];
    if (part === 'hypervisor') return this.#place.guarded?.descriptors ?? this.memory.descriptors;
    return this.memory.descriptorsOf(SEGMENTS_OF[part]);
  }

  #configFile(part: HostPart): string {
    return `${this.#config.directory}/${part}.json`;
  }

  #partConfig(part: HostPart): PartConfig {
    if (part === 'xenstored') return { part, xenstored: this.store.daemonConfig };
    const grant = this.grantFor(FIRST_DESCRIPTOR, SEGMENTS_OF[part]);
    if (part === 'hypervisor') {
      const { guarded } = this.#place;
      const inherited = guarded?.descriptors.map((_descriptor, index) => FIRST_DESCRIPTOR + index) ?? [];
      return { part, ...grant, guarded: guarded === null ? null : { ...guarded, descriptors: inherited } };
    }
    return { part, ...grant, store: this.store.placeFor(part), held: this.#held };
  }
}
