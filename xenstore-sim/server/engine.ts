/**
 * What the servers need of a daemon.
 */
import type { Daemon } from '../daemon.js';

type Used =
  | 'connect'
  | 'disconnect'
  | 'isConnected'
  | 'receive'
  | 'flush'
  | 'block'
  | 'tick'
  | 'isThrottled'
  | 'hasMore'
  | 'unfinishedRequest'
  | 'resume'
  | 'isDetached';

export interface Engine extends Pick<Daemon, Used> {
  /** The events that wait for a connection that is blocked. */
  readonly store: {
    readonly connections: { get(connection: number): { readonly pending: readonly unknown[] } | undefined };
  };
}
