/**
 * What a part of a live host is told at its start, in a file that only its user may read: where the others are, and the
 * secrets by which they know it.
 */
import type { SegmentName } from '../memory/segments.js';
import type { AgentName } from '../tables.js';
import type { TracePlace } from '../trace/open.js';

export type PartName = PartConfig['part'];

/** How a part reaches its host's store. */
export interface StorePlace {
  /** `ws://127.0.0.1:PORT/`, or the path of a Unix socket. */
  readonly address: string;
  /** For a WebSocket. */
  readonly token?: string;
  /** Home of the caller's domain, where the daemon does not know who is calling. */
  readonly home?: string;
}

export interface HostConfig {
  /** `a` or `b`. */
  readonly name: string;
  /** Folder of the host's sockets and files. */
  readonly directory: string;
  readonly domid: number;
  readonly fillerPages: number;
  readonly tokens: { readonly [A in AgentName]: string };
  readonly tpm: 'model' | 'swtpm';
  /** A new TPM is sent Startup(CLEAR). */
  readonly startup: boolean;
  readonly tpmfront: string;
  /** Null, as usual: nobody writes down what it does. */
  readonly trace: TracePlace | null;
}

export interface XenstoredConfig {
  readonly unix: string;
  /** 0 at the first start. */
  readonly port: number;
  readonly token: string;
  readonly stateFile: string;
}

export interface TctiConfig {
  readonly protocol: 'swtpm' | 'mssim';
  /** 0: any that is free. */
  readonly port: number;
}

/** What a part is started with: descriptors of segments from some number on, or the memory itself. */
export type MemoryGrant =
  | { readonly kind: 'process'; readonly firstDescriptor: number; readonly segments: readonly SegmentName[] }
  /** `clock`: of the trace. */
  | { readonly kind: 'thread'; readonly buffer: SharedArrayBuffer; readonly clock: SharedArrayBuffer };

/** One host as a part sees it. */
export interface HostGrant {
  readonly host: HostConfig;
  readonly memory: MemoryGrant;
}

export type PartConfig =
  | ({ readonly part: 'hypervisor'; readonly guarded: ToolstackPlace | null } & HostGrant)
  | { readonly part: 'xenstored'; readonly xenstored: XenstoredConfig }
  | ({
      readonly part: 'backend' | 'guest';
      readonly store: StorePlace;
      /** It loads its program and waits for the message `go`: what it will work on is not there yet. */
      readonly held: boolean;
    } & HostGrant)
  | { readonly part: 'user'; readonly hosts: readonly HostGrant[]; readonly tcti: TctiConfig };

/** How the toolstack is started again by who notices its death. */
export interface ToolstackPlace {
  readonly directory: string;
  /** Of the memory of all hosts, as this part has inherited them. */
  readonly descriptors: readonly number[];
}

/** Names of files in a host's folder. */
export const hypervisorSocket = (host: HostConfig): string => `${host.directory}/hypervisor.sock`;
export const transferSocket = (host: HostConfig): string => `${host.directory}/transfer.sock`;
export const bellPath = (host: HostConfig, agent: 'guest' | 'backend'): string => `${host.directory}/${agent}.bell`;
export const userBellPath = (host: HostConfig): string => `${host.directory}/user.bell`;
