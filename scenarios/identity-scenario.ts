/**
 * How a scenario of the device identity is written down: the usual setting, and what differs from it.
 */
import {
  type IdentitySetting,
  type KernelRules,
  type ScriptRules,
  USUAL_SETTING,
} from '../simulator/block-identity/setting.js';

export interface IdentityScenario {
  /** `device-identity/07`, `vtpm-volume/07` */
  readonly name: string;
  /** `07`: what follows the prefix. */
  readonly place: string;
  /** Row of the race table. */
  readonly row: number;
  /** A few words, for the verdict table. */
  readonly label: string;
  readonly title: string;
  readonly setting: IdentitySetting;
}

type Overrides = Partial<Omit<IdentitySetting, 'script' | 'kernel'>> & {
  readonly script?: Partial<ScriptRules>;
  readonly kernel?: Partial<KernelRules>;
};

const PREFIX = 'device-identity/';
export const VTPM_PREFIX = 'vtpm-volume/';

export function scenario(
  place: string,
  label: string,
  title: string,
  { script, kernel, ...rest }: Overrides = {},
): IdentityScenario {
  return {
    name: PREFIX + place,
    place,
    row: Number.parseInt(place, 10),
    label,
    title,
    setting: {
      ...USUAL_SETTING,
      ...rest,
      script: { ...USUAL_SETTING.script, ...script },
      kernel: { ...USUAL_SETTING.kernel, ...kernel },
    },
  };
}

/** Whether a name is meant to be one of these scenarios, though there may be none of that name. */
export function isIdentityName(name: string): boolean {
  return name.startsWith(PREFIX) || name.startsWith(VTPM_PREFIX);
}
