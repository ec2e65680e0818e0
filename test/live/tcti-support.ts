/** A TCTI server before a model TPM whose pace a test decides. */
import type { Test } from 'tap';
import { type TctiOptions, TctiServer } from '../../live/tcti/tcti-server.js';
import { ModelDevice } from '../../live/tpm/model-device.js';
import type { CommandExecutor, ExecuteOptions } from '../../live/tpm/vtpm-device.js';
import { startup } from '../support/model-commands.js';
import { toHex } from '../support/tpm-engine.js';
import { RawClient } from './raw-tcti.js';

/** A TPM that has started up, and writes down what it executes. */
export class WatchedTpm implements CommandExecutor {
  readonly #device = new ModelDevice({ seed: 1 });
  readonly executed: string[] = [];
  readonly localities: number[] = [];
  aborted = 0;
  /** While set, commands wait for it. */
  hold: Promise<void> | null = null;
  /** While set, commands reject with it. */
  failure: Error | null = null;
  #running = 0;
  atOnce = 0;

  static async start(): Promise<WatchedTpm> {
    const tpm = new WatchedTpm();
    await tpm.#device.execute(startup, { locality: 0 });
    return tpm;
  }

  async execute(command: Uint8Array, { locality, signal }: ExecuteOptions): Promise<Uint8Array> {
    const bytes = Uint8Array.from(command);
    this.#running++;
    this.atOnce = Math.max(this.atOnce, this.#running);
    const onAbort = (): void => void this.aborted++;
    signal?.addEventListener('abort', onAbort);
    try {
      if (this.hold !== null) await this.hold;
      if (this.failure !== null) throw this.failure;
      const response = await this.#device.execute(bytes, { locality });
      this.executed.push(toHex(bytes));
      this.localities.push(locality);
      return response;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#running--;
    }
  }
}

export interface Served {
  readonly tpm: WatchedTpm;
  readonly server: TctiServer;
  client(second?: boolean): Promise<RawClient>;
}

/** Closed after the test, with its clients. */
export async function serve(t: Test, options: Partial<TctiOptions> = {}): Promise<Served> {
  const tpm = await WatchedTpm.start();
  const server = await TctiServer.listen(tpm, { framing: 'swtpm', address: { kind: 'tcp', port: 0 }, ...options });
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    await server.close();
  });
  return {
    tpm,
    server,
    client: async (second = false) => {
      const client = await RawClient.open(server.tcti, second);
      clients.push(client);
      return client;
    },
  };
}

/** Resolves once `condition` holds; a test that waits in vain is ended by its own limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
