/**
 * The catalogue of hazards: everything that is known to go wrong, and what shows it here.
 */
import { CANCEL_AND_RESUME } from './cancel-and-resume.js';
import { DEVICE_STATE } from './device-state.js';
import type { Hazard } from './hazard.js';
import { IN_FLIGHT } from './in-flight.js';
import { NOTIFICATIONS_AND_GRANTS } from './notifications-and-grants.js';
import { OBSERVED } from './observed.js';
import { SECURITY } from './security.js';
import { XENSTORE_AND_BUS } from './xenstore-and-bus.js';

export const HAZARDS: readonly Hazard[] = [
  ...CANCEL_AND_RESUME,
  ...IN_FLIGHT,
  ...DEVICE_STATE,
  ...XENSTORE_AND_BUS,
  ...NOTIFICATIONS_AND_GRANTS,
  ...SECURITY,
  ...OBSERVED,
];
