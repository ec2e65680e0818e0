/**
 * What each design must show in each race, and why: the race table as data.
 *
 * An entry names the oracle that fails, or none, and then what happens in some schedule, and nothing else may. Both come
 * from the argument, never from what an exploration printed; where the two differ for good, the difference is kept in
 * `device-identity-disagreements.ts`.
 */
import type { Design, Observation } from '../simulator/block-identity/setting.js';
import type { OracleName } from '../simulator/world-state.js';

export interface IdentityExpectation {
  /** What the race table says in its cell, shortened. */
  readonly table: string;
  /** The oracle that fails, or null. */
  readonly oracle: OracleName | null;
  /** Where none fails: all that is observed over all schedules, but for `INCIDENTAL`. */
  readonly seen: readonly Observation[];
  readonly why: string;
  /** The table has no entry for this design: the situation does not arise. What is shown then is not compared. */
  readonly notApplicable: boolean;
}

export type IdentityRow = { readonly [D in Design]: IdentityExpectation };

/** What may happen anywhere and decides nothing: an event without a node, a removal with nothing to remove. */
export const INCIDENTAL: ReadonlySet<Observation> = new Set(['ignores', 'finds-no-record']);

const fails = (oracle: OracleName, table: string, why: string): IdentityExpectation => ({
  table,
  oracle,
  seen: [],
  why,
  notApplicable: false,
});
const holds = (seen: string, table: string, why: string): IdentityExpectation => ({
  table,
  oracle: null,
  seen: seen.split(' ') as Observation[],
  why,
  notApplicable: false,
});
const none = (why: string): IdentityExpectation => ({ table: '-', oracle: null, seen: [], why, notApplicable: true });
const wrong = (why: string): IdentityExpectation => fails('right-device', 'wrong device', why);
const undetected = (why: string): IdentityExpectation => fails('right-device', 'undetected', why);
const all = (expectation: IdentityExpectation): IdentityRow => ({ P: expectation, I: expectation, O: expectation });

const BY_NUMBER = wrong('nothing but the number is compared, and the number is that of the new device');
const HELD = 'the script holds a reference until the backend has one: the number cannot be given to anybody else';
const RECYCLED: IdentityRow = {
  P: BY_NUMBER,
  I: holds(
    'exposes refuses finds-nothing add-fails',
    'refused',
    'the new device has another diskseq; between removal and creation there is none; before the script, the add fails',
  ),
  O: holds('exposes add-fails', 'cannot happen', HELD),
};
const KILLED = 'the kill closes the descriptor, so the number can be used again, with another diskseq';
const AFTER_CHECK = undetected('the backend compares once, when it opens, and never looks again');
const MALFORMED_O = holds(
  'malformed add-fails times-out',
  'fatal',
  'refused, so opened stays 0 until the script is killed',
);
const MALFORMED: IdentityRow = {
  P: none('the backend does not read the node'),
  I: holds('malformed', 'fatal', 'the strict parser refuses it, with a message'),
  O: MALFORMED_O,
};
const EXPOSED = holds('exposes', 'exposed', 'nothing is wrong with it');
const SAME_RETRY = 'a failed open takes no numbers, so the next write is tried';

export const IDENTITY_EXPECTED: { readonly [place: string]: IdentityRow } = {
  '01': RECYCLED,
  '02': {
    P: wrong('the nodes stay when the script dies, and the toolstack needs a while to remove them'),
    I: holds('exposes refuses finds-nothing add-fails open-though-failed', 'refused', KILLED),
    O: holds('exposes refuses finds-nothing add-fails open-though-failed', 'refused', KILLED),
  },
  '03': {
    P: holds('exposes add-fails', 'add fails', 'the backend has seen no number and stays in InitWait'),
    I: holds('exposes add-fails', 'add fails', 'the backend has seen no number and stays in InitWait'),
    O: holds('exposes add-fails', 'add fails, device cleaned up', 'the kill closes the last descriptor of the device'),
  },
  '04': {
    P: wrong('the number is there, and all that is looked at'),
    I: wrong('the identity is not there, and absent means no check'),
    O: wrong('the kill closes the descriptor, and absent means no check'),
  },
  '04b': {
    P: holds('exposes add-fails', 'add fails', 'killed before the number is written: there is nothing to open'),
    I: holds('exposes add-fails', 'hole closed', 'killed before the number is written: there is nothing to open'),
    O: holds('exposes add-fails', 'hole closed', 'killed before the number is written: there is nothing to open'),
  },
  '05': {
    P: holds('exposes', 'stale identity left', 'the stale identity is not looked at'),
    I: fails('no-false-refusal', 'refused', 'the stale identity belongs to another device: clean-up must delete both'),
    O: fails('no-false-refusal', 'refused', 'the stale identity belongs to another device: clean-up must delete both'),
  },
  '06': {
    P: none('no diskseq is read'),
    I: fails(
      'no-false-refusal',
      'refused (fail safe)',
      'attaching gives a new diskseq: the one that was read is stale',
    ),
    O: fails(
      'no-false-refusal',
      'refused (fail safe)',
      'attaching gives a new diskseq: the one that was read is stale',
    ),
  },
  '07': {
    P: wrong('the stock script leaves the loop device to whoever detaches it'),
    I: holds('exposes refuses', 'refused', 'both attach and detach give a new diskseq'),
    O: holds('exposes', 'prevented', 'a detach waits for the last close, and the script has it open'),
  },
  '07b': {
    P: wrong('the stock script leaves the loop device to whoever detaches it'),
    I: wrong('neither attach nor detach gives a new diskseq: the other file has the one that is expected'),
    O: holds('exposes', 'prevented', 'a detach waits for the last close, and the script has it open'),
  },
  '07c': {
    P: wrong('the stock script leaves the loop device to whoever detaches it'),
    I: holds(
      'exposes refuses exposes-nothing',
      'refused',
      'the attach gives a new diskseq; an empty device keeps the old',
    ),
    O: holds('exposes', 'prevented', 'a detach waits for the last close, and the script has it open'),
  },
  '07d': {
    P: wrong('the stock script leaves the loop device to whoever detaches it'),
    I: holds('exposes refuses', 'refused', 'the detach gives a new diskseq'),
    O: holds('exposes', 'prevented', 'a detach waits for the last close, and the script has it open'),
  },
  '07e': {
    P: wrong('a file is attached to the device that the backend has open'),
    I: holds('exposes refuses exposes-nothing', 'refused', 'attaching gives a new diskseq'),
    O: holds('exposes attach-busy', 'prevented', 'a detach waits for the last close, and the script has it open'),
  },
  '08': all(AFTER_CHECK),
  '09': {
    P: wrong('as the script ends the device goes, and its number to the next one'),
    I: holds('exposes refuses finds-nothing', 'ENOENT or refused', 'as the script ends the device goes'),
    O: holds('exposes', 'script waits', HELD),
  },
  '10': {
    P: none('the script does not wait'),
    I: none('the script does not wait'),
    O: holds(
      'times-out add-fails finds-nothing',
      'add fails, nothing found',
      'the script is killed at 40 s, which closes and deletes the device; at 60 s there is nothing to open',
    ),
  },
  '11': all(
    holds(
      'exposes add-fails open-though-failed',
      'exposed though add failed',
      'the backend opens as soon as it sees the node, whatever becomes of the script: the toolstack tears it down',
    ),
  ),
  '12': all(holds('exposes ignores', 'ignored', 'a watch fires when it is registered; without a node nothing is done')),
  '13': all(holds('exposes keeps-old', 'old device kept', 'the numbers are taken until the device is freed')),
  '14': {
    P: EXPOSED,
    I: holds('exposes keeps-old', 'old device kept', 'the identity that was taken stays'),
    O: holds('exposes keeps-old', 'old device kept', 'the identity that was taken stays'),
  },
  '15': all(holds('exposes finds-nothing retries', 'retried', SAME_RETRY)),
  '16': {
    P: holds('exposes finds-nothing retries', 'never latched', SAME_RETRY),
    I: holds('exposes malformed retries', 'never latched', 'refused as no device, and the next write is tried'),
    O: holds('exposes malformed retries', 'never latched', 'refused as no device, and the next write is tried'),
  },
  '17': {
    P: wrong('decimal is read as hexadecimal, which is another device'),
    I: holds('refuses', 'caught by identity', 'the other device has another diskseq'),
    O: holds('refuses add-fails times-out', 'caught by identity', 'the other device has another diskseq'),
  },
  '17b': {
    P: holds('exposes', 'junk tolerated', 'what follows the second number is not looked at'),
    I: holds('malformed', 'fatal', 'the strict parser refuses it, with a message'),
    O: MALFORMED_O,
  },
  '17c': {
    P: holds('malformed', 'fatal', 'one number is not two'),
    I: holds('malformed', 'fatal', 'the strict parser refuses it, with a message'),
    O: MALFORMED_O,
  },
  '17d': {
    P: holds('malformed', 'fatal', 'anything but two numbers is fatal'),
    I: holds('malformed', 'fatal', 'the strict parser refuses it, with a message'),
    O: MALFORMED_O,
  },
  '18': MALFORMED,
  '18b': MALFORMED,
  '18c': MALFORMED,
  '18d': MALFORMED,
  '18e': MALFORMED,
  '18f': {
    P: none('the backend does not read the node'),
    I: holds('exposes', 'accepted', 'hexadecimal digits may be in either case'),
    O: holds('exposes', 'accepted', 'hexadecimal digits may be in either case'),
  },
  '19': {
    P: fails('right-device', 'torn read', 'the number is read before the change, the mode after it'),
    I: holds('exposes keeps-old', 'consistent', 'one transaction reads both before the change, or both after it'),
    O: holds('exposes keeps-old', 'consistent', 'one transaction reads both before the change, or both after it'),
  },
  '19b': {
    P: holds('exposes malformed', 'fatal', 'a mode is needed'),
    I: holds('exposes malformed', 'fatal', 'a mode is needed'),
    O: holds('exposes malformed add-fails times-out', 'fatal', 'a mode is needed; opened stays 0'),
  },
  '20': all(holds('exposes exits-early', 'second exits', 'under the lock the second finds the number written')),
  '21': all(
    holds(
      'exposes add-fails attach-fails',
      'one fails',
      'the device that was found free is taken when it is attached to',
    ),
  ),
  '21b': {
    P: holds('exposes add-fails attach-fails', 'one fails', 'the stock script has two commands for it'),
    I: holds('exposes', 'avoided', 'finding and attaching are one step: the next free device is taken'),
    O: holds('exposes', 'avoided', 'finding and attaching are one step: the next free device is taken'),
  },
  '22': all(fails('one-writer', 'double write access', 'both check before either has written its number')),
  '22b': all(
    holds(
      'exposes busy add-fails',
      'lock needed',
      'the second checks after the first has written, and finds it in use',
    ),
  ),
  '23': all(
    fails('no-false-refusal', 'false refusal', 'numbers are compared, and the other one is of a former device'),
  ),
  '23b': {
    P: EXPOSED,
    I: holds('exposes', 'compare identity too', 'the former device had another diskseq'),
    O: holds('exposes', 'compare identity too', 'the former device had another diskseq'),
  },
  '24': {
    P: fails('right-device', "somebody else's device detached", 'the script detaches by the name in node'),
    I: holds('exposes detaches refuses-detach', 'refused', 'the script compares the diskseq with the device open'),
    O: holds('exposes detaches refuses-detach', 'refused', 'the script compares the diskseq with the device open'),
  },
  '25': all(
    holds('exposes marks-autoclear', 'autoclear set', 'the backend still has it open: detached when that closes'),
  ),
  '26': all(
    holds('exposes marks-autoclear attach-busy', 'deferred', 'detached by the last close; until then it is busy'),
  ),
  '27': {
    P: fails('no-leak', 'leak', 'which loop device it was stood in the nodes alone'),
    I: fails('no-leak', 'leak', 'which loop device it was stood in the nodes alone'),
    O: fails('no-leak', 'needs a private record', 'which loop device it was stood in the nodes alone'),
  },
  '28': {
    P: fails('no-leak', 'leak', 'the nodes are there, and no domain will ever use them'),
    I: fails('no-leak', 'leak', 'the nodes are there, and no domain will ever use them'),
    O: fails('no-leak', 'autoclear only if the backend lets go', 'the backend has it open and does not let go'),
  },
  '29': {
    P: wrong('the frontend is there already, and reads before the script has looked'),
    I: holds(
      'exposes refuses finds-nothing add-fails',
      'never',
      'the check is inside the backend, before anything is exposed',
    ),
    O: holds('exposes add-fails', 'never', HELD),
  },
  '29b': {
    P: holds(
      'exposes finds-nothing add-fails open-though-failed times-out',
      'the guest starts later',
      'the script looks before the guest starts, and fails where the device is not the one it found',
    ),
    I: RECYCLED.I,
    O: RECYCLED.O,
  },
  '30': {
    P: holds('exposes add-fails attach-fails', 'device survives', 'the loop device stays attached without any opener'),
    I: holds('exposes', 're-open re-checks', 'the loop device stays attached, and its diskseq is compared again'),
    O: holds(
      'exposes refuses finds-nothing',
      'fails cleanly',
      'the device went with its last opener: there is none, or another one, which is refused',
    ),
  },
  '30b': {
    P: wrong('another file has the number when the backend opens again'),
    I: holds('exposes refuses', 're-open re-checks', 'the other file has another diskseq'),
    O: holds('exposes refuses finds-nothing', 'fails cleanly', 'the device went with its last opener'),
  },
  '31': {
    P: none('the devices of this design are not deleted on close'),
    I: none('the devices of this design are not deleted on close'),
    O: holds('exposes add-fails', 'device gone, add fails', 'the last close was that of the backend before the reboot'),
  },
  '32': {
    P: none('no identity travels'),
    I: holds('exposes', 'rewritten', 'the script of the destination writes what its own kernel says'),
    O: holds('exposes', 'rewritten', 'the script of the destination writes what its own kernel says'),
  },
  '32b': {
    P: wrong('the number means another device on the destination'),
    I: holds('exposes refuses', 'must be rewritten', 'numbers are per kernel: the copied diskseq does not match'),
    O: holds('exposes refuses', 'must be rewritten', 'numbers are per kernel: the copied diskseq does not match'),
  },
  '33': all(holds('exposes', 'unchanged', 'a cancelled suspend touches no backend')),
  '33b': all(holds('exposes', 'still matches', 'the device is opened again, and it is the same')),
  '33c': {
    P: BY_NUMBER,
    I: holds(
      'exposes refuses finds-nothing',
      'must still match',
      'the new device has another diskseq, or there is none',
    ),
    O: holds(
      'exposes refuses finds-nothing',
      'must still match',
      'no script holds the device when the backend opens it again; the check is the same',
    ),
  },
  '34': all(wrong('numbers begin again, and so do diskseqs: both may coincide with those of another device')),
  '34b': {
    P: wrong('the boot id is not looked at'),
    I: holds('exposes refuses', 'boot id', 'an identity of another boot never matches'),
    O: holds('exposes refuses', 'boot id', 'an identity of another boot never matches'),
  },
  '35': RECYCLED,
  '36': all(undetected('a new table is no change of medium: number and diskseq stay')),
  '37': {
    P: BY_NUMBER,
    I: RECYCLED.I,
    O: none('there is no script that could hold a descriptor'),
  },
  '38': all(undetected('the contents change and nothing else: it protects against accidents, not against malice')),
  '39': RECYCLED,
  '40': all(AFTER_CHECK),
};
