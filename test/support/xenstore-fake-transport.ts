/** A transport without a daemon: a test sees each request as a frame and answers it by hand, or by a function. */
import { encodeFrame, FrameDecoder, type XsFrame, XsType, type XsTypeName } from '../../protocol/xs-wire.js';
import {
  type ClientOptions,
  type Link,
  type Receiver,
  type Transport,
  XenstoreClient,
} from '../../xenstore-sim/client/index.js';

export class FakeLink implements Link {
  /** All requests so far. */
  readonly requests: XsFrame[] = [];
  /** How many pieces they came in. */
  writes = 0;
  isClosed = false;
  readonly #receiver: Receiver;
  readonly #onRequest: (frame: XsFrame, link: FakeLink) => void;
  readonly #decoder = new FrameDecoder();
  #taken = 0;
  #wake: () => void = () => undefined;

  constructor(receiver: Receiver, onRequest: (frame: XsFrame, link: FakeLink) => void) {
    this.#receiver = receiver;
    this.#onRequest = onRequest;
  }

  send(bytes: Uint8Array): void {
    this.writes++;
    this.#decoder.push(bytes, (frame) => {
      this.requests.push(frame);
      this.#wake();
      this.#onRequest(frame, this);
    });
  }

  close(): void {
    this.isClosed = true;
  }

  /** The next request nobody has taken. */
  async next(): Promise<XsFrame> {
    for (;;) {
      const frame = this.requests[this.#taken];
      if (frame !== undefined) {
        this.#taken++;
        return frame;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  reply({ type, requestId, transactionId }: XsFrame, payload: string): void {
    this.receive(encodeFrame({ type, requestId, transactionId, payload }));
  }

  error({ requestId, transactionId }: XsFrame, name: string): void {
    this.receive(encodeFrame({ type: XsType.ERROR, requestId, transactionId, payload: `${name}\0` }));
  }

  event(path: string, token: string): void {
    this.receive(eventFrame(path, token));
  }

  receive(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.#receiver.onData(piece);
  }

  lose(): void {
    this.#receiver.onClose(new Error('the daemon is gone'));
  }
}

export class FakeTransport implements Transport {
  readonly name = 'the fake';
  readonly links: FakeLink[] = [];
  /** Attempts to connect, successful or not. */
  attempts = 0;
  /** Number of attempts to refuse from now on. */
  refusals = 0;
  /** Called for each request as it comes. */
  onRequest: (frame: XsFrame, link: FakeLink) => void = () => undefined;

  async open(receiver: Receiver, _signal?: AbortSignal): Promise<Link> {
    this.attempts++;
    if (this.refusals > 0) {
      this.refusals--;
      throw new Error('refused');
    }
    const link = new FakeLink(receiver, (frame, from) => this.onRequest(frame, from));
    this.links.push(link);
    return link;
  }

  /** The connection that was made last. */
  get link(): FakeLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error('expected a connection');
    return link;
  }
}

export async function connectFake(
  options: ClientOptions = {},
): Promise<{ client: XenstoreClient; transport: FakeTransport; link: FakeLink }> {
  const transport = new FakeTransport();
  const client = await XenstoreClient.connect(transport, options);
  return { client, transport, link: transport.link };
}

export function eventFrame(path: string, token: string): Uint8Array {
  const payload = `${path}\0${token}\0`;
  return encodeFrame({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload });
}

export function replyFrame(type: XsTypeName, requestId: number, payload: string): Uint8Array {
  return encodeFrame({ type: XsType[type], requestId, transactionId: 0, payload });
}
