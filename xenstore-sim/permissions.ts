/**
 * Permission lists of nodes: who may read, write and own (xenstore.txt; details as in C xenstored 4.17).
 *
 * The first entry names the owner, and its letter holds for everybody without an entry of their own. An entry whose
 * domain did not exist when it was set, or has ended since, is *stale*: it is listed still, but a later domain with the
 * same number gets nothing from it (XSA-322).
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';

/** None, read, write, both. */
export type Access = 'n' | 'r' | 'w' | 'b';

export interface Permission {
  readonly access: Access;
  readonly domid: number;
}

/** Bits of what a caller may do with a node. */
export const READ = 1;
export const WRITE = 2;
export const OWNER = 4;

/** DOMID_ANY of xs_wire.h: in an entry after the first, every domain (since Xen 4.21). */
export const DOMID_ANY = 0x7ff5;

const EVERYTHING = READ | WRITE | OWNER;
const BITS: { readonly [A in Access]: number } = { n: 0, r: READ, w: WRITE, b: READ | WRITE };

/** On whose behalf a request is checked. `target` is the domain whose rights a device model shares, or -1. */
export interface Subject {
  readonly privileged: boolean;
  readonly domid: number;
  readonly target: number;
}

export interface PermissionEntry extends Permission {
  readonly stale: boolean;
}

export class PermissionList implements Hashed {
  readonly entries: readonly PermissionEntry[];
  readonly owner: number;
  readonly hashLow: number;
  readonly hashHigh: number;

  /** At least one entry. */
  constructor(entries: readonly PermissionEntry[]) {
    this.entries = entries;
    this.owner = entries[0]?.domid ?? 0;
    let low = LOW;
    let high = HIGH;
    for (const entry of entries) {
      const word = (entry.domid << 3) | (BITS[entry.access] << 1) | (entry.stale ? 1 : 0);
      low = mix(low, word);
      high = mix(high, word);
    }
    this.hashLow = low;
    this.hashHigh = high;
  }

  /** The list `permissions`; entries for which `exists` is false are stale from the start. */
  static of(permissions: readonly Permission[], exists: (domid: number) => boolean): PermissionList {
    return new PermissionList(permissions.map(({ access, domid }) => ({ access, domid, stale: !exists(domid) })));
  }

  /** What `subject` may do: the bits READ, WRITE, OWNER. */
  allows(subject: Subject): number {
    if (subject.privileged || this.owner === subject.domid || this.owner === subject.target) return EVERYTHING;
    const entries = this.entries;
    for (let i = 1; i < entries.length; i++) {
      const entry = entries[i] as PermissionEntry;
      const { domid, stale } = entry;
      if (!stale && (domid === subject.domid || domid === subject.target || domid === DOMID_ANY))
        return BITS[entry.access];
    }
    return BITS[(entries[0] as PermissionEntry).access];
  }

  /**
   * What `subject` may do by the rules of oxenstored: a device model has the rights of its own entry and those of its
   * target's, each of them looked up by itself.
   */
  allowsEither(subject: Subject): number {
    if (subject.privileged || this.owner === subject.domid || this.owner === subject.target) return EVERYTHING;
    const own = this.#bitsOf(subject.domid);
    return subject.target < 0 ? own : own | this.#bitsOf(subject.target);
  }

  #bitsOf(domid: number): number {
    const entry = this.entries.find((candidate, i) => i > 0 && candidate.domid === domid) ?? this.entries[0];
    return entry === undefined ? 0 : BITS[entry.access];
  }

  /** The same list with another owner: for what an unprivileged domain creates. */
  ownedBy(domid: number): PermissionList {
    if (domid === this.owner) return this;
    return new PermissionList(this.entries.map((entry, i) => (i === 0 ? { ...entry, domid } : entry)));
  }

  /** The list after the end of domain `domid`; the first entry stays, whosever it is. */
  withoutDomain(domid: number, deadEntries: 'stale' | 'deleted'): PermissionList {
    if (!this.entries.some((entry) => entry.domid === domid && !entry.stale)) return this;
    if (deadEntries === 'deleted')
      return new PermissionList(this.entries.filter((entry, i) => i === 0 || entry.domid !== domid));
    return new PermissionList(this.entries.map((entry) => (entry.domid === domid ? { ...entry, stale: true } : entry)));
  }

  /** The entries as text, to be compared. */
  get text(): string {
    return this.entries.map(formatPermission).join(' ');
  }

  /** The entries as a client sees them. */
  list(): Permission[] {
    return this.entries.map(({ access, domid }) => ({ access, domid }));
  }
}

/** Owned by the control domain, closed to everybody else: the root, and the special names. */
export const CONTROL_ONLY = new PermissionList([{ access: 'n', domid: 0, stale: false }]);

/** Owned by the control domain, readable by every domain: `@releaseDomain` since Xen 4.22. */
export const CONTROL_READABLE = new PermissionList([
  { access: 'n', domid: 0, stale: false },
  { access: 'r', domid: DOMID_ANY, stale: false },
]);

/**
 * `n0`, `r5`, ... as in a request to the C daemon, which reads the number as strtoul does: blanks and a sign in front,
 * octal (`r010`) and hexadecimal (`r0x10`), and only the low 32 bits count, as a signed number. Undefined for anything else.
 */
export function parsePermission(text: string): Permission | undefined {
  const match = /^([nrwb])[ \t\n\v\f\r]*([-+]?)(0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text);
  if (match === null) return undefined;
  const [, access, sign, digits = ''] = match;
  const octal = /^0[0-7]+$/.test(digits);
  const number = BigInt(octal ? `0o${digits}` : digits);
  const domid = Number(BigInt.asIntN(32, number > ULONG_MAX ? ULONG_MAX : sign === '-' ? -number : number));
  return { access: access as Access, domid };
}

const ULONG_MAX = 0xffffffffffffffffn;

/** As on the wire: `n0`, `r5`. */
export function formatPermission({ access, domid }: Permission): string {
  return `${access}${domid}`;
}
