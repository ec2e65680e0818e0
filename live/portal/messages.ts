/**
 * What the thread with the drivers asks of the thread with the sockets.
 */
import type { CallName } from '../hypercall/calls.js';
import type { WordPlace } from '../memory/address-space.js';

export type PortalRequest =
  | { readonly kind: 'hypercall'; readonly number: number; readonly call: CallName; readonly args: readonly number[] }
  | {
      readonly kind: 'store';
      readonly operation: StoreOperation;
      readonly path: string;
      /** Value, token, or permissions parted by blanks. */
      readonly argument: string;
      /** Number of an open transaction, 0 for none. */
      readonly transaction: number;
    };

export type StoreOperation =
  | 'read'
  | 'directory'
  | 'write'
  | 'mkdir'
  | 'rm'
  | 'setPermissions'
  | 'watch'
  | 'unwatch'
  | 'start'
  | 'commit'
  | 'abort';

export type PortalReply =
  | { readonly kind: 'result'; readonly result: number }
  | { readonly kind: 'text'; readonly text: string | null }
  | { readonly kind: 'names'; readonly names: readonly string[] | null }
  /** `code` is that of the error: `EAGAIN`, `DISCONNECTED`, `PART_UNREACHABLE` and so on. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

export interface WatchEvent {
  readonly path: string;
  readonly token: string;
}

/** What the thread with the sockets is started with. */
export interface PortalSetup {
  readonly hypervisor: string;
  readonly hello: { readonly agent: 'guest' | 'backend'; readonly token: string };
  readonly store: { readonly address: string; readonly token?: string; readonly home?: string };
  /** Two words: whether the request is answered, and how many watch events have been handed on. */
  readonly flag: SharedArrayBuffer;
  /** The doorbell of the thread with the drivers. */
  readonly bell: WordPlace;
}
