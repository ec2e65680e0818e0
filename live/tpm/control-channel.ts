/** A client of swtpm's control channel: one request at a time, each result checked. */
import { QuiesceError } from '../../protocol/errors.js';
import type { FrameSize } from '../../protocol/frame-assembler.js';
import * as ptm from '../../protocol/tpm/ptm.js';
import { Channel } from './channel.js';
import type { ChannelEnd } from './channel-end.js';
import { Turns } from './turns.js';
import { STATE_BLOB_SIZE_MAX } from './vtpm-state.js';

export class ControlChannel {
  readonly #channel: Channel;
  readonly #turns = new Turns();
  readonly #milliseconds: number;

  /** Each request that is answered within `milliseconds` is fine; a later one breaks the channel. See `Channel` for `onBroken`. */
  constructor(end: ChannelEnd, milliseconds: number, onBroken: (why: string) => void) {
    this.#channel = new Channel('the control channel', end, onBroken);
    this.#milliseconds = milliseconds;
  }

  break(why: string): void {
    this.#channel.break(why);
  }

  /** `PTM_CAP` bits. */
  async capability(): Promise<number> {
    return ptm.readCapability(await this.#ask('GET_CAPABILITY'));
  }

  /** Powers the TPM on, or off and on when it runs: _TPM_Init. `flags`: `PTM_INIT_FLAG_DELETE_VOLATILE`. */
  async init(flags: number): Promise<void> {
    await this.#demand('INIT', ptm.initRequest(flags));
  }

  /** Powers the TPM off; commands are answered FAILURE from then on. */
  async stop(): Promise<void> {
    await this.#demand('STOP');
  }

  /** Ends the process. */
  async shutdown(): Promise<void> {
    await this.#demand('SHUTDOWN');
  }

  /** Asks to cancel the command that executes. Resolves when swtpm has looked at it, which may be after that command. */
  async cancelCommand(): Promise<void> {
    await this.#turns.run(() =>
      this.#channel.ask(ptm.ptmRequest('CANCEL_TPM_CMD'), (head) => ptm.ptmResponseSize('CANCEL_TPM_CMD', head)),
    );
  }

  /** The locality of commands that carry none in front. */
  async setLocality(locality: number): Promise<void> {
    await this.#demand('SET_LOCALITY', ptm.setLocalityRequest(locality));
  }

  /** Whether a dynamic root of trust was established. */
  async established(): Promise<boolean> {
    return ptm.readEstablished(await this.#demand('GET_TPMESTABLISHED'));
  }

  /** JSON text about the TPM; `flags` as for `getInfoRequest`. */
  async info(flags: number): Promise<string> {
    return ptm.readInfo(await this.#demand('GET_INFO', ptm.getInfoRequest(flags, 0)));
  }

  /** How long a command may be; sets it first unless `size` is 0, which works only before INIT and after STOP. */
  async bufferSize(size: number): Promise<ptm.BufferSizes> {
    return ptm.readBufferSizes(await this.#demand('SET_BUFFERSIZE', ptm.setBufferSizeRequest(size)));
  }

  /** A whole state blob, or null when the TPM has none of that kind. */
  async stateBlob(kind: keyof typeof ptm.PTM_BLOB): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const request = ptm.getStateBlobRequest(ptm.PTM_BLOB[kind], length);
      const part = ptm.readStateBlob(await this.#ask('GET_STATEBLOB', request));
      if (length === 0 && part.result === ptm.PTM_RESULT.RETRY) return null;
      if (part.result !== ptm.PTM_RESULT.SUCCESS) throw refused(`GET_STATEBLOB(${kind})`, part.result);
      parts.push(part.bytes);
      length += part.bytes.length;
      if (length >= part.total) break;
      if (part.bytes.length === 0 || part.total > STATE_BLOB_SIZE_MAX) {
        throw new QuiesceError(
          'TPM_CONTROL_REFUSED',
          `swtpm: expected a ${kind} blob of at most ${STATE_BLOB_SIZE_MAX} bytes, found ${length} of ${part.total}`,
        );
      }
    }
    return length === 0 ? null : new Uint8Array(Buffer.concat(parts));
  }

  /**
   * A state blob, if its answer comes whole and within a moment, for which the thread blocks. Undefined when it does not,
   * or when another request is under way: `stateBlob` is to be asked.
   */
  stateBlobBriefly(kind: keyof typeof ptm.PTM_BLOB): Uint8Array | undefined {
    if (this.#turns.taken) return undefined;
    const request = ptm.getStateBlobRequest(ptm.PTM_BLOB[kind], 0);
    const sizeOf: FrameSize = (head) => ptm.ptmResponseSize('GET_STATEBLOB', head);
    const answer = this.#channel.askBriefly(request, sizeOf);
    if (answer instanceof Promise) {
      // The next request waits until this one is answered.
      void this.#turns.run(() => this.#timed('GET_STATEBLOB', answer)).catch(() => undefined);
      return undefined;
    }
    const part = ptm.readStateBlob(answer);
    const whole = part.result === ptm.PTM_RESULT.SUCCESS && part.bytes.length > 0 && part.bytes.length === part.total;
    return whole ? part.bytes : undefined;
  }

  /** Gives a stopped TPM a state blob. Returns the result, for which 0 means accepted. */
  async setStateBlob(kind: keyof typeof ptm.PTM_BLOB, bytes: Uint8Array): Promise<number> {
    return ptm.ptmResult(await this.#ask('SET_STATEBLOB', ptm.setStateBlobRequest(ptm.PTM_BLOB[kind], bytes)));
  }

  async #demand(name: ptm.PtmCommandName, request?: Uint8Array): Promise<Uint8Array> {
    const response = await this.#ask(name, request);
    const result = ptm.ptmResult(response);
    if (result !== ptm.PTM_RESULT.SUCCESS) throw refused(name, result);
    return response;
  }

  #ask(name: ptm.PtmCommandName, request = ptm.ptmRequest(name)): Promise<Uint8Array> {
    return this.#turns.run(() =>
      this.#timed(
        name,
        this.#channel.ask(request, (head) => ptm.ptmResponseSize(name, head)),
      ),
    );
  }

  async #timed(name: ptm.PtmCommandName, answer: Promise<Uint8Array>): Promise<Uint8Array> {
    const timer = setTimeout(
      () => this.#channel.break(`no answer to ${name} within ${this.#milliseconds} ms`),
      this.#milliseconds,
    );
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }
}

function refused(what: string, result: number): QuiesceError {
  return new QuiesceError(
    'TPM_CONTROL_REFUSED',
    `swtpm refused ${what}: expected result 0, found 0x${result.toString(16)}`,
  );
}
