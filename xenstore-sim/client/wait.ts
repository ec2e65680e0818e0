/**
 * A promise for the answer to one request, with the caller's time limit and `AbortSignal`. Once settled, by whatever
 * came first, timer and listener are gone.
 */
import type { Abortable, AbortGroups } from './abort-groups.js';
import { ignore } from './callbacks.js';
import { XenstoreError } from './errors.js';
import type { Ask, Pending, RequestOptions } from './pending.js';

export class Wait<T> implements Pending, Abortable {
  readonly type: Ask<T>['type'];
  readonly path: string | undefined;
  readonly serial: number;
  readonly promise: Promise<T>;
  readonly #ask: Ask<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #groups: AbortGroups;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #resolve: (answer: T) => void = ignore;
  #reject: (error: unknown) => void = ignore;
  #settled = false;

  constructor(ask: Ask<T>, serial: number, { signal, timeoutMilliseconds = 0 }: RequestOptions, groups: AbortGroups) {
    this.type = ask.type;
    this.path = ask.path;
    this.serial = serial;
    this.#ask = ask;
    this.#signal = signal;
    this.#groups = groups;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal !== undefined) groups.add(signal, this);
    if (timeoutMilliseconds > 0)
      this.#timer = setTimeout(() => this.#timeOut(timeoutMilliseconds), timeoutMilliseconds);
  }

  answer(payload: string): void {
    const answer = this.#ask.parse(payload);
    if (this.#settled) {
      this.#ask.late?.(answer);
      return;
    }
    this.#settle();
    this.#resolve(answer);
  }

  fail(error: XenstoreError): void {
    if (this.#settled) return;
    this.#settle();
    this.#reject(error);
  }

  onAbort(): void {
    this.fail(abortedError(this.#ask, this.#signal, true));
  }

  #timeOut(milliseconds: number): void {
    const { type: request, path } = this.#ask;
    const message = `expected an answer within ${milliseconds} ms, found none: it may have been carried out`;
    this.fail(new XenstoreError('TIMEOUT', message, { request, path, outcomeUnknown: true }));
  }

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#timer);
    if (this.#signal !== undefined) this.#groups.remove(this.#signal, this);
  }
}

/** For a request whose signal has fired. */
export function abortedError<T>(ask: Ask<T>, signal: AbortSignal | undefined, sent: boolean): XenstoreError {
  const { type: request, path } = ask;
  const message = sent
    ? 'given up by the caller: it may have been carried out'
    : 'given up by the caller before sending';
  return new XenstoreError('ABORTED', message, { request, path, outcomeUnknown: sent, cause: signal?.reason });
}
