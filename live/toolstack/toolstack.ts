/**
 * The toolstack of a live system: it brings the guest up on one host, suspends and resumes it, moves it to the other,
 * and keeps every part running.
 *
 * Which copy of the guest is the guest is written in its record, and changes by one write. A toolstack that is started
 * again goes by that: what runs elsewhere is ended, what should run is resumed.
 */
import { DomainState, SuspendResult } from '../../hypervisor/domain.js';
import { QuiesceError } from '../../protocol/errors.js';
import { XenbusState } from '../../protocol/xenbus.js';
import { describe, log } from '../files/log.js';
import { SEGMENT_NAMES } from '../memory/segments.js';
import type { PartConfig } from '../parts/config.js';
import { CLOCK_BYTES, TraceClock } from '../trace/clock.js';
import { inTurn, type Turns } from '../trace/turns.js';
import { TraceWriter } from '../trace/writer.js';
import { type HostMemory, processMemory, threadMemory } from './host-memory.js';
import { killPart } from './kill.js';
import { FIRST_DESCRIPTOR, LiveHost } from './live-host.js';
import { type LiveOptions, readOptions, tracePlace } from './options.js';
import { lockFile, readHolder } from './part-lock.js';
import { HOST_NAMES, type HostName, readRecord, type ToolstackRecord, writeRecord } from './record.js';
import { adopt, type RunningPart, startProcess, startThread } from './spawn.js';
import { Supervisor } from './supervisor.js';
import { sleep, within } from './waiting.js';

/** libxl waits 60 s for each. */
const SUSPEND_MILLISECONDS = 20_000;
/** How soon a guest goes on that stands still. */
const LOOK_MILLISECONDS = 100;
/** Between two attempts to let the guest go on. */
const SETTLE_MILLISECONDS = 500;
const USER_MILLISECONDS = 15_000;
const USER_SEGMENTS = ['hypervisor', 'guest'] as const;
const SEGMENTS = SEGMENT_NAMES.length;

export type Progress = (message: string) => void;

interface Move {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly cutAfterBytes: number | null;
}

export class Toolstack {
  readonly hosts: { readonly [H in HostName]: LiveHost };
  readonly user: Supervisor;
  readonly options: LiveOptions;
  readonly #directory: string;
  #owner: HostName = 'a';
  #suspended = false;
  #created = false;
  #tcti = '';
  /** The guest is to go on where it was, and could not yet. */
  #settling = false;
  #ended = false;
  /** Somebody waits for the guest to suspend. */
  #suspending = false;
  /** What is done for a guest that stands still; nothing else is to be done with it meanwhile. */
  #care: Promise<void> = Promise.resolve();
  #migration: AbortController | null = null;
  #downtimeMilliseconds = 0;
  readonly #clock = new SharedArrayBuffer(CLOCK_BYTES);
  /** Of a driven run. */
  readonly #turns: Turns | null;

  /** `resumed`: goes on where another toolstack was killed, with the descriptors it left behind. */
  constructor(directory: string, resumed: boolean) {
    this.#directory = directory;
    this.options = readOptions(directory);
    const record = resumed ? readRecord(directory) : null;
    const inherited = resumed ? Array.from({ length: 2 * SEGMENTS }, (_, index) => FIRST_DESCRIPTOR + index) : null;
    const memories = {
      a: this.#memory('a', inherited?.slice(0, SEGMENTS) ?? null),
      b: this.#memory('b', inherited?.slice(SEGMENTS) ?? null),
    };
    const descriptors = [...memories.a.descriptors, ...memories.b.descriptors];
    const guarded = { directory, descriptors };
    const trace = this.#openTrace();
    this.#turns = trace?.turns ?? null;
    const host = (name: HostName): LiveHost =>
      new LiveHost({
        name,
        directory,
        options: this.options,
        memory: memories[name],
        record: record?.hosts[name] ?? null,
        trace,
        clock: this.#clock,
        guarded: name === 'a' && !this.options.threads ? guarded : null,
        onChange: () => this.#save(),
      });
    this.hosts = { a: host('a'), b: host('b') };
    this.user = new Supervisor({
      name: 'user',
      start: () => this.#startUser(),
      ready: ({ tcti }) => {
        if (tcti !== undefined) this.#tcti = tcti;
        this.#save();
      },
    });
    if (record === null) return;
    this.#owner = record.owner;
    this.#suspended = record.suspended;
    this.#created = record.created;
    this.#tcti = record.tcti;
    const user = readHolder(lockFile(this.#userConfigFile));
    if (user !== null) this.user.adopt(adopt(user.pid, user.startTime));
  }

  get owner(): LiveHost {
    return this.hosts[this.#owner];
  }

  get other(): LiveHost {
    return this.hosts[this.#owner === 'a' ? 'b' : 'a'];
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  get tcti(): string {
    return this.#tcti;
  }

  get migrating(): boolean {
    return this.#migration !== null;
  }

  /** Of the last migration: from the guest's stop here to its connection there. */
  get downtimeMilliseconds(): number {
    return this.#downtimeMilliseconds;
  }

  /** Brings the guest up, or whatever a toolstack before this one has left to be done. */
  async begin(progress: Progress): Promise<void> {
    progress('hypervisor and xenstored');
    await this.owner.startMachine();
    if (this.#created) await this.#recover(progress);
    else await this.#create(progress);
    void this.#lookAfterGuest();
  }

  /**
   * Lets the guest go on that stands still while nobody wants that: one that had acknowledged a suspend just in time, and
   * came to it after that had been given up; or that could not be resumed where it was moved to. And ends the other copy.
   */
  async #lookAfterGuest(): Promise<void> {
    for (; !this.#ended; await sleep(LOOK_MILLISECONDS)) {
      if (this.#suspended || this.#suspending || this.#settling || this.#migration !== null) continue;
      this.#care = this.#careForGuest();
      await this.#care;
    }
  }

  async #careForGuest(): Promise<void> {
    const { owner, other } = this;
    try {
      if (owner.guestState === DomainState.Suspended) await this.#goOnHere();
      else if (owner.guestState === DomainState.Paused) await owner.resumeGuest(SuspendResult.ResumedInNewDomain);
      else if (other.guestState !== DomainState.Free) await other.abandonGuest();
    } catch (error) {
      log(`the guest cannot go on yet: ${describe(error)}`);
    }
  }

  async suspend(): Promise<void> {
    this.#assertIdle();
    if (this.#suspended) throw state('the guest is suspended already: quiesce live cancel lets it go on');
    this.#suspending = true;
    try {
      await this.#care;
      await this.owner.suspendGuest(SUSPEND_MILLISECONDS);
      this.#suspended = true;
    } catch (error) {
      await this.#goOnHere();
      throw error;
    } finally {
      this.#suspending = false;
    }
    this.#save();
  }

  /** Lets a suspended guest go on, or gives up a migration. */
  async cancel(): Promise<'resumed' | 'migration given up'> {
    if (this.#migration !== null) {
      this.#migration.abort(state('the migration was cancelled'));
      return 'migration given up';
    }
    if (!this.#suspended) throw state('nothing to cancel: the guest runs and does not move');
    await this.owner.resumeGuest(SuspendResult.Cancelled);
    this.#suspended = false;
    this.#save();
    return 'resumed';
  }

  /**
   * Moves the guest to the other host. On any failure before the guest is the other host's, it goes on here; after that,
   * there. For trying that out, the connection by which the pages go breaks after `cutAfterBytes`.
   */
  async migrate(progress: Progress, cutAfterBytes: number | null): Promise<void> {
    this.#assertIdle();
    if (this.#suspended) throw state('the guest is suspended: quiesce live cancel lets it go on');
    const migration = new AbortController();
    this.#migration = migration;
    const { owner: source, other: target } = this;
    try {
      await this.#care;
      await this.#moveTo(source, target, { signal: migration.signal, progress, cutAfterBytes });
    } catch (error) {
      if (this.owner === source) {
        progress('the guest goes on here');
        // First of all: the copy on the other host is paused, and nobody resumes it who is not told that it is the guest.
        await this.#goOnHere();
        // What cannot be ended now is ended before the next migration.
        await target.abandonGuest().catch((failure: unknown) => log(`host ${target.name}: ${describe(failure)}`));
      }
      throw error;
    } finally {
      this.#migration = null;
    }
  }

  async #moveTo(source: LiveHost, target: LiveHost, { signal, progress, cutAfterBytes }: Move): Promise<void> {
    progress(`host ${target.name} is prepared`);
    await target.startMachine();
    await target.destroyGuest();
    await Promise.all([target.prepareParts(), target.createDomain()]);
    signal.throwIfAborted();
    progress('the guest suspends');
    await source.suspendGuest(SUSPEND_MILLISECONDS, signal);
    const stopped = performance.now();
    progress('the backend quiesces');
    if (this.options.drain !== false) await source.drain(SUSPEND_MILLISECONDS, signal);
    progress('pages are sent');
    if (!(await source.sendTo(target, cutAfterBytes)))
      throw new QuiesceError('PART_UNREACHABLE', 'the pages did not arrive');
    signal.throwIfAborted();
    await target.releaseParts();
    await target.awaitBackend(XenbusState.InitWait, signal);
    signal.throwIfAborted();
    await inTurn(this.#turns, 'toolstack/hand over', () => undefined);
    this.#handOver(target.name);
    progress(`the guest goes on on host ${target.name}`);
    await target.resumeGuest(SuspendResult.ResumedInNewDomain);
    await target.awaitFrontend(XenbusState.Connected);
    this.#downtimeMilliseconds = performance.now() - stopped;
    await source.destroyGuest();
  }

  /** Kills a part as a fault would: `guest`, `backend` and so on of the host with the guest, or `b/backend`. */
  kill(part: string): void {
    killPart(this, part);
  }

  /** Ends everything. */
  async down(): Promise<void> {
    this.#ended = true;
    this.#migration?.abort(state('the live system ends'));
    // The hypervisors last: the first of them would start this toolstack again.
    await this.user.stop();
    await Promise.all(HOST_NAMES.map((name) => this.hosts[name].stop()));
  }

  async #create(progress: Progress): Promise<void> {
    const host = this.owner;
    if (host.guestState !== DomainState.Free) await host.destroyGuest();
    progress('the guest is created');
    await host.createDomain();
    progress('backend and TPM');
    await Promise.all([host.startBackend(), host.startGuest()]);
    await host.awaitBackend(XenbusState.InitWait);
    this.#created = true;
    // Not `#save`: a successor that does not know of the guest would make it anew.
    writeRecord(this.#directory, this.#record);
    await host.resumeGuest(SuspendResult.ResumedInNewDomain);
    progress('the frontend connects');
    await host.awaitFrontend(XenbusState.Connected);
    progress('the TCTI endpoint');
    await within('the TCTI endpoint to listen', USER_MILLISECONDS, this.user.start());
    this.#save();
  }

  async #recover(progress: Progress): Promise<void> {
    const { owner, other } = this;
    await inTurn(this.#turns, 'toolstack/successor starts', () => undefined);
    if (other.supervisors.hypervisor.running !== null || other.guestState !== DomainState.Free) {
      progress(`what is left on host ${other.name} is ended`);
      await other.startMachine();
      await inTurn(this.#turns, `toolstack/take away guest${other.domid}`, () => other.destroyGuest());
    }
    await Promise.all([owner.startBackend(), owner.startGuest()]);
    if (owner.guestState === DomainState.Paused) await owner.resumeGuest(SuspendResult.ResumedInNewDomain);
    else if (!this.#suspended) await this.#goOnHere();
    if (this.user.running === null) await within('the TCTI endpoint', USER_MILLISECONDS, this.user.start());
    this.#save();
  }

  /** Lets the guest go on where it is: now, or as soon as the store can be reached by which its backend is told. */
  async #goOnHere(): Promise<void> {
    if (await this.#goesOn()) return;
    this.#settling = true;
    void (async () => {
      do await sleep(SETTLE_MILLISECONDS);
      while (!this.#ended && !(await this.#goesOn()));
      this.#settling = false;
    })();
  }

  async #goesOn(): Promise<boolean> {
    const { owner } = this;
    try {
      await owner.withdrawSuspend();
      if (owner.guestState === DomainState.Suspended) await owner.resumeGuest(SuspendResult.Cancelled);
      return true;
    } catch (error) {
      log(`the guest cannot go on yet: ${describe(error)}`);
      return false;
    }
  }

  /** From here on the copy on `name` is the guest. Throws, and nothing has changed, when that cannot be written down. */
  #handOver(name: HostName): void {
    writeRecord(this.#directory, { ...this.#record, owner: name });
    this.#owner = name;
  }

  #assertIdle(): void {
    if (this.#migration !== null) throw state('the guest is being moved: quiesce live cancel gives that up');
    if (this.#suspending) throw state('the guest is being suspended');
    if (this.#settling)
      throw state('the guest is to go on and cannot yet, see toolstack.log; it is tried again all the while');
  }

  #openTrace(): TraceWriter | null {
    const place = tracePlace(this.options);
    if (place === null) return null;
    const { directory, ...run } = place;
    const clock = this.options.threads ? TraceClock.ofThreads(this.#clock) : TraceClock.ofFile(directory);
    return new TraceWriter(directory, 'toolstack', clock, run);
  }

  #memory(name: HostName, inherited: readonly number[] | null): HostMemory {
    const { threads, fillerPages } = this.options;
    return threads ? threadMemory(fillerPages) : processMemory(name, fillerPages, inherited);
  }

  #startUser(): RunningPart {
    const { a, b } = this.hosts;
    const { tcti } = this.options;
    const [, port] = /port=([0-9]+)/.exec(this.#tcti) ?? [];
    const config: PartConfig = {
      part: 'user',
      // Started again, it listens where it did.
      tcti: { ...tcti, port: port === undefined ? tcti.port : Number(port) },
      hosts: [
        a.grantFor(FIRST_DESCRIPTOR, USER_SEGMENTS),
        b.grantFor(FIRST_DESCRIPTOR + USER_SEGMENTS.length, USER_SEGMENTS),
      ],
    };
    if (a.memory.buffer !== null && b.memory.buffer !== null)
      return startThread({ config, buffers: { a: a.memory.buffer, b: b.memory.buffer }, clock: this.#clock });
    return startProcess({
      config,
      configFile: this.#userConfigFile,
      logFile: `${this.#directory}/user.log`,
      descriptors: [...a.memory.descriptorsOf(USER_SEGMENTS), ...b.memory.descriptorsOf(USER_SEGMENTS)],
    });
  }

  get #userConfigFile(): string {
    return `${this.#directory}/user.json`;
  }

  get #record(): ToolstackRecord {
    return {
      owner: this.#owner,
      suspended: this.#suspended,
      created: this.#created,
      hosts: { a: this.hosts.a.record, b: this.hosts.b.record },
      tcti: this.#tcti,
    };
  }

  /** A record that cannot be written now is written with the next change. */
  #save(): void {
    try {
      writeRecord(this.#directory, this.#record);
    } catch (error) {
      log(`the record cannot be written: ${describe(error)}`);
    }
  }
}

function state(message: string): QuiesceError {
  return new QuiesceError('LIVE_STATE', message);
}
