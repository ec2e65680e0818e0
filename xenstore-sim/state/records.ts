/**
 * The records of a xenstore state stream, as plain values (docs/designs/xenstore-migration.md, xenstore_state.h of Xen).
 *
 * A daemon writes its state as such a stream and the next one reads it, on the same host (live update) or on another
 * (migration). Records that others refer to come first. Paths, values, tokens and pending bytes are binary strings, one
 * character per byte. What a store has that no record can hold is listed in `dump.ts`.
 */

/** Version 1 is that of Xen 4.17; version 2 adds unique ids, features and watch depth (Xen 4.21 and later). */
export type StreamVersion = 1 | 2;

/** The END record is not among the records: it is always there, once, at the end. */
export interface StateStream {
  readonly version: StreamVersion;
  readonly records: readonly StateRecord[];
}

export type StateRecord =
  | GlobalRecord
  | ConnectionRecord
  | WatchRecord
  | TransactionRecord
  | NodeRecord
  | GlobalQuotaRecord
  | DomainRecord
  | ExtendedWatchRecord;

/** Numbers of the record types in the stream (XS_STATE_TYPE_*). */
export const RecordType = {
  END: 0,
  GLOBAL_DATA: 1,
  CONNECTION_DATA: 2,
  WATCH_DATA: 3,
  TRANSACTION_DATA: 4,
  NODE_DATA: 5,
  GLOBAL_QUOTA_DATA: 6,
  DOMAIN_DATA: 7,
  WATCH_DATA_EXTENDED: 8,
} as const;

/** File descriptors that the next daemon inherits at a live update; -1 for none. */
export interface GlobalRecord {
  readonly type: 'GLOBAL_DATA';
  readonly socket: number;
  readonly eventChannels: number;
}

export interface ConnectionRecord {
  readonly type: 'CONNECTION_DATA';
  /** What other records call this connection; not 0. */
  readonly connection: number;
  readonly transport: RingTransport | SocketTransport;
  /** Received and not executed: the beginning of a request, at most 65535 bytes. */
  readonly input: string;
  /** Not sent yet: replies and events. */
  readonly output: string;
  /** Bytes at the front of `output` that are the rest of a frame that was sent in part; 0 if it begins with a whole frame. */
  readonly partialReply: number;
  /** 64 bits that tell apart domains with the same number; null in version 1 and where it is not known. */
  readonly uniqueId: bigint | null;
}

export interface RingTransport {
  readonly kind: 'ring';
  readonly domid: number;
  /** The domain it is a device model of, or `NO_TARGET_DOMAIN`. */
  readonly target: number;
  readonly port: number;
}

export interface SocketTransport {
  readonly kind: 'socket';
  /** File descriptor, inherited at a live update. */
  readonly descriptor: number;
}

/** DOMID_INVALID of xen.h. */
export const NO_TARGET_DOMAIN = 0x7ff4;

/** A watch without limit of depth. */
export interface WatchRecord {
  readonly type: 'WATCH_DATA';
  readonly connection: number;
  /** As registered: a relative path stays relative. */
  readonly path: string;
  readonly token: string;
}

/** A watch with a limit of depth. Version 2 only. */
export interface ExtendedWatchRecord {
  readonly type: 'WATCH_DATA_EXTENDED';
  readonly connection: number;
  readonly path: string;
  readonly token: string;
  /** Levels below the path that are watched, or `UNLIMITED_DEPTH`. */
  readonly depth: number;
}

export const UNLIMITED_DEPTH = 0xffff;

/** An open transaction. */
export interface TransactionRecord {
  readonly type: 'TRANSACTION_DATA';
  readonly connection: number;
  readonly transaction: number;
}

/** A node of the tree (`connection` 0), or a node as an open transaction has accessed it. */
export interface NodeRecord {
  readonly type: 'NODE_DATA';
  readonly connection: number;
  readonly transaction: number;
  /** `NODE_READ` and `NODE_WRITTEN`; 0 for a node of the tree and for one that the transaction has removed. */
  readonly access: number;
  /** The first entry is the owner's. None for a node that the transaction has removed or found absent. */
  readonly permissions: readonly PermissionEntry[];
  /** Absolute, or a special name (`@releaseDomain`), whose permissions are carried this way. */
  readonly path: string;
  /** At most 65535 bytes. */
  readonly value: string;
}

export const NODE_READ = 1;
export const NODE_WRITTEN = 2;

export interface PermissionEntry {
  readonly access: 'n' | 'r' | 'w' | 'b';
  readonly domid: number;
  /** Listed, but without effect: the domain it was meant for has ended, or was not there. */
  readonly stale: boolean;
}

export interface QuotaValue {
  readonly name: string;
  /** 0 stands for unlimited. */
  readonly value: number;
}

/** The quotas that hold for every domain which has none of its own, and those of the daemon as a whole. */
export interface GlobalQuotaRecord {
  readonly type: 'GLOBAL_QUOTA_DATA';
  readonly perDomain: readonly QuotaValue[];
  readonly global: readonly QuotaValue[];
}

export interface DomainRecord {
  readonly type: 'DOMAIN_DATA';
  readonly domid: number;
  /** The bits of `server_features` in the ring page; 0 in version 1. */
  readonly features: number;
  readonly quotas: readonly QuotaValue[];
}

/** A binary string as bytes. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
