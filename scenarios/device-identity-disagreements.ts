/**
 * Where the explorer and the race table disagree, with the schedule that decides, and who is right.
 *
 * An entry stands here only when the argument of the table was gone through again and does not hold, or does not cover
 * the situation. The test of all rows asks that the explorer still finds exactly this, and that the schedule leads there.
 */
import type { Design } from '../simulator/block-identity/setting.js';
import type { OracleName } from '../simulator/world-state.js';
import { IDENTITY_EXPECTED, type IdentityExpectation } from './device-identity-expected.js';

export interface Disagreement {
  /** What follows `device-identity/` in the name of the scenario. */
  readonly place: string;
  readonly design: Design;
  /** What the explorer finds: the oracle that fails, or null. */
  readonly found: OracleName | null;
  /** Who is right, and why. */
  readonly right: 'explorer' | 'table';
  readonly why: string;
  /** Choices that lead to the failure; where none fails, none. */
  readonly schedule: readonly string[];
}

const REMOVED_AFTER_KILL = [
  'fault/script1 is killed',
  'toolstack.run/wait_script',
  'toolstack.run/teardown',
  'blkback1/close',
  'toolstack.run/wait_closed',
  'toolstack.run/remove_script',
  'script1.remove/find',
  'toolstack.run/wait_removed',
  'toolstack.run/forget',
];

export const DISAGREEMENTS: readonly Disagreement[] = [
  {
    place: '03',
    design: 'P',
    found: 'no-leak',
    right: 'explorer',
    why:
      'the table looks at the backend alone. A script that is killed after it has attached the file and before it has ' +
      'written the node of that name leaves a loop device that no removal will ever find',
    schedule: [
      'toolstack.run/script',
      'script1.add/lock',
      'script1.add/look',
      'script1.add/find',
      'script1.add/attach',
      ...REMOVED_AFTER_KILL,
    ],
  },
  {
    place: '03',
    design: 'I',
    found: 'no-leak',
    right: 'explorer',
    why:
      'as with P; and a script that is killed between the name of the loop device and its identity leaves one that the ' +
      'removal refuses to detach, because there is nothing to compare it with',
    schedule: [
      'toolstack.run/script',
      'script1.add/lock',
      'script1.add/look',
      'script1.add/find',
      ...REMOVED_AFTER_KILL,
    ],
  },
  {
    place: '07e',
    design: 'I',
    found: 'right-device',
    right: 'explorer',
    why:
      'the table has it that a new diskseq at attach or at detach is enough. Where only the attach gives one, the empty ' +
      'device still has the diskseq that is expected: the backend opens it, and never looks again when a file comes',
    schedule: [
      'toolstack.run/script',
      'script1.add/lock',
      'script1.add/look',
      'script1.add/find',
      'script1.add/record',
      'script1.add/identify',
      'script1.add/share',
      'script1.add/publish',
      'script1.add/status',
      'script1.add/unlock',
      'script1.add/exit',
      'toolstack.run/wait_script',
      'toolstack.run/unpause',
      'blkback1.watch/event',
      'blkback1.watch/read',
      'guest1.blkfront/connect',
      'fault/others detach loop0',
      'blkback1.watch/open',
      'blkback1.watch/compare',
      'blkback1.connect/expose',
      'fault/others attach a file to loop0',
    ],
  },
  {
    place: '17d',
    design: 'P',
    found: 'refusal-shown',
    right: 'explorer',
    why:
      'the facts have it that anything but two numbers is fatal. The scan of an empty value converts nothing, which the ' +
      'backend takes for a node that is not there: it stays in InitWait without a word',
    schedule: [
      'toolstack.run/script',
      'script1.add/lock',
      'script1.add/look',
      'script1.add/find',
      'script1.add/share',
      'script1.add/publish_number',
      'script1.add/status',
      'script1.add/unlock',
      'script1.add/exit',
      'toolstack.run/wait_script',
      'toolstack.run/unpause',
      'blkback1.watch/event',
      'blkback1.watch/read_number',
      'guest1.blkfront/connect',
    ],
  },
  {
    place: '27',
    design: 'O',
    found: null,
    right: 'explorer',
    why:
      'the loop devices of this design are deleted at their last close: as the backend closes, the device goes without ' +
      'any record. A private record is needed only where the design is used without delete-on-close',
    schedule: [],
  },
];

/** What the race table expects; undefined where there is no such row. */
export function tableExpectation(place: string, design: Design): IdentityExpectation | undefined {
  return Object.hasOwn(IDENTITY_EXPECTED, place) ? IDENTITY_EXPECTED[place]?.[design] : undefined;
}

export function disagreementOf(place: string, design: Design): Disagreement | undefined {
  return DISAGREEMENTS.find((entry) => entry.place === place && entry.design === design);
}
