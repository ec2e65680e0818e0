/**
 * The watches of a client, and which of them an event is for.
 *
 * An event carries a path and the token of its watch. Two watches with the same token, one below the other, cannot be
 * told apart by an event; both are then called. Tokens the client makes are different from each other.
 */
import type { RequestOptions } from './pending.js';

/** Takes the path that changed, as the daemon reports it: relative if the watch is. */
export type WatchListener = (path: string, token: string) => void;

export interface WatchOptions extends RequestOptions {
  /** Text that comes back with each event. Default: one that is unique to the client. */
  readonly token?: string | undefined;
  /** Levels below the path that are watched, 0: the node alone (Xen 4.22 and the watch depth feature). Default: all. */
  readonly depth?: number | undefined;
}

/** A watch of the caller. */
export interface Watch {
  readonly path: string;
  readonly token: string;
  /** Ends it; the listener is not called any more, even for events that are on the way. */
  unwatch(options?: RequestOptions): Promise<void>;
}

export interface WatchRecord {
  readonly path: string;
  readonly token: string;
  readonly depth: number | undefined;
  readonly listener: WatchListener;
  /** Whether the daemon has said OK, so that the watch belongs on a new connection too. */
  isRegistered: boolean;
}

export class Watches {
  readonly #byToken = new Map<string, WatchRecord[]>();
  #lastToken = 0;

  add(path: string, listener: WatchListener, { token = this.#newToken(), depth }: WatchOptions): WatchRecord {
    const record: WatchRecord = { path, token, depth, listener, isRegistered: false };
    const others = this.#byToken.get(token);
    if (others === undefined) this.#byToken.set(token, [record]);
    else others.push(record);
    return record;
  }

  /** Whether it was there. */
  remove(record: WatchRecord): boolean {
    const records = this.#byToken.get(record.token) ?? [];
    const at = records.indexOf(record);
    if (at < 0) return false;
    records.splice(at, 1);
    if (records.length === 0) this.#byToken.delete(record.token);
    return true;
  }

  find(path: string, token: string): WatchRecord | undefined {
    return this.#byToken.get(token)?.find((record) => record.path === path);
  }

  /** All of them, in a copy. */
  all(): WatchRecord[] {
    return [...this.#byToken.values()].flat();
  }

  /** Those an event is for, in a copy: a listener may end watches. */
  matching(path: string, token: string): WatchRecord[] {
    return (this.#byToken.get(token) ?? []).filter((record) => isWithin(path, record.path));
  }

  #newToken(): string {
    do this.#lastToken++;
    while (this.#byToken.has(`watch-${this.#lastToken}`));
    return `watch-${this.#lastToken}`;
  }
}

function isWithin(path: string, watched: string): boolean {
  return watched === '/' || path === watched || path.startsWith(`${watched}/`);
}
