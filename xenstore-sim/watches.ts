/**
 * Watches, and the events they put in a connection's queue.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixText } from './hash.js';
import type { Path } from './path.js';
import type { Policy } from './policy.js';

export class Watch implements Hashed {
  /** The watched node, or null for a special name. */
  readonly path: Path | null;
  /** The absolute path or the special name. */
  readonly text: string;
  readonly token: string;
  /** Characters left out at the front of the paths in events: a relative watch reports relative paths. */
  readonly skip: number;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(path: Path | null, text: string, token: string, skip: number) {
    this.path = path;
    this.text = text;
    this.token = token;
    this.skip = skip;
    this.hashLow = mix(mixText(mixText(LOW, text), token), skip);
    this.hashHigh = mix(mixText(mixText(HIGH, text), token), skip);
  }

  /** The event for a change of the node with path `text`. */
  event(text: string): WatchEvent {
    return new WatchEvent(this.skip === 0 ? text : text.slice(this.skip), this.token);
  }
}

/** What the holder of a watch is told. */
export class WatchEvent implements Hashed {
  /** As the watch was registered: absolute, relative or special. */
  readonly path: string;
  readonly token: string;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(path: string, token: string) {
    this.path = path;
    this.token = token;
    this.hashLow = mixText(mixText(LOW, path), token);
    this.hashHigh = mixText(mixText(HIGH, path), token);
  }
}

/**
 * `pending` with `event` at the end; or `pending` itself if the event is too long, or if the same event is pending
 * already (C xenstored 4.17). Special events are never merged: each one stands for another domain.
 */
export function enqueue(pending: readonly WatchEvent[], event: WatchEvent, policy: Policy): readonly WatchEvent[] {
  if (event.path.length + event.token.length + 2 > policy.eventLengthMax) return pending;
  if (policy.mergeEvents && event.path.charCodeAt(0) !== 0x40 && pending.some((other) => same(other, event)))
    return pending;
  return [...pending, event];
}

function same(one: WatchEvent, other: WatchEvent): boolean {
  return one.hashLow === other.hashLow && one.path === other.path && one.token === other.token;
}
