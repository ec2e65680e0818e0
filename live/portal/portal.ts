/**
 * Requests that are answered at once, as the drivers expect them: the thread with the drivers sleeps while another
 * thread of the same process talks to the hypervisor and to the store.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';
import type { CallName } from '../hypercall/calls.js';
import type { PortalReply, PortalRequest, PortalSetup, WatchEvent } from './messages.js';

/** Longer than anything that the other thread waits for itself. */
const ANSWER_MILLISECONDS = 30_000;

export class Portal {
  readonly #worker: Worker;
  readonly #flags: Int32Array;
  readonly #channel = new MessageChannel();
  #handedOver = false;
  #heard = 0;

  constructor(setup: Omit<PortalSetup, 'flag'>, onWatch: (event: WatchEvent) => void) {
    const flag = new SharedArrayBuffer(8);
    this.#flags = new Int32Array(flag);
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { ...setup, flag } });
    this.#worker.on('message', ({ watch }: { watch: WatchEvent }) => {
      this.#heard = (this.#heard + 1) | 0;
      onWatch(watch);
    });
    this.#worker.on('error', (error) => {
      throw error;
    });
  }

  /** A watch event is on its way, and comes when the event loop has its turn. */
  get watchWaits(): boolean {
    return Atomics.load(this.#flags, 1) !== this.#heard;
  }

  /** Throws `PART_UNREACHABLE` when no answer comes. */
  ask(request: PortalRequest): PortalReply {
    Atomics.store(this.#flags, 0, 0);
    const { port1, port2 } = this.#channel;
    if (this.#handedOver) this.#worker.postMessage({ request });
    else this.#worker.postMessage({ request, reply: port2 }, [port2]);
    this.#handedOver = true;
    this.#awaitAnswer();
    const answer = receiveMessageOnPort(port1) as { message: PortalReply } | undefined;
    if (answer === undefined) {
      throw new QuiesceError(
        'PART_UNREACHABLE',
        `expected an answer within ${ANSWER_MILLISECONDS / 1000} s, found none`,
      );
    }
    return answer.message;
  }

  /** The other thread may wake us late for the answer before this one: only the flag says that there is one. */
  #awaitAnswer(): void {
    const deadline = performance.now() + ANSWER_MILLISECONDS;
    for (let left = ANSWER_MILLISECONDS; left > 0 && Atomics.load(this.#flags, 0) === 0; )
      if (Atomics.wait(this.#flags, 0, 0, left) !== 'timed-out') left = deadline - performance.now();
      else return;
  }

  /** `number` as in `CallRequest`. Throws `HYPERCALL_REFUSED`, and what `ask` does. */
  readonly hypercall = (number: number, call: CallName, args: readonly number[]): number => {
    const answer = this.ask({ kind: 'hypercall', number, call, args });
    if (answer.kind === 'error') throw new QuiesceError('HYPERCALL_REFUSED', answer.message);
    assert(answer.kind === 'result', `portal: expected a result, found ${answer.kind}`);
    return answer.result;
  };

  async close(): Promise<void> {
    this.#channel.port1.close();
    await this.#worker.terminate();
  }
}
