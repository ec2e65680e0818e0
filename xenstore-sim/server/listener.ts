/**
 * A place where clients connect.
 */
import { QuiesceError } from '../../protocol/errors.js';

export type ListenerDescription =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'websocket'; readonly url: string };

export interface Listener {
  readonly description: ListenerDescription;
  /** Accepts nobody from now on and removes its file. Clients stay; they are the hub's. */
  close(): Promise<void>;
}

export function cannotListen(where: string, what: string): QuiesceError {
  return new QuiesceError('CANNOT_LISTEN', `cannot listen at ${where}: ${what}`);
}

/** The code of an error of the system, such as `EACCES`. */
export function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
