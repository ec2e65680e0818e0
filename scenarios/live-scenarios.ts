/**
 * What the live system does, as scenarios: the toolstack drains the vTPM unless it was told not to, waits without limit, and
 * the vTPM is a part of its backend's process. Traces of live runs are followed through
 * the first three, which begin with the handshake; schedules of the others can be driven (docs/live-conformance.md).
 */
import type { Plan } from '../simulator/plan.js';
import { NO_FAULTS, type Scenario } from '../simulator/world-options.js';

const MIGRATE: Plan = { operation: 'migrate', ends: 'completes', drain: true, timeouts: false };

const base = {
  faults: NO_FAULTS,
  start: 'boot',
  slowCommandMilliseconds: 0,
  asPlanned: true,
  vtpmInBackend: true,
} as const;

export const LIVE_SCENARIOS: readonly Scenario[] = [
  { ...base, name: 'live', title: 'A live guest, which may be moved to another host.', plan: MIGRATE },
  {
    ...base,
    name: 'live-cancelled',
    title: 'A live guest is suspended, and goes on where it is.',
    plan: { ...MIGRATE, ends: 'cancelled' },
  },
  {
    ...base,
    name: 'live-undrained',
    title: 'A live guest is moved without asking its backend to quiesce first.',
    plan: { ...MIGRATE, drain: false },
  },
  {
    ...base,
    name: 'live-migration',
    title: 'A live guest that is connected is moved to another host.',
    plan: MIGRATE,
    start: 'connected',
  },
  {
    ...base,
    name: 'live-cancelled-suspend',
    title: 'A live guest that is connected is suspended, and goes on where it is.',
    plan: { ...MIGRATE, ends: 'cancelled' },
    start: 'connected',
  },
  {
    ...base,
    name: 'live-backend-restart',
    title: 'The backend of a live guest is killed, with its TPM, and started again.',
    plan: { ...MIGRATE, operation: 'none' },
    faults: { ...NO_FAULTS, backendKills: 1 },
    start: 'connected',
  },
  {
    ...base,
    name: 'live-toolstack-dies',
    title: 'A live guest is moved, and the toolstack dies once the guest has suspended.',
    plan: MIGRATE,
    faults: { ...NO_FAULTS, toolstackKills: 1 },
    start: 'connected',
  },
];

/** The scenario of a live run. */
export function liveScenario(run: { readonly drain: boolean; readonly cancelled: boolean }): Scenario {
  const name = run.cancelled ? 'live-cancelled' : run.drain ? 'live' : 'live-undrained';
  return LIVE_SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
}
