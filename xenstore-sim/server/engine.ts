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
  | 'wantsTick'
  | 'isThrottled'
  | 'hasMore'
  | 'unfinishedRequest'
  | 'resume'
  | 'isDetached'
  | 'pendingEvents';

export type Engine = Pick<Daemon, Used>;
