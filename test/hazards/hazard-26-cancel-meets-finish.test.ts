/**
 * Hazard 26: v2 CANCEL racing FINISH drops the answer of an executed command.
 *
 * The two ends of the v2 page store the state byte without compare-and-swap. A frontend whose patience ends just when
 * the vTPM answers has seen SUBMIT, and its CANCEL lands on the FINISH that was stored in between. The backend has
 * nothing in hand any more, so it takes the cancel for one of a command that it never had, and answers IDLE: the
 * command was executed, its response lies in the page, and the frontend is told that it was cancelled.
 *
 * A limit and an execution of equal length make the race: time passes only when nothing else can happen, so both
 * timers fire at once, and after that every order of the two ends is explored.
 */
import t from 'tap';
import { ECANCELED } from '../../frontend/tpmfront/v2.js';
import { maximumDuration } from '../../protocol/tpm/durations.js';
import { readCommandHeader } from '../../protocol/tpm/header.js';
import { CancellingTpmfront, FinishesAnywayTpmback } from '../../scenarios/hazards/designs/cancelling.js';
import type { Scenario } from '../../simulator/world-options.js';
import { backOf, CONNECTED, frontOf, holds, inOrder, SESSION, shortest, worldOf } from '../support/worlds.js';

const cancelling = frontOf('linux', (services) => new CancellingTpmfront(services));
const [first] = SESSION.entries;
const limit = first === undefined ? 0 : maximumDuration(readCommandHeader(first.command).code);
/** The first command takes exactly as long as the frontend waits for it. */
const race: Scenario = { ...CONNECTED, name: 'race', slowCommandMilliseconds: limit };

t.test(
  'a cancel that lands on the answer makes the v2 backend drop it, although the command was executed',
  async (t) => {
    const world = worldOf({ front: cancelling, scenario: race });
    const { oracle, steps } = shortest(world);
    t.equal(oracle, 'right-answer');
    t.ok(
      inOrder(steps, [
        `time/${limit} ms pass`,
        'guest1.tpmfront.receive/wait',
        'tpmback1.serve/finish',
        'guest1.tpmfront.receive/cancel',
        'tpmback1/interrupt',
        'guest1.tpmfront.receive/outcome',
      ]),
      steps.join('\n'),
    );
    const [source] = world.machine.slots;
    t.equal(source.device.state.executed, 1, 'the command was executed');
    t.equal(source.guest.user.errno, ECANCELED, 'and its user is told that it was cancelled');
  },
);

t.test('a backend that answers such a cancel with FINISH loses nothing', async (t) => {
  const back = backOf('v2', (services) => new FinishesAnywayTpmback(services));
  t.ok(holds(worldOf({ front: cancelling, back, scenario: race })));
});

t.test('a frontend that never cancels, with numbers to ask for, loses nothing', async (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', scenario: race })));
});

t.test(
  "today's Linux gives up in the same race however it ends, and the command is executed all the same",
  async (t) => {
    const world = worldOf({ front: 'linux', scenario: race });
    t.equal(shortest(world).oracle, 'right-answer');
  },
);
