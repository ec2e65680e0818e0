/**
 * Makes the TPM behind a live backend: a new one, or the one whose state was kept.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { ReservedRoom } from '../files/reserved-room.js';
import type { HostConfig } from '../parts/config.js';
import { ModelDevice } from '../tpm/model-device.js';
import { SwtpmDevice } from '../tpm/swtpm-device.js';
import type { VtpmDevice, VtpmState } from '../tpm/vtpm-device.js';

/** TPM2_Startup(TPM_SU_CLEAR), which firmware sends before any guest runs. */
const STARTUP_CLEAR = Uint8Array.of(0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0);
/** Of the model's random numbers. */
const MODEL_SEED = 1;
/** For several permanent states, one in the place of the other. */
const ROOM_BYTES = 256 * 1024;
const DIRECTORY_PREFIX = 'tpm-';

export type VtpmHost = Pick<HostConfig, 'tpm' | 'startup' | 'directory'>;

export interface VtpmOptions {
  readonly host: VtpmHost;
  /** Called when the TPM is gone without having been told to. */
  readonly onLost: (why: unknown) => void;
}

/** `kept` is the state to go on with, null for a new TPM. */
export async function createVtpm(kept: VtpmState | null, { host, onLost }: VtpmOptions): Promise<VtpmDevice> {
  const device = host.tpm === 'model' ? await model(kept) : await swtpm(kept, host, onLost);
  if (kept === null && host.startup) await device.execute(STARTUP_CLEAR, { locality: 0 });
  return device;
}

async function model(kept: VtpmState | null): Promise<VtpmDevice> {
  const device = new ModelDevice({ seed: MODEL_SEED });
  if (kept !== null) await device.restoreState(kept);
  return device;
}

/** In a folder of its own: the TPM's files of before are not what is gone on with. */
async function swtpm(
  kept: VtpmState | null,
  { directory }: VtpmHost,
  onLost: (why: unknown) => void,
): Promise<VtpmDevice> {
  const former = readdirSync(directory).filter((name) => name.startsWith(DIRECTORY_PREFIX));
  for (const name of former) rmSync(`${directory}/${name}`, { recursive: true, force: true });
  const folder = `${directory}/${DIRECTORY_PREFIX}${process.pid}-${performance.now().toString(36).replace('.', '')}`;
  mkdirSync(folder, { mode: 0o700 });
  // On a full disk swtpm would make a new TPM of a state that it cannot write.
  const room = new ReservedRoom(`${directory}/tpm.room`, ROOM_BYTES);
  room.free();
  const device = await SwtpmDevice.start({ directory: folder, state: kept ?? 'new', onLost });
  room.take();
  return {
    execute: (command, options) => device.execute(command, options),
    executeBriefly: (command, options) => device.executeBriefly(command, options),
    couldNotWrite: () => device.couldNotWrite(),
    saveState: () => device.saveState(),
    saveStateBriefly: () => device.saveStateBriefly(),
    restoreState: (state) => device.restoreState(state),
    async close() {
      await device.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
