/**
 * The situations of the verdict table, and those beside it.
 *
 * The verdict expected of each driver is derived from the argument given with it, never from what an exploration
 * printed: where the two differ, one of them is wrong.
 */
import type { Plan } from '../simulator/plan.js';
import { NO_FAULTS, type Scenario } from '../simulator/world-options.js';

/** Longer than the 301 s of the 2006 driver, and than libxl's 60 s: a key generation on a slow TPM. */
export const SLOW_MILLISECONDS = 320_000;

const MIGRATE: Plan = { operation: 'migrate', ends: 'completes', drain: false, timeouts: true };

const base = { plan: MIGRATE, faults: NO_FAULTS, start: 'connected', slowCommandMilliseconds: 0 } as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    ...base,
    name: 'clean-migration',
    title: 'The guest is suspended, saved, restored on another host; the source ends.',
  },
  {
    ...base,
    name: 'cancelled-suspend',
    title: 'The migration is given up as soon as the guest has suspended; it goes on where it is.',
    plan: { ...MIGRATE, ends: 'cancelled' },
  },
  {
    ...base,
    name: 'save-fails',
    title: "The image cannot be written whole (the target's disk is full); the guest goes on where it is.",
    plan: { ...MIGRATE, ends: 'save-fails' },
  },
  {
    ...base,
    name: 'restore-fails',
    title: 'The target refuses the image after guest and vTPM have been saved; the source goes on.',
    plan: { ...MIGRATE, ends: 'restore-fails' },
  },
  {
    ...base,
    name: 'toolstack-dies',
    title: 'The toolstack dies at any step after the suspend; its successor recovers the domain in place, or finishes.',
    faults: { ...NO_FAULTS, toolstackKills: 1 },
  },
  {
    ...base,
    name: 'slow-command',
    title: 'The guest is migrated while a command takes 320 s.',
    slowCommandMilliseconds: SLOW_MILLISECONDS,
  },
  {
    ...base,
    name: 'backend-restart',
    title: 'The backend is killed between any two stores and started again on the same nodes.',
    plan: { ...MIGRATE, operation: 'none' },
    faults: { ...NO_FAULTS, backendKills: 1 },
  },
  {
    ...base,
    name: 'checkpoint',
    title: 'The guest and its vTPM are saved, and the guest goes on.',
    plan: { ...MIGRATE, operation: 'checkpoint' },
  },
  {
    ...base,
    name: 'save-restore',
    title: 'The guest is saved to a file, its devices are removed, and it is restored on the same host.',
    plan: { ...MIGRATE, operation: 'save-restore' },
  },
  {
    ...base,
    name: 'connect',
    title: 'Front and back end find each other, from the creation of the domain on.',
    plan: { ...MIGRATE, operation: 'none' },
    start: 'boot',
  },
  {
    ...base,
    name: 'spurious-event',
    title: 'One event that nobody sent reaches either end.',
    plan: { ...MIGRATE, operation: 'none' },
    faults: { ...NO_FAULTS, spuriousEvents: 1 },
  },
  {
    ...base,
    name: 'both-copies-run',
    title: 'The last handshake of a migration is lost: the source is let run although the target runs.',
    faults: { ...NO_FAULTS, doubleResumes: 1 },
  },
];

/** The columns of the verdict table, in order. */
export const CHECK_SCENARIOS: readonly string[] = [
  'clean-migration',
  'cancelled-suspend',
  'save-fails',
  'restore-fails',
  'toolstack-dies',
  'slow-command',
  'backend-restart',
  'checkpoint',
];
