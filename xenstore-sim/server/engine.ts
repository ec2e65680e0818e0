/**
 * What the servers need of a daemon.
 */
import type { Daemon } from '../daemon.js';

export type Engine = Pick<Daemon, 'connect' | 'disconnect' | 'isConnected' | 'receive' | 'flush' | 'block'>;
