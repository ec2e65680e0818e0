/**
 * Watches, and the events they put in a connection's queue.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixText } from './hash.js';
import type { Path } from './path.js';

/** Depth of a watch that sees everything below its path. */
export const ANY_DEPTH = -1;

/** More than any connection will register. */
const SERIALS = 2 ** 32;

export class Watch implements Hashed {
  /** Number of the connection it belongs to. */
  readonly connection: number;
  /** The watched node, or the special name. */
  readonly path: Path;
  readonly token: string;
  /** Characters left out at the front of the paths in events: a relative watch reports relative paths. */
  readonly skip: number;
  /** Levels below the path that are watched too, or `ANY_DEPTH`. */
  readonly depth: number;
  /** Grows in the order of registration on the connection. */
  readonly serial: number;
  /** Orders watches by connection, and those of one by registration. No part of the hash: it tells nothing but the order. */
  readonly id: number;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(place: { connection: number; path: Path; token: string; skip: number; depth: number; serial: number }) {
    const { connection, path, token, skip, depth, serial } = place;
    this.connection = connection;
    this.path = path;
    this.token = token;
    this.skip = skip;
    this.depth = depth;
    this.serial = serial;
    this.id = connection * SERIALS + serial;
    this.hashLow = mix(mix(mixText(mix(LOW, path.hashLow), token), skip), depth);
    this.hashHigh = mix(mix(mixText(mix(HIGH, path.hashHigh), token), skip), depth);
  }

  /** The event for a change of the node with path `text`. */
  event(text: string): WatchEvent {
    return new WatchEvent(this.skip === 0 ? text : text.slice(this.skip), this.token);
  }

  /** Whether a change of the node at `path`, which is the watched one or below it, is near enough. */
  reaches(path: Path): boolean {
    return this.depth === ANY_DEPTH || path.levelsBelow(this.path) <= this.depth;
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
