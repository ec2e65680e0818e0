/**
 * State blobs out of an swtpm and into it, in the only order that works, with what swtpm does not check checked here.
 * Callers see to it that no command executes meanwhile: swtpm serves its control channel first, so that a blob asked for
 * along with a command would lack what that command did.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { PTM_INIT_FLAG_DELETE_VOLATILE } from '../../protocol/tpm/ptm.js';
import type { ControlChannel } from './control-channel.js';
import type { StateDirectory } from './state-directory.js';
import { newState, type StateBlobKind, type VtpmState } from './vtpm-state.js';

/** Permanent first: without it a target refuses the volatile one. */
const ORDER = ['permanent', 'volatile', 'savestate'] as const satisfies readonly StateBlobKind[];

/**
 * Bytes by which the volatile state of a TPM differs from the one it was just restored from, at most: a dozen counters of
 * 8 bytes that go with the clock, and a digest of 20. Measured on swtpm 0.7.1 in blobs of 9 to 11 kB: 25 to 36. Another
 * TPM, or the same one after a power cycle, differs in hundreds, or in its length.
 */
const CLOCK_BYTES_MAX = 128;

/** The state of a TPM that runs. */
export async function readState(control: ControlChannel): Promise<VtpmState> {
  const permanent = await control.stateBlob('permanent');
  if (permanent === null)
    throw new QuiesceError(
      'TPM_CONTROL_REFUSED',
      'swtpm: expected a permanent state, found none: it has lost its storage',
    );
  const volatile = await control.stateBlob('volatile');
  const savestate = await control.stateBlob('savestate');
  return newState('swtpm', { permanent, volatile, savestate });
}

/** The permanent blob that was read last, and which version of its file that was. */
export interface PermanentCache {
  readonly version: string;
  readonly bytes: Uint8Array;
}

/**
 * The same in one or two short waits, for which the thread blocks; null where they are too short. A permanent blob whose
 * file is still the one that was read last is not read again, and a savestate, which no TPM 2.0 has, not at all.
 */
export function readStateBriefly(
  control: ControlChannel,
  directory: StateDirectory,
  last: PermanentCache | null,
): { readonly state: VtpmState; readonly permanent: PermanentCache | null } | null {
  const known = last !== null && last.version === directory.permanentVersion ? last.bytes : undefined;
  const permanent = known ?? control.stateBlobBriefly('permanent');
  if (permanent === undefined) return null;
  const volatile = control.stateBlobBriefly('volatile');
  if (volatile === undefined) return null;
  const state = newState('swtpm', { permanent, volatile, savestate: null });
  if (known !== undefined) return { state, permanent: last };
  // Asked for last: swtpm sets the mode of a file that it reads, which is a new version too. No command has come since.
  const version = directory.permanentVersion;
  return { state, permanent: version === null ? null : { version, bytes: permanent } };
}

/**
 * Replaces the state of a TPM and powers it on with it. Throws `BAD_STATE_BLOB` when swtpm refuses a blob, or when what
 * it then holds is something else; the TPM behind `control` must not be used then. `state` has been checked before.
 */
export async function writeState(control: ControlChannel, state: VtpmState): Promise<void> {
  await control.stop();
  for (const kind of ORDER) {
    const blob = state[kind];
    if (blob === null) continue;
    const result = await control.setStateBlob(kind, blob.bytes);
    if (result !== 0) refuse(`swtpm refused the ${kind} blob: expected result 0, found 0x${result.toString(16)}`);
  }
  await control.init(PTM_INIT_FLAG_DELETE_VOLATILE);
  await checkTaken(control, state);
}

/** Whatever swtpm said, a TPM with other seeds or one that did not resume must not pass for the one that was saved. */
async function checkTaken(control: ControlChannel, state: VtpmState): Promise<void> {
  const permanent = await control.stateBlob('permanent');
  if (permanent === null || differences(permanent, state.permanent.bytes) !== 0)
    refuse('expected to read back the permanent blob as it was given, found another: swtpm has made a new TPM');
  if (state.volatile === null) return;
  const volatile = await control.stateBlob('volatile');
  const differing = volatile === null ? Number.POSITIVE_INFINITY : differences(volatile, state.volatile.bytes);
  if (differing > CLOCK_BYTES_MAX) {
    refuse(
      'expected to read back the volatile blob with nothing but its clocks changed ' +
        `(${CLOCK_BYTES_MAX} bytes), found ${differing} bytes changed: the TPM did not resume`,
    );
  }
}

/** Bytes that differ; infinite when the lengths do. */
export function differences(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count;
}

function refuse(what: string): never {
  throw new QuiesceError('BAD_STATE_BLOB', `vTPM state refused: ${what}`);
}
