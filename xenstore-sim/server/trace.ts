/**
 * One line for each request, reply and event, for people who watch a server work. Wraps a daemon, so that a server
 * without trace pays nothing.
 */
import { binaryString, FrameDecoder, type XsFrame, xsTypeName } from '../../protocol/xs-wire.js';
import type { Engine } from './engine.js';

const PAYLOAD_CHARACTERS_MAX = 120;

/** `engine`, with a line to `show` for each frame that goes in or out. */
export function traced(engine: Engine, show: (line: string) => void): Engine {
  return new TracedEngine(engine, show);
}

class TracedEngine implements Engine {
  readonly #engine: Engine;
  readonly #show: (line: string) => void;
  readonly #open = new Set<number>();
  readonly #incoming = new Map<number, FrameDecoder>();
  readonly #outgoing = new Map<number, FrameDecoder>();

  constructor(engine: Engine, show: (line: string) => void) {
    this.#engine = engine;
    this.#show = show;
  }

  connect(domid: number): number {
    const id = this.#engine.connect(domid);
    this.#follow(id);
    this.#show(`${id} connected, domain ${domid}`);
    return id;
  }

  resume(domid: number): number | undefined {
    const id = this.#engine.resume(domid);
    if (id === undefined) return undefined;
    this.#follow(id);
    this.#show(`${id} resumed, domain ${domid}`);
    return id;
  }

  isDetached(domid: number): boolean {
    return this.#engine.isDetached(domid);
  }

  disconnect(id: number): void {
    this.#forget(id);
    this.#engine.disconnect(id);
  }

  pendingEvents(id: number): number {
    return this.#engine.pendingEvents(id);
  }

  tick(milliseconds: number): void {
    this.#engine.tick(milliseconds);
  }

  wantsTick(): boolean {
    return this.#engine.wantsTick();
  }

  isThrottled(id: number): boolean {
    return this.#engine.isThrottled(id);
  }

  hasMore(id: number): boolean {
    return this.#engine.hasMore(id);
  }

  unfinishedRequest(id: number): number {
    return this.#engine.unfinishedRequest(id);
  }

  isConnected(id: number): boolean {
    return this.#engine.isConnected(id);
  }

  receive(id: number, bytes: Uint8Array): boolean {
    this.#frames(this.#incoming, id, '->', bytes);
    const fine = this.#engine.receive(id, bytes);
    if (!fine) this.#forget(id);
    return fine;
  }

  flush(write: (id: number, bytes: Uint8Array) => void): void {
    this.#engine.flush((id, bytes) => {
      this.#frames(this.#outgoing, id, '<-', bytes);
      write(id, bytes);
    });
  }

  block(id: number, blocked: boolean): void {
    this.#show(`${id} ${blocked ? 'does not read' : 'reads again'}`);
    this.#engine.block(id, blocked);
  }

  #follow(id: number): void {
    this.#open.add(id);
    this.#incoming.set(id, new FrameDecoder());
    // oxenstored sends long lists on sockets.
    this.#outgoing.set(id, new FrameDecoder(Number.MAX_SAFE_INTEGER));
  }

  #forget(id: number): void {
    if (!this.#open.delete(id)) return;
    this.#incoming.delete(id);
    this.#outgoing.delete(id);
    this.#show(`${id} closed`);
  }

  #frames(decoders: Map<number, FrameDecoder>, id: number, arrow: string, bytes: Uint8Array): void {
    try {
      decoders.get(id)?.push(bytes, (frame) => this.#show(`${id} ${arrow} ${frameText(frame)}`));
    } catch {
      decoders.delete(id);
      this.#show(`${id} ${arrow} not a frame: ${shown(binaryString(bytes.subarray(0, PAYLOAD_CHARACTERS_MAX)))}`);
    }
  }
}

function frameText({ type, requestId, transactionId, payload }: XsFrame): string {
  const numbers = `${requestId === 0 ? '' : ` req ${requestId}`}${transactionId === 0 ? '' : ` tx ${transactionId}`}`;
  return `${xsTypeName(type)}${numbers} ${shown(payload)}`;
}

/** A nul is shown as `|`, what is not printable ASCII as its number; what is long is cut. */
function shown(payload: string): string {
  const text = payload
    .slice(0, PAYLOAD_CHARACTERS_MAX)
    .replace(/[^ -[\]-{}~]/g, (byte) =>
      byte === '\0' ? '|' : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
  const left = payload.length - PAYLOAD_CHARACTERS_MAX;
  return left > 0 ? `${text}... and ${left} bytes` : text;
}
