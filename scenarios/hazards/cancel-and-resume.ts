/**
 * Failures of cancel and resume: F1 to F16.
 */
import { findTpmfront } from '../../simulator/drivers.js';
import { SUSPEND_MILLISECONDS } from '../../simulator/plan.js';
import { RefusingTpmfront } from './designs/refusing.js';
import { ResumesInSourceTpmfront, StaleStateTpmfront, WaitingMiniOsTpmfront } from './designs/resumes.js';
import { type Hazard, notReproduced, tested } from './hazard.js';
import { changed, design, frontOf, waitLoop } from './worlds.js';

const THREAD = 'thread on tpmfront and suspend, November 2006';
const cutHandshake = changed('cancelled-suspend', { start: 'boot' });
const slower = changed('slow-command', { slowCommandMilliseconds: SUSPEND_MILLISECONDS + 1 });
const refusing = frontOf('quiesce', (services) => new RefusingTpmfront(services));
/** The driver of March 2007: it has a hook for a cancelled suspend, and writes no state at suspend. */
const march2007 = waitLoop({ rounds: 0, closes: 'never', cancelHook: true });

export const CANCEL_AND_RESUME: readonly Hazard[] = [
  {
    name: 'F1',
    title: 'A suspend is cancelled and the driver has no cancel hook: its lock is held for ever.',
    source: THREAD,
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design('wait-loop of November 2006', 'wait-loop', 'cancelled-suspend'),
      avoids: design('wait-loop with suspend_cancel and without Closing (March 2007)', march2007, 'cancelled-suspend'),
    },
  },
  {
    name: 'F2',
    title: 'A cancel that the store does not take part in: every client of xenstore in the guest blocks.',
    source: 'xen 931818cacb',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design('a kernel without xs_suspend_cancel', 'quiesce', cutHandshake, { kernel: 'without-store-cancel' }),
      avoids: design('a kernel with it', 'quiesce', cutHandshake),
    },
  },
  {
    name: 'F3',
    title: 'A full resume in the source: a new ring is offered, and the backend, still Connected, ignores it.',
    source: 'xen 931818cacb',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design(
        'suspend_cancelled runs resume',
        frontOf('quiesce', (services) => new ResumesInSourceTpmfront(services)),
        'cancelled-suspend',
      ),
      avoids: design('suspend_cancelled only opens the door again', 'quiesce', 'cancelled-suspend'),
    },
  },
  {
    name: 'F4',
    title: 'Event channels are bound again on a cancelled suspend: the second bind fails, and the guest asserts.',
    source: 'xen 931818cacb; derived',
    known: notReproduced("the interrupt core of a guest, which binds again, is not simulated; its drivers' ports are"),
  },
  {
    name: 'F5',
    title: 'The toolstack loses the cancel flag: the guest is told that it runs in a new domain after a checkpoint.',
    source: 'xen 87a067fd8f',
    known: {
      kind: 'explored',
      // The store still has the watches of this domain. Linux does not look at that answer, and goes on to F3.
      oracle: 'driver-fault',
      shows: design('a toolstack that loses it', 'quiesce', changed('checkpoint', {}, { giveUp: 'as-new-domain' })),
      avoids: design('a toolstack that keeps it', 'quiesce', 'checkpoint'),
    },
  },
  {
    name: 'F6',
    title: 'A late step of the suspend fails: the kernel takes the way of a restore though nothing was suspended.',
    source: 'derived',
    known: {
      kind: 'explored',
      oracle: 'driver-fault',
      shows: design('a kernel that restores', 'quiesce', changed('cancelled-suspend'), { kernel: 'late-step-fails' }),
      avoids: design('a kernel that cancels', 'quiesce', changed('cancelled-suspend'), { kernel: 'late-step-cancels' }),
    },
  },
  {
    name: 'F7',
    title: 'Suspend is called twice without a cancel between: the driver waits for its own lock.',
    source: 'xen ed372f4e41',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design('wait-loop of November 2006', 'wait-loop', 'cancelled-suspend', { kernel: 'suspends-twice' }),
      avoids: design('wait-loop of March 2007', march2007, 'cancelled-suspend', { kernel: 'suspends-twice' }),
    },
  },
  {
    name: 'F8',
    title: 'Resume fails for one device: its lock is never released, later devices are never resumed.',
    source: THREAD,
    known: notReproduced('a simulated guest has one device, and no resume returns an error'),
  },
  {
    name: 'F9',
    title: 'The bus swallows the error of a suspend: it goes on with a busy device.',
    source: 'Linux drivers/xen/xenbus/xenbus_probe.c',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: design('a driver that refuses, under the bus of today', refusing, 'clean-migration'),
      avoids: design('the same under a bus that listens', refusing, 'clean-migration', { kernel: 'honours-errors' }),
    },
  },
  {
    name: 'F10',
    title: 'The guest acknowledges, then needs longer than 60 s: it suspends later and nobody resumes it.',
    source: 'xen tools/libs/light/libxl_dom_suspend.c',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design('quiesce waits for a command of 60.001 s', 'quiesce', slower),
      avoids: design(
        'the same under a toolstack that waits without limit',
        { ...findTpmfront('quiesce'), patient: true },
        slower,
      ),
    },
  },
  {
    name: 'F11',
    title: 'The guest clears control/shutdown in the moment in which the toolstack withdraws the request.',
    source: 'xen tools/libs/light/libxl_dom_suspend.c',
    known: tested('conformance/limits', 'a guest that does not acknowledge within 60 s finds the request withdrawn'),
    recordings: ['pausedsave-no-ack'],
  },
  {
    name: 'F12',
    title: 'A failure after the suspend leaves the domain suspended.',
    source: 'xend, November 2006',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design(
        'xend gives it its name back',
        'quiesce',
        changed('save-fails', {}, { giveUp: 'leaves-suspended' }),
      ),
      avoids: design('libxl resumes it in place', 'quiesce', 'save-fails'),
    },
  },
  {
    name: 'F13',
    title: 'A resume in place that xenstored is not told of: the next shutdown of the domain goes unnoticed.',
    source: 'xen tools/libs/light/libxl_dom_suspend.c',
    known: notReproduced("the simulated toolstack looks at the domain's state, where libxl waits for @releaseDomain"),
  },
  {
    name: 'F14',
    title: 'Sleep inside the guest reconnects devices whose backends never disconnected.',
    source: 'derived',
    known: notReproduced('no guest puts itself to sleep; what a reconnection in place does to a device is F3'),
  },
  {
    name: 'F15',
    title: 'A state that a restored frontend remembers hides the first one that it ought to write.',
    source: 'xen 42aaf2e8b4',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design(
        'a frontend from 1 to 4 that remembers 4',
        frontOf('quiesce', (services) => new StaleStateTpmfront(services)),
        'clean-migration',
      ),
      avoids: design(
        'the same, but it forgets',
        frontOf('quiesce', (services) => new WaitingMiniOsTpmfront(services)),
        'clean-migration',
      ),
    },
  },
  {
    name: 'F16',
    title: 'Each cycle leaves something behind: an interrupt, a grant, a page that is still mapped.',
    source: 'xen 0773e2a340, 5b4535ea04',
    known: notReproduced('a scenario suspends once, and a table of 16 entries would run out only after many'),
  },
];
