/**
 * A daemon just good enough to see what a server does with one: one tree without permissions, watches on everything, and
 * transactions that are only counted. What is blocked is remembered.
 */
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import type { Engine } from '../../xenstore-sim/server/index.js';

interface Connection {
  readonly domid: number;
  readonly decoder: FrameDecoder;
  readonly tokens: string[];
  readonly output: Uint8Array[];
  blocked: boolean;
  /** Requests that were answered. */
  answered: number;
}

export class StandInDaemon implements Engine {
  readonly connections = new Map<number, Connection>();
  readonly values = new Map<string, string>();
  /** `block N true`, in the order in which it happened. */
  readonly calls: string[] = [];
  /** Bytes of the pieces that came in. */
  readonly pieces: number[] = [];
  #lastId = 0;

  connect(domid: number): number {
    this.#lastId++;
    const decoder = new FrameDecoder();
    this.connections.set(this.#lastId, { domid, decoder, tokens: [], output: [], blocked: false, answered: 0 });
    return this.#lastId;
  }

  disconnect(id: number): void {
    if (!this.connections.delete(id)) throw new Error(`no connection ${id}`);
  }

  pendingEvents(id: number): number {
    return this.#connection(id).output.length;
  }

  /** It has no clock, and holds nobody up. */
  tick(): void {}

  wantsTick(): boolean {
    return false;
  }

  isThrottled(): boolean {
    return false;
  }

  hasMore(): boolean {
    return false;
  }

  unfinishedRequest(id: number): number {
    const { decoder, answered } = this.#connection(id);
    return decoder.midFrame ? answered : -1;
  }

  /** It is never started from a state. */
  isDetached(): boolean {
    return false;
  }

  resume(): undefined {}

  isConnected(id: number): boolean {
    return this.connections.has(id);
  }

  receive(id: number, bytes: Uint8Array): boolean {
    const connection = this.#connection(id);
    this.pieces.push(bytes.length);
    try {
      connection.decoder.push(bytes, (frame) => connection.output.push(encodeFrame(this.#answer(connection, frame))));
      return true;
    } catch {
      this.disconnect(id);
      return false;
    }
  }

  flush(write: (id: number, bytes: Uint8Array) => void): void {
    for (const [id, connection] of this.connections) {
      if (connection.blocked || connection.output.length === 0) continue;
      const bytes = Buffer.concat(connection.output.splice(0));
      write(id, bytes);
      // Whoever keeps the bytes, and not a copy of them, shall be found out.
      bytes.fill(0xee);
    }
  }

  block(id: number, blocked: boolean): void {
    this.calls.push(`block ${id} ${blocked}`);
    this.#connection(id).blocked = blocked;
  }

  #connection(id: number): Connection {
    const connection = this.connections.get(id);
    if (connection === undefined) throw new Error(`no connection ${id}`);
    return connection;
  }

  #answer(connection: Connection, frame: XsFrame): XsFrame {
    connection.answered++;
    const [path = '', second = ''] = frame.payload.split('\0');
    switch (frame.type) {
      case XsType.READ:
        return { ...frame, payload: this.values.get(path) ?? '' };
      case XsType.WRITE:
        this.values.set(path, frame.payload.slice(path.length + 1));
        for (const { tokens, output } of this.connections.values()) {
          for (const token of tokens) output.push(event(`${path}\0${token}\0`));
        }
        break;
      case XsType.WATCH:
        connection.tokens.push(second);
        break;
      case XsType.GET_DOMAIN_PATH:
        return { ...frame, payload: `/local/domain/${connection.domid}\0` };
    }
    return { ...frame, payload: 'OK\0' };
  }
}

function event(payload: string): Uint8Array {
  return encodeFrame({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload });
}
