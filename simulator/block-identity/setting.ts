/**
 * What an exploration of block device identity is about: the design of the backend and its script, and the situation.
 */
import { assert } from '../../protocol/assert.js';
import type { DaemonName } from '../../xenstore-sim/index.js';
import type { DeviceUse } from './nodes.js';

/**
 * `P`: the backend opens by major:minor alone. `I`: the script writes the diskseq too, and the backend compares after it
 * has opened. `O`: as I, and the script keeps its own descriptor until the backend says that it has opened.
 */
export type Design = 'P' | 'I' | 'O';

export const DESIGNS: readonly { readonly name: Design; readonly title: string }[] = [
  { name: 'P', title: 'opens by major:minor alone, as blkback does today' },
  { name: 'I', title: 'the script writes the diskseq too; the backend compares it with what it has opened' },
  { name: 'O', title: 'as I, and the script keeps its descriptor until the backend has written opened = 1' },
];

/** How a design goes about it. */
export interface Policy {
  /** All nodes are read in one transaction, and strictly; otherwise one after the other, as scanf does. */
  readonly strict: boolean;
  /** The script writes an identity, and the backend compares it. */
  readonly identity: boolean;
  /** The backend writes `opened`, and the script waits for it with its descriptor open. */
  readonly opened: boolean;
}

export function policyOf(design: Design): Policy {
  const better = design !== 'P';
  return { strict: better, identity: better, opened: design === 'O' };
}

/** What the guest's disk is. A `file` is attached to a loop device by the script. */
export type Source = 'volume' | 'file' | 'partition' | 'removable';

export interface KernelRules {
  /** Attaching a file to a loop device, or detaching it, gives the device a new diskseq. */
  readonly renumberOnAttach: boolean;
  readonly renumberOnDetach: boolean;
  /** LOOP_CLR_FD: `now` detaches at once for the sole opener (up to 6.10), `deferred` at the last close (6.11). */
  readonly clear: 'now' | 'deferred';
  /** The first diskseq after a boot. */
  readonly firstSequence: number;
}

export interface ScriptRules {
  /** It writes an identity even where the backend does not look at it. */
  readonly alwaysIdentity: boolean;
  /** Which of the nodes is written first, where an identity is written. */
  readonly order: 'transaction' | 'identity-first' | 'number-first';
  /** Scripts exclude each other. */
  readonly lock: boolean;
  /** It goes on although physical-device is there. */
  readonly overwrites: boolean;
  /** A loop device is found and configured in one call; otherwise in two commands. */
  readonly oneCall: boolean;
  /** The diskseq of a loop device is read before the file is attached. */
  readonly readsTooEarly: boolean;
  /** How the number, and the diskseq, are written. */
  readonly number: 'hex' | 'junk' | 'one' | 'empty' | 'decimal';
  readonly sequence: 'hex' | 'empty' | 'long' | 'leading-zero' | 'zero' | 'letter' | 'upper';
  /** What the sharing check compares with other backend directories. */
  readonly sharing: 'none' | 'number' | 'identity';
  /** It looks at what the backend has opened, and fails where that is not what it meant. */
  readonly verifies: boolean;
}

/** When something may happen. */
export type Moment =
  | 'any'
  | 'unwritten'
  | 'identity-only'
  | 'number-only'
  | 'written'
  | 'killed'
  | 'opened'
  | 'refused'
  | 'crashed'
  | 'resumed'
  | 'removing';

/** What other users of the host's devices do; each once. */
export type OtherAction =
  /** Removes volume (or disk) A, if nobody has it open; makes one of another name with the lowest free number. */
  | 'remove'
  | 'create'
  /** Makes A again: the same name, another life. */
  | 'recreate'
  /** Detaches the file of the first loop device; attaches another to the lowest free one, or to the first. */
  | 'detach'
  | 'attach'
  | 'attach-first'
  /** Changes what is behind the device: by a new table or by the storage, or as a change of medium with a new diskseq. */
  | 'swap'
  | 'change-medium'
  /** Writes nodes of the backend directory. */
  | 'write-zero'
  | 'write-absent'
  | 'write-number'
  | 'write-sequence'
  | 'write-other-and-mode'
  | 'remove-mode';

export interface Other {
  readonly action: OtherAction;
  readonly when: Moment;
}

/**
 * `add`: a device is added. `remove`: and removed again. `again`: where that fails or is refused, a second script runs
 * on the same nodes. `twice`: two scripts run at once. `udev`: a script runs without toolstack. `reboot-guest`: the
 * device is removed and added anew. `cancel`, `resume`: the guest is suspended, and goes on or connects anew.
 * `reboot-host`: the nodes are kept, the kernel's numbers begin again. `migrate`, `migrate-copied`: to another host,
 * whose script runs, or whose nodes are copies. `kept`: somebody notes number and diskseq and writes them later.
 */
export type IdentityPlan =
  | 'add'
  | 'remove'
  | 'again'
  | 'twice'
  | 'udev'
  | 'reboot-guest'
  | 'cancel'
  | 'resume'
  | 'reboot-host'
  | 'migrate'
  | 'migrate-copied'
  | 'kept';

export interface IdentitySetting {
  readonly use: DeviceUse;
  readonly source: Source;
  readonly plan: IdentityPlan;
  /** The exploration begins before the backend has probed; otherwise in InitWait. */
  readonly probes: boolean;
  /** The guest runs already, so the ring may be connected before the script has finished. */
  readonly hotAdd: boolean;
  /** `w` or `r`. */
  readonly mode: 'w' | 'r';
  /** The device is deleted at its last close; by design when absent: a loop device of O's script is. */
  readonly deletesOnClose?: boolean;
  readonly kernel: KernelRules;
  readonly script: ScriptRules;
  /** The second script of plan `again` is one that knows no identity, and is given volume B. */
  readonly secondIsOld: boolean;
  readonly others: readonly Other[];
  /** When the script may be killed, once. */
  readonly scriptKill: Moment | null;
  readonly toolstackKill: boolean;
  readonly backendKill: boolean;
  /** Milliseconds the backend takes to open, and to close. */
  readonly slowOpen: number;
  readonly slowClose: number;
  /** Two guests are given the same volume. */
  readonly twoGuests: boolean;
  /** A backend directory is there whose device is long gone; its number is used again. */
  readonly staleDirectory: boolean;
  /** The toolstack removes the nodes before it runs the script. */
  readonly forgetsFirst: boolean;
  /** The identity has a boot id. */
  readonly bootId: boolean;
  /** The xenstored; `USUAL_DAEMON` when absent. */
  readonly daemon?: DaemonName;
}

export const USUAL_SETTING: IdentitySetting = {
  use: 'vbd',
  source: 'volume',
  plan: 'add',
  probes: false,
  hotAdd: false,
  mode: 'w',
  // The first diskseq is 10, so that its hexadecimal form has a letter.
  kernel: { renumberOnAttach: true, renumberOnDetach: true, clear: 'now', firstSequence: 10 },
  script: {
    alwaysIdentity: false,
    order: 'transaction',
    lock: true,
    overwrites: false,
    oneCall: true,
    readsTooEarly: false,
    number: 'hex',
    sequence: 'hex',
    sharing: 'number',
    verifies: false,
  },
  secondIsOld: false,
  others: [],
  scriptKill: null,
  toolstackKill: false,
  backendKill: false,
  slowOpen: 0,
  slowClose: 0,
  twoGuests: false,
  staleDirectory: false,
  forgetsFirst: false,
  bootId: false,
};

/** Things that happen in some schedule, besides what an oracle says of it. */
export const OBSERVATIONS = [
  { name: 'exposes', title: 'the backend exposes a device' },
  { name: 'exposes-nothing', title: 'the backend exposes a loop device without a file' },
  { name: 'refuses', title: 'the backend refuses a device of another identity' },
  { name: 'finds-nothing', title: 'the backend finds no device of that number' },
  { name: 'malformed', title: 'the backend refuses a malformed or missing node' },
  { name: 'ignores', title: 'the backend gets an event and finds no number' },
  { name: 'keeps-old', title: 'the backend keeps its device, whatever the nodes say now' },
  { name: 'retries', title: 'the backend opens a device after it has refused one' },
  { name: 'add-fails', title: 'the toolstack gives the device up' },
  { name: 'open-though-failed', title: 'the toolstack gives up a device that the backend has open' },
  { name: 'exits-early', title: 'a script finds the number written, and leaves' },
  { name: 'busy', title: 'a script finds the device shared' },
  { name: 'attach-fails', title: 'a script finds its free loop device taken' },
  { name: 'detaches', title: 'a script detaches a loop device' },
  { name: 'refuses-detach', title: 'a script does not detach a loop device of another identity' },
  { name: 'marks-autoclear', title: 'a detach is put off to the last close' },
  { name: 'finds-no-record', title: 'a script finds no name of a loop device to detach' },
  { name: 'times-out', title: 'the toolstack kills the script after 40 s' },
  { name: 'attach-busy', title: 'somebody else finds the loop device still attached' },
] as const;

export type Observation = (typeof OBSERVATIONS)[number]['name'];

/** Which guests have a device in this world. */
export function guestsOf(setting: IdentitySetting): readonly number[] {
  assert(!(setting.twoGuests && setting.staleDirectory), 'setting: the second directory is stale or in use, not both');
  return setting.twoGuests || setting.staleDirectory ? [1, 2] : [1];
}
