/**
 * The shortest schedules that show the hazards: kept as text, checked by the test of the catalogue.
 */
import { BLOCK_SCHEDULES } from './schedules/block.js';
import { CANCEL_AND_RESUME_SCHEDULES } from './schedules/cancel-and-resume.js';
import { IN_FLIGHT_SCHEDULES } from './schedules/in-flight.js';
import { OTHER_SCHEDULES } from './schedules/other.js';

const SCHEDULES: ReadonlyMap<string, string> = new Map(
  [CANCEL_AND_RESUME_SCHEDULES, IN_FLIGHT_SCHEDULES, OTHER_SCHEDULES, BLOCK_SCHEDULES].flatMap((group) =>
    Object.entries(group),
  ),
);

/** Names of the hazards that have one. */
export const SCHEDULED: readonly string[] = [...SCHEDULES.keys()];

/** Names of the steps of a shortest schedule that shows the hazard; empty where none is known. */
export function scheduleOf(hazard: string): readonly string[] {
  return SCHEDULES.get(hazard)?.trim().split('\n') ?? [];
}
