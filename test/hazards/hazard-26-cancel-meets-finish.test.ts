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
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import { DRIVER_PFN } from '../../frontend/guest-memory.js';
import type { GuestServices } from '../../frontend/tpmfront/tpmfront.js';
import { ECANCELED, V2Tpmfront } from '../../frontend/tpmfront/v2.js';
import { DONE, type Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../hypervisor/timers.js';
import { u32 } from '../../protocol/layout.js';
import { maximumDuration } from '../../protocol/tpm/durations.js';
import { readCommandHeader } from '../../protocol/tpm/header.js';
import { TpmifSharedPage, TpmifState } from '../../protocol/tpmif-v2.js';
import type { Scenario } from '../../simulator/world-options.js';
import { backOf, CONNECTED, frontOf, holds, inOrder, SESSION, shortest, worldOf } from '../support/worlds.js';

const EXTRA = { receive: u32, limit: u32 } as const;

const receive = task<Cancelling>('receive', {
  wait: { when: (front) => front.ended() || front.late(), run: (front) => (front.ended() ? front.take() : 'cancel') },
  cancel: (front) => front.cancel(),
  outcome: { when: (front) => front.ended(), run: (front) => front.take() },
});

/** Looks at the state byte in one step and stores CANCEL in the next, as compiled code does; then waits for the outcome. */
class Cancelling extends V2Tpmfront<typeof EXTRA> {
  readonly name = 'cancelling';
  override readonly tasks: readonly Task<never>[];
  override readonly timers;
  readonly #receiveTask: Task<never>;
  readonly #limit: number;

  constructor(services: GuestServices) {
    super(services, 'cancelling', EXTRA);
    this.#receiveTask = this.createTask(receive as TaskDefinition<never>, 'receive' as 'resume');
    this.tasks = [this.transmitTask, this.connectTask, this.#receiveTask];
    const place = this.layout.fields.find(({ name }) => name === 'limit');
    this.#limit = services.domain.page(DRIVER_PFN) + (place?.offset ?? 0);
    this.timers = [{ name: 'limit', address: this.#limit }];
  }

  override interrupt(): void {}

  override notify(): void {
    super.notify();
    setTimer(this.memory, this.#limit, this.services.commands.at(this.state.command).durationLimit);
    this.#receiveTask.start();
  }

  ended(): boolean {
    const { state } = this.ring();
    return state === TpmifState.Finish || state === TpmifState.Idle;
  }

  late(): boolean {
    return hasFired(this.memory, this.#limit);
  }

  cancel(): void {
    this.ring().state = TpmifState.Cancel;
    super.notify();
  }

  take(): typeof DONE {
    stopTimer(this.memory, this.#limit);
    if (this.ring().state === TpmifState.Finish) this.takeResponse();
    else this.giveUp(ECANCELED);
    return DONE;
  }
}

/** A CANCEL of a command that is done is answered with FINISH: the response is still in the page. */
class FinishesAnyway extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override interrupt(): void {
    const { device, host, memory } = this.services;
    const page = TpmifSharedPage.view(memory).at(host.grants.address(this.state.handle));
    if (page.state !== TpmifState.Cancel || device.state.executed === 0) super.interrupt();
    else {
      page.state = TpmifState.Finish;
      this.notify();
    }
  }
}

const cancelling = frontOf('linux', (services) => new Cancelling(services));
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
  const back = backOf('v2', (services) => new FinishesAnyway(services));
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
