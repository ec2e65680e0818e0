/**
 * Failures of a command in flight: F17 to F30.
 */
import { FRONTENDS, PROCESSING_MILLISECONDS } from '../../backend/tpmback/v1.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { maximumDuration } from '../../protocol/tpm/durations.js';
import { CancellingTpmfront, FinishesAnywayTpmback } from './designs/cancelling.js';
import { retrying } from './designs/retrying.js';
import { ShortPageTpmback } from './designs/short-page.js';
import { type Hazard, notReproduced } from './hazard.js';
import { backOf, changed, design, frontOf, waitLoop } from './worlds.js';

const slowCancelled = changed('slow-command', {}, { ends: 'cancelled' });
const failed = changed(
  'slow-command',
  { slowCommandMilliseconds: PROCESSING_MILLISECONDS * FRONTENDS + 40_000 },
  { operation: 'none' },
);
/** The first command of the session takes exactly as long as the frontend waits for it. */
const race = changed('connect', {
  name: 'race',
  start: 'connected',
  slowCommandMilliseconds: maximumDuration(TPM_CC.Startup),
});
const atWork = changed('connect', { name: 'at-work', start: 'connected' });
const cancelling = frontOf('linux', (services) => new CancellingTpmfront(services));
const UPPER = 'the layer of 2006 above the driver, which queues and cancels, is not simulated';

export const IN_FLIGHT: readonly Hazard[] = [
  {
    name: 'F17',
    title: 'The wait expires and the busy flag is forced to 0: the late response meets a new command.',
    source: 'tpmfront, October 2006',
    known: {
      kind: 'explored',
      oracle: 'right-answer',
      shows: design(
        'wait-loop with a limit of 301 s, a command of 320 s',
        waitLoop({ rounds: 301, closes: 'never', cancelHook: true }),
        slowCancelled,
        { user: 'interrupted' },
      ),
      avoids: design(
        'wait-loop without a limit',
        waitLoop({ rounds: 0, closes: 'never', cancelHook: true }),
        slowCancelled,
        { user: 'interrupted' },
      ),
    },
  },
  {
    name: 'F18',
    title: 'The busy flag is cleared before the response is copied: the page is freed under the copier.',
    source: 'xen 55723b70ac, 188ac9feda; derived',
    known: notReproduced('a guest has one vCPU, and a handler of an event runs whole'),
  },
  {
    name: 'F19',
    title: 'Closed is written before the wait: the backend is gone, and the response can never come.',
    source: 'xen 42f8fcaf1b',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: design(
        'wait-loop of April 2006',
        waitLoop({ rounds: 26, closes: 'before', cancelHook: false }),
        'clean-migration',
      ),
      avoids: design(
        'Closing after the wait (May 2006)',
        waitLoop({ rounds: 26, closes: 'after', cancelHook: false }),
        'clean-migration',
      ),
      // After the restore the v1 ring has other failings: F23.
      asked: ['in-step'],
    },
  },
  {
    name: 'F20',
    title:
      'Closed or Closing at suspend: remove runs after the backend has shut down, in a migration to the same host.',
    source: 'xen 4d04d7278d',
    known: notReproduced('frontends of one device are never removed by the bus while their domain lives'),
  },
  {
    name: 'F21',
    title: 'The backend answers TPM_FAIL after a time-out while the vTPM executes; a retry doubles the effect.',
    source: 'xen 815077ee40; derived',
    known: {
      kind: 'explored',
      oracle: 'exactly-once',
      shows: design('wait-loop under a caller that tries again', frontOf('wait-loop', retrying), failed),
      avoids: design('quiesce, whose backend makes up no answer', 'quiesce', failed),
    },
  },
  {
    name: 'F22',
    title: 'A packet that was queued and not read is executed after its failure was reported.',
    source: 'tpmback, 2006; derived',
    known: notReproduced(
      'the simulated daemon takes a packet when the backend has it; its limit to pick one up is left out',
    ),
  },
  {
    name: 'F23',
    title: 'An event more than was sent executes a v1 request twice, or turns it into its own response.',
    source: 'tpmback, 2006; derived',
    known: {
      kind: 'explored',
      oracle: 'right-answer',
      shows: design('the v1 ring, without index or state', 'wait-loop', 'spurious-event'),
      avoids: design('the v2 page: its state says whose turn it is', 'quiesce', 'spurious-event'),
    },
  },
  {
    name: 'F24',
    title: 'A faked answer while disconnected, and the real command later: the order has changed.',
    source: 'tpm_vtpm.c, 2006',
    known: notReproduced(UPPER),
  },
  {
    name: 'F25',
    title: 'A command that may not be repeated is: an extend executed twice gives another register value.',
    source: 'thread on tpmfront and suspend, November 2006',
    known: {
      kind: 'explored',
      oracle: 'exactly-once',
      shows: design('resend sends what has no answer again', 'resend', 'clean-migration'),
      avoids: design('sequenced asks under a number', 'sequenced', 'clean-migration'),
    },
  },
  {
    name: 'F26',
    title: 'CANCEL meets FINISH on the v2 page: the answer of an executed command is dropped.',
    source: 'derived from mini-os tpmback.c',
    known: {
      kind: 'explored',
      oracle: 'right-answer',
      shows: design('a cancel of what is done is answered IDLE', cancelling, race),
      avoids: design('a cancel of what is done is answered FINISH', cancelling, race, {
        back: backOf((services) => new FinishesAnywayTpmback(services)),
      }),
    },
  },
  {
    name: 'F27',
    title: 'A response that is too long for the page: the same request is fetched and executed again and again.',
    source: 'derived from mini-os tpmback.c',
    known: {
      kind: 'explored',
      oracle: 'exactly-once',
      shows: design('a backend that leaves the request where it is', 'quiesce', atWork, {
        back: backOf((services) => new ShortPageTpmback(services)),
      }),
      avoids: design('a page with room for every response', 'quiesce', atWork),
    },
  },
  {
    name: 'F28',
    title: 'Resume throws page and response away, with no wait and no number.',
    source: 'Linux drivers/char/tpm/xen-tpmfront.c',
    known: {
      kind: 'explored',
      oracle: 'right-answer',
      shows: design("today's Linux: resume is remove and probe", 'linux', 'clean-migration'),
      avoids: design('sequenced: number and response are kept with the device', 'sequenced', 'clean-migration'),
    },
    recordings: ['async-sleep-saverestore-inflight'],
  },
  {
    name: 'F29',
    title: 'The way of a cancel sleeps without limit with the mutex of the device held.',
    source: 'tpm_vtpm.c, 2006',
    known: notReproduced(UPPER),
  },
  {
    name: 'F30',
    title: 'A signal interrupts that cancel: the late response is given to the next command.',
    source: 'derived from tpm_vtpm.c, 2006',
    known: notReproduced(`${UPPER}; what a late response does to the next command is F17`),
  },
];
