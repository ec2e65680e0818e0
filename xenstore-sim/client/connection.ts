/**
 * Requests and replies on one connection to a xenstore daemon, from its beginning to its end.
 *
 * Replies are matched by request id, in whatever order they come; libxenstore relies on the order, xenstore.txt tells
 * clients not to. The transaction id of a reply is not looked at: oxenstored answers WATCH and UNWATCH with 0. What the
 * protocol does not allow ends the connection, because nothing after it can be trusted.
 */
import {
  FrameDecoder,
  XS_PAYLOAD_BYTES_MAX,
  type XsFrame,
  XsType,
  type XsTypeName,
  xsTypeName,
} from '../../protocol/xs-wire.js';
import { AbortGroups } from './abort-groups.js';
import { daemonError, protocolError, XenstoreError } from './errors.js';
import { Outbox } from './outbox.js';
import { type Ask, type Pending, PendingRequests, type RequestOptions } from './pending.js';
import { textFrom } from './text.js';
import type { Link, Receiver, Transport } from './transport.js';
import { abortedError, Wait } from './wait.js';

/** oxenstored sends replies longer than 4096 bytes on sockets. More than this is taken for a broken stream. */
const REPLY_BYTES_MAX = 1 << 22;
/** Requests whose reply grows with the contents of the store, and so may be longer than 4096 bytes. */
const LONG_REPLIES: readonly XsTypeName[] = ['DIRECTORY', 'CONTROL'];

const ERROR_NAME = /^[A-Z][A-Z0-9_]{0,31}$/;

export interface ConnectionEvents {
  onWatchEvent(path: string, token: string): void;
  /** The connection has ended, not by `close`; all requests have failed by now. */
  onEnd(connection: Connection, reason: XenstoreError): void;
}

export class Connection implements Receiver {
  readonly #events: ConnectionEvents;
  readonly #decoder = new FrameDecoder(REPLY_BYTES_MAX);
  readonly #outbox = new Outbox();
  readonly #pending = new PendingRequests();
  readonly #aborts = new AbortGroups();
  #link: Link | undefined;
  #ended: XenstoreError | undefined;
  #serial = 0;
  #sentSerial = 0;

  private constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  /** @throws XenstoreError `UNREACHABLE`, or `DISCONNECTED` when the connection ended as soon as it was made. */
  static async open(transport: Transport, events: ConnectionEvents, signal: AbortSignal): Promise<Connection> {
    let made = false;
    const connection: Connection = new Connection({
      onWatchEvent: events.onWatchEvent,
      onEnd: (ended, reason) => {
        if (made) events.onEnd(ended, reason);
      },
    });
    const link = await transport.open(connection, signal);
    connection.#link = link;
    if (connection.#ended !== undefined || signal.aborted) {
      link.close();
      throw connection.#ended ?? new XenstoreError('DISCONNECTED', `connection to ${transport.name}: given up`);
    }
    made = true;
    return connection;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Sends a request with the others of this turn of the event loop. */
  request<T>(ask: Ask<T>, transactionId: number, options: RequestOptions): Promise<T> {
    const refusal = this.#refusal(ask, options.signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    const wait = new Wait(ask, ++this.#serial, options, this.#aborts);
    const id = this.#pending.add(wait);
    if (this.#outbox.isEmpty) queueMicrotask(() => this.#flush());
    this.#outbox.add(XsType[ask.type], id, transactionId, ask.text, ask.value);
    return wait.promise;
  }

  /** Sends what waits, ends the connection, and fails all requests that are not answered. */
  close(): void {
    if (this.#ended !== undefined) return;
    this.#flush();
    this.#finish(new XenstoreError('DISCONNECTED', 'connection closed by the caller'));
  }

  onData(bytes: Uint8Array): void {
    if (this.#ended !== undefined) return;
    try {
      this.#decoder.push(bytes, (frame) => this.#onFrame(frame));
    } catch (error) {
      this.#fail(error instanceof XenstoreError ? error : protocolError('expected a xenstore frame', error));
    }
  }

  onClose(reason: Error): void {
    this.#fail(new XenstoreError('DISCONNECTED', `connection lost: ${reason.message}`, { cause: reason }));
  }

  #refusal<T>(ask: Ask<T>, signal: AbortSignal | undefined): XenstoreError | undefined {
    const { type: request, path } = ask;
    const bytes = ask.text.length + (ask.value?.length ?? 0);
    if (bytes > XS_PAYLOAD_BYTES_MAX) {
      const message = `expected a payload of at most ${XS_PAYLOAD_BYTES_MAX} bytes, found ${bytes}`;
      return new XenstoreError('TOO_BIG', message, { request, path });
    }
    if (signal?.aborted === true) return abortedError(ask, signal, false);
    if (this.#ended === undefined) return undefined;
    const message = 'not sent: the connection it belongs to has ended';
    return new XenstoreError('DISCONNECTED', message, { request, path, cause: this.#ended });
  }

  #flush(): void {
    if (this.#outbox.isEmpty || this.#ended !== undefined) return;
    this.#sentSerial = this.#serial;
    this.#link?.send(this.#outbox.take());
  }

  #onFrame(frame: XsFrame): void {
    // The rest of a piece after a frame that ended the connection, or after a handler that closed it.
    if (this.#ended !== undefined) return;
    if (frame.type === XsType.WATCH_EVENT) this.#onWatchEvent(frame);
    else this.#onReply(frame);
  }

  #onWatchEvent({ payload }: XsFrame): void {
    const middle = payload.indexOf('\0');
    const end = payload.indexOf('\0', middle + 1);
    if (middle <= 0 || end !== payload.length - 1 || payload.length > XS_PAYLOAD_BYTES_MAX) {
      throw protocolError(`expected a path and a token in a watch event, found ${payload.length} other bytes`);
    }
    this.#events.onWatchEvent(textFrom(payload.slice(0, middle)), textFrom(payload.slice(middle + 1, end)));
  }

  #onReply({ type, requestId, payload }: XsFrame): void {
    const request = this.#pending.take(requestId);
    if (request === undefined) {
      throw protocolError(`expected the reply to a request, found ${xsTypeName(type)} with unknown id ${requestId}`);
    }
    const isError = type === XsType.ERROR;
    const name = isError ? payload.replace(/\0$/, '') : '';
    if (isError && ERROR_NAME.test(name)) {
      request.fail(daemonError(name, request.type, request.path));
      return;
    }
    try {
      checkReply(request, type, payload);
      request.answer(payload);
    } catch (error) {
      const violation = error instanceof XenstoreError ? error : protocolError('expected a reply', error);
      request.fail(unknownOutcome(request, violation));
      throw violation;
    }
  }

  #fail(reason: XenstoreError): void {
    if (this.#ended !== undefined) return;
    this.#finish(reason);
    this.#events.onEnd(this, reason);
  }

  #finish(reason: XenstoreError): void {
    this.#ended = reason;
    this.#outbox.take();
    this.#link?.close();
    for (const request of this.#pending.takeAll()) {
      if (request.serial <= this.#sentSerial) request.fail(unknownOutcome(request, reason));
      else request.fail(notSent(request, reason));
    }
  }
}

function checkReply(request: Pending, type: number, payload: string): void {
  if (type === XsType.ERROR) throw protocolError(`expected an error name, found ${payload.length} other bytes`);
  if (type !== XsType[request.type]) {
    throw protocolError(`expected a reply to ${request.type}, found one to ${xsTypeName(type)}`);
  }
  if (payload.length > XS_PAYLOAD_BYTES_MAX && !LONG_REPLIES.includes(request.type)) {
    throw protocolError(
      `expected a reply to ${request.type} of at most ${XS_PAYLOAD_BYTES_MAX} bytes, found ${payload.length}`,
    );
  }
}

function unknownOutcome({ type: request, path }: Pending, cause: XenstoreError): XenstoreError {
  const message = 'connection lost before the answer came: it may have been carried out';
  return new XenstoreError('DISCONNECTED', message, { request, path, outcomeUnknown: true, cause });
}

function notSent({ type: request, path }: Pending, cause: XenstoreError): XenstoreError {
  return new XenstoreError('DISCONNECTED', 'connection lost before it was sent', { request, path, cause });
}
