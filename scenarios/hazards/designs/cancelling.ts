/**
 * A frontend that looks at the state byte in one step and stores CANCEL in the next, as compiled code does, and then
 * waits for the outcome; and a backend that answers a CANCEL of a command that is done with FINISH, since the response
 * is still in the page.
 */
import type { BackendServices } from '../../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../../backend/tpmback/v2.js';
import { DRIVER_PFN } from '../../../frontend/guest-memory.js';
import type { GuestServices } from '../../../frontend/tpmfront/tpmfront.js';
import { ECANCELED, V2Tpmfront } from '../../../frontend/tpmfront/v2.js';
import { DONE, type Task, type TaskDefinition, task } from '../../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../../hypervisor/timers.js';
import { u32 } from '../../../protocol/layout.js';
import { TpmifSharedPage, TpmifState } from '../../../protocol/tpmif-v2.js';

const EXTRA = { receive: u32, limit: u32 } as const;

const receive = task<CancellingTpmfront>('receive', {
  wait: { when: (front) => front.ended() || front.late(), run: (front) => (front.ended() ? front.take() : 'cancel') },
  cancel: (front) => front.cancel(),
  outcome: { when: (front) => front.ended(), run: (front) => front.take() },
});

export class CancellingTpmfront extends V2Tpmfront<typeof EXTRA> {
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

export class FinishesAnywayTpmback extends TpmbackV2 {
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
