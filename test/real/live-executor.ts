/** A client of a live system's endpoint in mssim's framing, whose commands carry their locality. */
import { connect } from 'node:net';
import { Channel } from '../../live/tpm/channel.js';
import type { CommandExecutor, ExecuteOptions } from '../../live/tpm/vtpm-device.js';
import { sendCommand, sentCommandAnswerSize, sentCommandResponse } from '../../protocol/tpm/send-command.js';

export class LiveExecutor implements CommandExecutor {
  readonly #channel: Channel;
  readonly close: () => void;

  private constructor(channel: Channel, close: () => void) {
    this.#channel = channel;
    this.close = close;
  }

  static connect(port: number): Promise<LiveExecutor> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () =>
        resolve(
          new LiveExecutor(new Channel('live', { stream: socket, blocking: null }, () => undefined), () =>
            socket.destroy(),
          ),
        ),
      );
      socket.once('error', reject);
    });
  }

  async execute(command: Uint8Array, { locality }: ExecuteOptions): Promise<Uint8Array> {
    return sentCommandResponse(await this.#channel.ask(sendCommand(command, locality), sentCommandAnswerSize));
  }
}
