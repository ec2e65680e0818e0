/** Makes a connection within a time, or says why not. */
import { Connection, type ConnectionEvents } from './connection.js';
import { XenstoreError } from './errors.js';
import type { Transport } from './transport.js';

/**
 * @param milliseconds 0: no limit.
 * @throws XenstoreError `UNREACHABLE`, `TIMEOUT`, or `ABORTED` when `stop` fires.
 */
export async function openInTime(
  milliseconds: number,
  stop: AbortSignal,
  transport: Transport,
  events: ConnectionEvents,
): Promise<Connection> {
  const attempt = new AbortController();
  const end = (): void => attempt.abort();
  if (stop.aborted) end();
  stop.addEventListener('abort', end);
  const timer = milliseconds > 0 ? setTimeout(end, milliseconds) : undefined;
  try {
    return await Connection.open(transport, events, attempt.signal);
  } catch (error) {
    if (stop.aborted) {
      throw new XenstoreError('ABORTED', `connection to ${transport.name}: given up by the caller`, { cause: error });
    }
    if (attempt.signal.aborted) {
      const message = `connection to ${transport.name}: expected it within ${milliseconds} ms, found none`;
      throw new XenstoreError('TIMEOUT', message, { cause: error });
    }
    if (error instanceof XenstoreError) throw error;
    throw new XenstoreError('UNREACHABLE', `connection to ${transport.name}: ${String(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
  }
}
