/**
 * The guest's TPM for unmodified programs: an endpoint that the swtpm or the mssim TCTI of tpm2-tss connects to.
 *
 *     const server = await TctiServer.listen(tpm, { framing: 'swtpm', address: { kind: 'tcp', port: 2321 } });
 *     // TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=2321 tpm2_pcrread
 *
 * Clients come and go as they like, and share one TPM without a resource manager, as processes do that open the same
 * /dev/tpm0 in turn: sessions and transient objects belong to the TPM, not to who made them.
 */
import { Socket } from 'node:net';
import { native } from '../memory/native.js';
import type { CommandExecutor } from '../tpm/vtpm-device.js';
import { type BriefChannel, BriefClients, type HandedOver } from './brief-clients.js';
import { CommandGate } from './command-gate.js';
import { descriptorOf, type Endpoint, listen, type TctiAddress } from './endpoint.js';
import { type Framing, MessageSocket } from './message-socket.js';
import { mssimCommandFraming, mssimPlatformFraming } from './mssim-framing.js';
import { swtpmCommandFraming, swtpmControlFraming } from './swtpm-framing.js';
import type { TctiSession } from './tcti-session.js';

export type TctiFraming = 'swtpm' | 'mssim';

export interface TctiOptions {
  readonly framing: TctiFraming;
  readonly address: TctiAddress;
  /** Lets clients power the TPM off and on over the second channel; they may not unless this is given. */
  readonly powerCycle?: () => Promise<void>;
  /** Connections at a time over both channels, 64 unless told otherwise; further ones are closed at once. */
  readonly connectionsMax?: number;
  /**
   * Whether this process does little else than to serve, so that its event loop may be left alone for milliseconds while
   * clients come; not so unless it is given, nor where koffi is not installed.
   */
  readonly dedicated?: boolean;
  /** Milliseconds for a command to come whole once it has begun, 30 s unless told otherwise. */
  readonly frameMilliseconds?: number;
}

const CONNECTIONS_MAX = 64;
const FRAME_MILLISECONDS = 30_000;

export class TctiServer {
  readonly #options: TctiOptions;
  readonly #session: TctiSession;
  readonly #clients = new Set<MessageSocket>();
  #endpoint: Endpoint | null = null;
  #brief: BriefClients | null = null;
  #briefChannels: readonly BriefChannel[] = [];

  private constructor(tpm: CommandExecutor, options: TctiOptions) {
    this.#options = options;
    const { powerCycle } = options;
    this.#session = { gate: new CommandGate(tpm), powerCycle, locality: 0, powered: true };
  }

  /** Serves `tpm` until `close`. Rejects with `CANNOT_LISTEN`. */
  static async listen(tpm: CommandExecutor, options: TctiOptions): Promise<TctiServer> {
    const server = new TctiServer(tpm, options);
    const session = server.#session;
    const mssim = options.framing === 'mssim';
    const commands = mssim ? mssimCommandFraming(session) : swtpmCommandFraming(session);
    const second = mssim ? mssimPlatformFraming(session) : swtpmControlFraming(session);
    server.#endpoint = await listen(options.address, {
      onCommandClient: (socket) => server.#welcome(socket, 0, commands),
      onSecondClient: (socket) => server.#welcome(socket, 1, second),
    });
    if (options.dedicated === true) server.#serveBriefly([commands, second], server.#endpoint.descriptors);
    return server;
  }

  /** For the environment variable TPM2TOOLS_TCTI: `swtpm:host=127.0.0.1,port=2321`. */
  get tcti(): string {
    return `${this.#options.framing}:${this.#endpoint?.configuration}`;
  }

  /** Connections at this moment, with those that are gone while their last command executes. */
  get connections(): number {
    return this.#clients.size + (this.#brief?.size ?? 0);
  }

  /** Clients so far that came without a turn of the event loop; 0 unless the process is `dedicated`. */
  get acceptedBriefly(): number {
    return this.#brief?.accepted ?? 0;
  }

  /** Commands that have come whole and wait for the TPM. */
  get waiting(): number {
    return this.#session.gate.waiting;
  }

  /**
   * Cuts every client off and stops listening. Commands that wait are not executed; one that executes goes on in the TPM.
   * Never rejects.
   */
  async close(): Promise<void> {
    this.#session.gate.close();
    const closed = this.#endpoint?.close();
    this.#brief?.close();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  #welcome(socket: Socket, channel: 0 | 1, framing: Framing): void {
    const brief = this.#briefChannels[channel];
    // Nothing has been read of it yet: that is for a later turn of the event loop.
    if (brief !== undefined && this.#brief?.takeOver(descriptorOf(socket), brief) === true) socket.destroy();
    else this.#accept(socket, framing);
  }

  #accept(socket: Socket, framing: Framing): MessageSocket | null {
    const { frameMilliseconds = FRAME_MILLISECONDS } = this.#options;
    if (!this.#hasRoom) {
      socket.destroy();
      return null;
    }
    const client = new MessageSocket(socket, framing, frameMilliseconds, () => {
      this.#clients.delete(client);
      this.#brief?.expect();
    });
    this.#clients.add(client);
    return client;
  }

  get #hasRoom(): boolean {
    return this.connections < (this.#options.connectionsMax ?? CONNECTIONS_MAX);
  }

  #serveBriefly(framings: readonly [Framing, Framing], descriptors: Endpoint['descriptors']): void {
    const calls = native();
    if (calls === null || descriptors === null) return;
    // Those whom they accept inherit it.
    for (const descriptor of descriptors) calls.sendAtOnce(descriptor);
    this.#briefChannels = framings.map((framing, i) => ({
      framing,
      descriptor: descriptors[i] as number,
      handOver: (descriptor: number, { begun, unsent, ends }: HandedOver) =>
        this.#accept(new Socket({ fd: descriptor }), framing)?.goOn(begun, unsent, ends),
    }));
    this.#brief = new BriefClients(calls, this.#briefChannels, () => this.#clients.size === 0 && this.#hasRoom);
  }
}
