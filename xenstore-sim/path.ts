/**
 * Paths of nodes, parsed once.
 *
 * A path in the text of a request becomes a `Path`, which knows its parent, its last component and its hash. Parsed
 * paths are kept in a bounded cache, since the same few paths come again and again; nothing depends on a path being the
 * same object as another of equal text, the cache may forget at any time.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixText } from './hash.js';

export class Path implements Hashed {
  /** Absolute text; `/` for the root; or a special name. */
  readonly text: string;
  /** The last component; empty for the root. */
  readonly name: string;
  /** Null for the root, and for a special name. */
  readonly parent: Path | null;
  /** Whether it is a special name, such as `@releaseDomain`: no node of the tree. */
  readonly special: boolean;
  /** Length that counts against the limit on paths: without a prefix `/local/domain/N/` (C xenstored 4.17). */
  readonly countedLength: number;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(text: string, name: string, parent: Path | null) {
    this.text = text;
    this.name = name;
    this.parent = parent;
    this.special = isSpecial(text);
    this.countedLength = text.length - domainPrefixLength(text, parent);
    // Without a parent, the text is all there is.
    this.hashLow = mixText(parent === null ? LOW : parent.hashLow, parent === null && text !== '/' ? text : name);
    this.hashHigh = mixText(
      parent === null ? HIGH : mix(parent.hashHigh, HIGH),
      parent === null && text !== '/' ? text : name,
    );
  }

  equals(other: Path): boolean {
    return this === other || (this.hashLow === other.hashLow && this.text === other.text);
  }

  /** Whether this is `ancestor` itself or lies below it. */
  isWithin(ancestor: Path): boolean {
    if (this === ancestor) return true;
    if (ancestor === ROOT) return !this.special;
    const length = ancestor.text.length;
    if (this.text.length > length) return this.text.charCodeAt(length) === SLASH && this.text.startsWith(ancestor.text);
    return this.text === ancestor.text;
  }

  /** The path above, for questions about permissions: above a special name, that is the root. */
  get above(): Path | null {
    return this.parent ?? (this.special ? ROOT : null);
  }

  /** Levels between this path and `ancestor`, which it must be within. */
  levelsBelow(ancestor: Path): number {
    let levels = 0;
    for (let path: Path | null = this; path !== null && !path.equals(ancestor); path = path.parent) levels++;
    return levels;
  }
}

const SLASH = 0x2f;
const COMPONENT = /^[-\w@]+$/;

/** Paths kept before the caches start afresh: a path may have thousands of characters, and a peer may invent many. */
const CACHED_PATHS_MAX = 1 << 14;

export const ROOT = new Path('/', '', null);

let cachedPaths = 0;
let absolute = new Map<string, Path | null>();
let relative = new Map<number, Map<string, Path | null>>();

/** The directory of domain `domid`, below which its relative paths lie. */
export function domainDirectory(domid: number): string {
  return `/local/domain/${domid}`;
}

/**
 * The path that `text` means in a request of domain `domid`, or null for text that is no path of a node: an empty
 * component, a slash at the end, a character other than letters, digits, `-`, `/`, `_`, `@`, or a special name in first
 * place (xenstore.txt). The length is for the caller to check: the limit is a matter of policy.
 */
export function resolvePath(text: string, domid: number): Path | null {
  if (text.charCodeAt(0) === SLASH) {
    const known = absolute.get(text);
    return known === undefined ? remember(absolute, text, parse(text)) : known;
  }
  let cache = relative.get(domid);
  if (cache === undefined) {
    cache = new Map();
    relative.set(domid, cache);
  }
  const known = cache.get(text);
  if (known !== undefined) return known;
  return remember(cache, text, isSpecial(text) ? null : resolvePath(`${domainDirectory(domid)}/${text}`, domid));
}

/** `@releaseDomain` and its like, as a path of its own outside the tree; null for text that is no name. */
export function specialPath(text: string): Path | null {
  const known = absolute.get(text);
  if (known !== undefined) return known;
  let path: Path | null = null;
  for (const name of text.split('/')) {
    if (!COMPONENT.test(name)) return remember(absolute, text, null);
    path = new Path(path === null ? name : `${path.text}/${name}`, name, path);
  }
  return remember(absolute, text, path);
}

/** Whether `text` is a special name such as `@releaseDomain`: fit for watches and permissions only. */
export function isSpecial(text: string): boolean {
  return text.charCodeAt(0) === 0x40;
}

/** The child `name` of `parent`; `name` must be a valid component. */
export function childPath(parent: Path, name: string): Path {
  const text = parent.parent === null ? `/${name}` : `${parent.text}/${name}`;
  return absolute.get(text) ?? remember(absolute, text, new Path(text, name, parent));
}

function parse(text: string): Path | null {
  if (text === '/') return ROOT;
  const slash = text.lastIndexOf('/');
  if (slash === 1) return null;
  // Mostly, the directory is known.
  const known = slash === 0 ? ROOT : absolute.get(text.slice(0, slash));
  if (known !== undefined) return known === null ? null : parsedChild(known, text.slice(slash + 1), text);
  let path = ROOT;
  const names = text.slice(1).split('/');
  const last = names.pop() ?? '';
  for (const name of names) {
    if (!COMPONENT.test(name)) return null;
    path = childPath(path, name);
  }
  return parsedChild(path, last, text);
}

/** The child `name` of `parent`, with the text that is there already, and not one more that is put together. */
function parsedChild(parent: Path, name: string, text: string): Path | null {
  return COMPONENT.test(name) ? new Path(text, name, parent) : null;
}

function remember<P extends Path | null>(cache: Map<string, Path | null>, text: string, path: P): P {
  if (++cachedPaths > CACHED_PATHS_MAX) {
    absolute = new Map();
    relative = new Map();
    cachedPaths = 0;
  }
  cache.set(text, path);
  return path;
}

/** C reads at most five digits of the domain number; with more, the whole text counts. */
function domainPrefixLength(text: string, parent: Path | null): number {
  if (parent !== null && parent.countedLength < parent.text.length) return parent.text.length - parent.countedLength;
  if (!text.startsWith('/local/domain/')) return 0;
  return /^\/local\/domain\/\d{1,5}\//.exec(text)?.[0].length ?? 0;
}
