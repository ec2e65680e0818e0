/**
 * Connects to a daemon's socket. Their queues of waiting clients are one long, and a full one refuses with EAGAIN what
 * does not want to block, as Node never does.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const ATTEMPTS = 500;

/** @throws Error as `connect` gives it; EAGAIN only after half a second. */
export async function connectSocket(path: string): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (attempt === ATTEMPTS || (error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await delay(1);
    }
  }
}
