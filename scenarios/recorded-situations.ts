/**
 * What a recording of a real Xen may have been made in: the scenarios in which nothing is made to fail that cannot be
 * seen, the likeliest first, and three that are no scenarios of
 * their own because no driver can fail in them.
 */
import type { Situation } from '../simulator/conformance/conform.js';
import { find } from '../simulator/drivers.js';
import type { Scenario } from '../simulator/world-options.js';
import { SCENARIOS } from './scenarios.js';

function scenario(name: string): Scenario {
  return find('scenario', SCENARIOS, name);
}

/** Both ends are connected, and only the user of the TPM does anything. */
const AT_WORK: Scenario = {
  ...scenario('connect'),
  name: 'at-work',
  title: 'Both ends are connected, and the guest gives commands to its TPM.',
  start: 'connected',
};

export const RECORDED_SITUATIONS: readonly Situation[] = [
  { scenario: AT_WORK, interference: 'none' },
  { scenario: scenario('connect'), interference: 'none' },
  { scenario: scenario('checkpoint'), interference: 'none' },
  { scenario: scenario('save-fails'), interference: 'none' },
  { scenario: scenario('cancelled-suspend'), interference: 'none' },
  { scenario: scenario('save-restore'), interference: 'none' },
  { scenario: scenario('clean-migration'), interference: 'none' },
  { scenario: scenario('restore-fails'), interference: 'none' },
  { scenario: scenario('backend-restart'), interference: 'none' },
  { scenario: scenario('toolstack-dies'), interference: 'none' },
  { scenario: { ...scenario('checkpoint'), name: 'paused-checkpoint' }, interference: 'pause' },
  { scenario: { ...AT_WORK, name: 'destroyed' }, interference: 'destroy' },
];
