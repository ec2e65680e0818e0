/**
 * Options that say which world of the device identity a command is about. Such a world has no vTPM, so the options of
 * one are refused.
 */
import { IDENTITY_SCENARIOS } from '../scenarios/device-identity.js';
import { type IdentityScenario, isIdentityName } from '../scenarios/identity-scenario.js';
import { VTPM_VOLUME_SCENARIOS } from '../scenarios/vtpm-volume.js';
import { DESIGNS, type Design } from '../simulator/block-identity/setting.js';
import { find } from '../simulator/drivers.js';
import { DAEMONS } from '../simulator/world-options.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import { type Arguments, type OptionSpecs, usage } from './arguments.js';

const USUAL_DESIGN: Design = 'I';

export const DESIGN_NAMES: readonly Design[] = DESIGNS.map(({ name }) => name);

export const DESIGN_OPTIONS: OptionSpecs = {
  design: {
    value: DESIGN_NAMES.join('|'),
    help: `of a device-identity or vtpm-volume scenario: the design (${USUAL_DESIGN})`,
  },
};

const OF_A_VTPM = ['tpmfront', 'tpmback', 'session', 'commands', 'grain'] as const;

export interface IdentityPair {
  readonly scenario: IdentityScenario;
  readonly design: Design;
}

/**
 * The scenario and design that the options name; null where they name a pair of vTPM drivers. Throws `USAGE` for options
 * that do not go together, `UNKNOWN_NAME` for a scenario there is not.
 */
export function identityOf(args: Arguments): IdentityPair | null {
  const name = args.text('scenario');
  const design = args.oneOf('design', DESIGN_NAMES);
  if (name === undefined || !isIdentityName(name)) {
    if (design !== undefined)
      throw usage(
        '--design: expected a scenario device-identity/NN or vtpm-volume/NN with it; other scenarios take --tpmfront',
      );
    return null;
  }
  const foreign = OF_A_VTPM.find((option) => args.text(option) !== undefined);
  if (foreign !== undefined)
    throw usage(`--${foreign}: ${name} is about a block device; choose with --design ${DESIGN_NAMES.join('|')}`);
  return { scenario: findIdentity(name, args.oneOf('daemon', DAEMONS)), design: design ?? USUAL_DESIGN };
}

/** With the usual xenstored, or with `daemon`. Throws `UNKNOWN_NAME` with the scenarios there are. */
export function findIdentity(name: string, daemon?: DaemonName): IdentityScenario {
  const scenario = find('scenario', [...IDENTITY_SCENARIOS, ...VTPM_VOLUME_SCENARIOS], name);
  return daemon === undefined ? scenario : { ...scenario, setting: { ...scenario.setting, daemon } };
}
