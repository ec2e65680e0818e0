/**
 * Hypercalls as promises, over one connection that is made again when the hypervisor is.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { connect, type Peer } from '../ipc/node-ipc.js';
import type { AgentName } from '../tables.js';
import type { CallName, CallReply } from './calls.js';

/** For a hypervisor that is being started again. */
const RETRY_MILLISECONDS = 10;
const GIVE_UP_MILLISECONDS = 10_000;

interface Waiting {
  resolve(result: number): void;
  reject(error: Error): void;
}

export class HypercallClient {
  readonly #path: string;
  readonly #hello: { readonly agent: AgentName; readonly token: string };
  readonly #waiting = new Map<number, Waiting>();
  #peer: Promise<Peer> | null = null;
  #lastId = 0;
  #closed = false;

  constructor(path: string, hello: { readonly agent: AgentName; readonly token: string }) {
    this.#path = path;
    this.#hello = hello;
  }

  /**
   * Makes a hypercall. One that was under way when the hypervisor died is made again: it had either no effect, or one
   * that a second time does not harm.
   *
   * Throws `PART_UNREACHABLE` when there is no hypervisor for ten seconds, `HYPERCALL_REFUSED` for what it does not allow.
   */
  async call(call: CallName, ...args: readonly number[]): Promise<number> {
    return this.callNumbered(0, call, ...args);
  }

  /** The same for a domain's own call, which has an effect once: made again it has the same number. */
  async callNumbered(number: number, call: CallName, ...args: readonly number[]): Promise<number> {
    return this.#request({ number, call, args }, true);
  }

  /** Sends the guest's and its TPM's pages to `path`, or takes them from whoever connects there. Never repeated. */
  async transfer(transfer: 'send' | 'receive', path: string, cutAfterBytes: number | null = null): Promise<number> {
    return this.#request({ transfer, path, cutAfterBytes }, false);
  }

  close(): void {
    this.#closed = true;
    void this.#peer?.then((peer) => peer.close()).catch(() => undefined);
  }

  async #request(message: object, repeat: boolean): Promise<number> {
    for (let deadline = performance.now() + GIVE_UP_MILLISECONDS; ; ) {
      try {
        const peer = await this.#connected();
        return await new Promise<number>((resolve, reject) => {
          const id = ++this.#lastId;
          this.#waiting.set(id, { resolve, reject });
          peer.send({ id, ...message });
        });
      } catch (error) {
        const unreachable = error instanceof QuiesceError && error.code === 'PART_UNREACHABLE';
        if (!unreachable || !repeat || this.#closed || performance.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }

  #connected(): Promise<Peer> {
    if (this.#peer !== null) return this.#peer;
    const peer = connect(this.#path, {
      onMessage: (message) => this.#onReply(message as CallReply),
      onClose: () => this.#onClose(),
    });
    const greeted = peer.then((made) => {
      made.send(this.#hello);
      return made;
    });
    this.#peer = greeted;
    greeted.catch(() => {
      if (this.#peer === greeted) this.#peer = null;
    });
    return greeted;
  }

  #onReply({ id, result, error }: CallReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new QuiesceError('HYPERCALL_REFUSED', error));
    else waiting?.resolve(result ?? 0);
  }

  #onClose(): void {
    this.#peer = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) {
      reject(new QuiesceError('PART_UNREACHABLE', `the connection to the hypervisor at ${this.#path} was lost`));
    }
  }
}
