/**
 * CONTROL live-update: a daemon is replaced by the next one while its clients go on, by the rules of C xenstored 4.17.
 * Those of oxenstored are in `ocaml-live-update.ts`.
 *
 * An administrator begins a session by naming a program (`-f FILE`), may give it a command line (`-c TEXT`) and starts
 * the update (`-s`, with `-F` for force and `-t SECONDS`), or aborts (`-a`). It begins when no transaction is open; until
 * then, for at most the time given, the start gets no answer. After that time it is refused, or, with force, done all
 * the same. While a session is open, requests for a first transaction wait. A session ends with its connection.
 * Source: xenstored_control.c and `consider_message` of xenstored_core.c; the texts are what the real daemon answers.
 */
import { failure, type Reply } from './requests.js';

/** What a live update needs of the world. */
export interface LiveUpdateHost<Daemon> {
  /** Seconds from any beginning. */
  seconds(): number;
  /** Why the next daemon cannot be `file`, or null. */
  refusal(file: string): 'File not accessible.' | 'File not executable.' | null;
  /** Whether there is a next daemon with such a command line. */
  accepts(commandLine: string | null): boolean;
  /** The daemon that goes on in the place of `daemon`, with the same connections; null if there is none with such a command line. */
  next(daemon: Daemon, commandLine: string | null): Daemon | null;
}

/** A connection that a live update would disturb. */
export interface Busy {
  readonly connection: number;
  readonly domid: number;
  /** The domain whose rights it has too, or -1. */
  readonly target: number;
  /** How many transactions it has open. */
  readonly transactions: number;
  /** When the oldest of them was started, in whole seconds. */
  readonly since: number;
  /** Whether it does not read what there is for it. */
  readonly unread: boolean;
}

/** How many versions of the state stream a daemon can write. */
export type StreamVersions = 1 | 2;

/** Arguments after these are not looked at; two more where a start may name a version. */
const ARGUMENTS_MAX = 4;
const OK: Reply = { kind: 'ok' };

/** A started update whose answer is due. `Start` is what the caller wants to be given back with it. */
export interface Answer<Start> {
  readonly start: Start;
  readonly reply: Reply;
}

/** How live updates are asked for. `Start` stands for a request that waits for its answer. */
export interface UpdateProtocol<Start> {
  /** Whether a request for a first transaction has to wait. */
  readonly pending: boolean;
  /** Whether `due` may have something to do. */
  readonly started: boolean;
  readonly commandLine: string | null;
  /** Answers `live-update` with these arguments; null: the answer comes later. */
  command<D>(connection: number, words: readonly string[], start: Start, host: LiveUpdateHost<D>): Reply | null;
  /** The connection is closed: nothing of it waits any more. */
  closed(connection: number, isOf: (start: Start) => boolean): void;
  /**
   * What is to be done now, when `busy` stand in the way: nothing (null), to answer starts, or to `update`, which
   * `succeeded` or `failed` ends.
   */
  due(busy: readonly Busy[], now: number): readonly Answer<Start>[] | 'update' | null;
  /** The answers of an update that is being made. */
  succeeded(): readonly Answer<Start>[];
  failed(): readonly Answer<Start>[];
}

/** The state of the protocol. `Start` stands for a request that waits for its answer. */
export class LiveUpdate<Start> implements UpdateProtocol<Start> {
  /** The connection whose session it is. */
  #owner: number | null = null;
  #commandLine: string | null = null;
  #force = false;
  #timeout = 0;
  #startedAt = 0;
  /** Starts without answer, latest first. */
  #starts: Start[] = [];
  readonly #versions: StreamVersions;

  /** @param versions Of the state stream, from 1; with more than one a start may name it (`-v`, Xen 4.22). */
  constructor(versions: StreamVersions) {
    this.#versions = versions;
  }

  /** Whether a session is open. */
  get pending(): boolean {
    return this.#owner !== null;
  }

  /** Whether a start waits for its answer. */
  get started(): boolean {
    return this.#starts.length > 0;
  }

  get commandLine(): string | null {
    return this.#commandLine;
  }

  /** Answers `live-update` with these arguments; null for a start, which is answered by `due`. */
  command<D>(connection: number, all: readonly string[], start: Start, host: LiveUpdateHost<D>): Reply | null {
    const [option, ...rest] = all.slice(0, this.#versions === 1 ? ARGUMENTS_MAX : ARGUMENTS_MAX + 2);
    switch (option) {
      case '-a':
        if (rest.length > 0) return failure('EINVAL');
        if (!this.pending) return said('No live-update session active.');
        this.abort();
        return OK;
      case '-c':
        if (rest.length !== 1) return failure('EINVAL');
        if (this.#owner !== connection) return said('Not in live-update session.');
        this.#commandLine = rest[0] ?? '';
        return OK;
      case '-f':
        return rest.length === 1 ? this.#begin(connection, host.refusal(rest[0] ?? '')) : failure('EINVAL');
      case '-s':
        return this.#start(connection, rest, start, host.seconds());
      default:
        return failure('EINVAL');
    }
  }

  /** Ends the session. Starts that wait are answered at the next `due`. */
  abort(): void {
    this.#owner = null;
    this.#commandLine = null;
  }

  /** The connection is closed: nothing of it waits any more. */
  closed(connection: number, isOf: (start: Start) => boolean): void {
    if (this.#owner === connection) this.abort();
    if (this.started) this.#starts = this.#starts.filter((start) => !isOf(start));
  }

  /** Only open transactions stand in the way. */
  due(all: readonly Busy[], now: number): readonly Answer<Start>[] | 'update' | null {
    if (!this.started) return null;
    if (!this.pending) return this.#answer(said('Cancellation was requested'));
    const busy = all.filter(({ transactions }) => transactions > 0);
    const long = busy.filter(({ since }) => now - since >= this.#timeout);
    const allowed = busy.length === 0 || (this.#force && long.length === busy.length);
    if (allowed) return 'update';
    if (now < this.#startedAt + this.#timeout) return null;
    if (this.#force) return 'update';
    const lines = long.map(({ domid, since }) => `\nDomain ${domid}: ${now - since} s`).join('');
    const reason = long.length === 0 ? 'Overlapping transactions' : `Domains with long running transactions:${lines}`;
    return this.#answer(said(reason));
  }

  /** The answers of an update that is being made. The real daemon forgets starts but the last. */
  succeeded(): readonly Answer<Start>[] {
    return this.#answer(OK);
  }

  failed(): readonly Answer<Start>[] {
    return this.#answer(said('Error activating new binary.'));
  }

  #begin(connection: number, refusal: string | null): Reply {
    if (refusal !== null) return said(refusal);
    if (this.pending) return said('live-update session already active.');
    this.#owner = connection;
    return OK;
  }

  #start(connection: number, options: readonly string[], start: Start, now: number): Reply | null {
    let force = false;
    let timeout = 0;
    let version: number = this.#versions;
    for (let i = 0; i < options.length; i++) {
      if (options[i] === '-F') force = true;
      else if (options[i] === '-t' && i < options.length - 1) timeout = unsigned(options[++i]);
      else if (options[i] === '-v' && i < options.length - 1 && this.#versions > 1) version = unsigned(options[++i]);
      else return failure('EINVAL');
    }
    if (this.#owner !== connection) return said('Not in live-update session.');
    if (version === 0 || version > this.#versions) return said('Migration stream version not supported.');
    this.#force = force;
    this.#timeout = timeout;
    this.#startedAt = now;
    this.#starts.unshift(start);
    return null;
  }

  /** The session ends with `reply` to the latest start; those before were cancelled by it. */
  #answer(reply: Reply): readonly Answer<Start>[] {
    const answers = this.#starts.map((start, i) => ({
      start,
      reply: i === 0 ? reply : said('Cancellation was requested'),
    }));
    this.#starts = [];
    this.abort();
    return answers;
  }
}

/** As atoi reads it, in 32 bits without sign. */
function unsigned(text = ''): number {
  return (Number.parseInt(text, 10) || 0) >>> 0;
}

function said(value: string): Reply {
  return { kind: 'value', value };
}
