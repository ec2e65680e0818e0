/**
 * The races of `device-identity.ts` for the volume that the state of a guest's vTPM lies on: the same script, the same
 * nodes, in the directory of the vTPM, and a tpmback that opens the volume before it says that the vTPM is ready. To open
 * a wrong one is worse than with a disk: the guest would unseal with, and extend, the TPM of another guest.
 *
 * What each design must show is the same as for a disk: nothing in the arguments depends on what the device is for.
 */
import { IDENTITY_SCENARIOS } from './device-identity.js';
import { type IdentityScenario, VTPM_PREFIX } from './identity-scenario.js';

export const VTPM_VOLUME_SCENARIOS: readonly IdentityScenario[] = IDENTITY_SCENARIOS.map((scenario) => ({
  ...scenario,
  name: VTPM_PREFIX + scenario.place,
  setting: { ...scenario.setting, use: 'vtpm' },
}));
