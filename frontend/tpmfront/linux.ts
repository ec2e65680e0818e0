/**
 * Linux's xen-tpmfront of today, as recorded on Xen 4.17 with Linux 6.1.
 *
 * There is no suspend hook, and resume is remove followed by probe. A worker polls the page for the response; it is
 * not frozen, so a suspend may fall inside a command whose user sleeps. After a restore, removing the old device
 * waits for that worker, which polls a page that nobody maps any more, until the command's limit is reached: then
 * CANCEL, and ETIME to the user. Whether the command was executed, only the device knows.
 *
 * Probing sends commands of its own between state 3 and the watch on the backend: two capability queries and a random
 * read. Registering the chip starts the kernel's random number thread, which sends a second random read at the same
 * time as the watch is set.
 */
import { DONE, type Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../hypervisor/timers.js';
import { digestMemory } from '../../protocol/digest.js';
import { bool, u8, u32 } from '../../protocol/layout.js';
import { payloadCapacity, payloadOffset, TpmifState } from '../../protocol/tpmif-v2.js';
import { XenbusState } from '../../protocol/xenbus.js';
import { DRIVER_PFN } from '../guest-memory.js';
import { type DriverTimer, type GuestServices, storeStep } from './tpmfront.js';
import { ECANCELED, ETIME, V2Tpmfront } from './v2.js';

/** Commands that probing waits for, and the one of the random number thread; they follow the session in the pool. */
const PROBE_COMMANDS = 3;

const EXTRA = {
  /** Commands of the probe that are still to be sent. */
  probing: u8,
  /** The command under way is the driver's own, not a user's. */
  own: bool,
  /** The chip is registered: users may send commands. */
  registered: bool,
  receive: u32,
  limit: u32,
} as const;

const connect = task<LinuxTpmfront>('probe', {
  read_otherend: storeStep((front) => front.readOtherend()),
  allocate_ring: (front) => front.allocateRing(),
  publish_nodes: storeStep((front) => front.publishNodes()),
  initialised: storeStep((front) => front.switchState(XenbusState.Initialised)),
  probe_command: (front) => front.probeCommand(),
  probe_answer: { when: (front) => !front.state.busy, run: () => 'probe_command' },
  register: (front) => front.register(),
  watch_otherend: storeStep((front) => front.watchOtherend()),
});

const receive = task<LinuxTpmfront>('receive', {
  poll: { when: (front) => front.pollEnds(), run: (front) => front.receive() },
});

const resume = task<LinuxTpmfront>('resume', {
  remove: { when: (front) => !front.state.busy, run: (front) => front.remove() },
  probed: { when: (front) => front.state.registered, run: () => DONE },
});

export class LinuxTpmfront extends V2Tpmfront<typeof EXTRA> {
  readonly name = 'linux';
  override readonly tasks: readonly Task<never>[];
  override readonly timers: readonly DriverTimer[];
  readonly #receiveTask: Task<never>;
  readonly #resumeTask: Task<never>;

  constructor(services: GuestServices) {
    super(services, 'linux', EXTRA, connect as TaskDefinition<never>);
    this.#receiveTask = this.createTask(receive as TaskDefinition<never>, 'receive' as 'resume');
    this.#resumeTask = this.createTask(resume as TaskDefinition<never>, 'resume');
    this.tasks = [this.transmitTask, this.connectTask, this.#receiveTask, this.#resumeTask];
    this.timers = [{ name: 'limit', address: this.#limit }];
  }

  get #limit(): number {
    const place = this.layout.fields.find(({ name }) => name === 'limit');
    return this.services.domain.page(DRIVER_PFN) + (place?.offset ?? 0);
  }

  override accepts(): boolean {
    return this.state.registered && !this.state.busy;
  }

  /** The bus looks whether the node is there and writes it in one transaction. */
  override switchState(xenbusState: XenbusState): void {
    if (this.state.xenbus_state === xenbusState) return;
    this.services.store.transaction(() => super.switchState(xenbusState));
  }

  override submit(command: number): void {
    this.state.own = false;
    super.submit(command);
  }

  /** The interrupt wakes a queue on which nobody sleeps; responses are polled for. */
  override interrupt(): void {}

  override notify(): void {
    super.notify();
    setTimer(this.memory, this.#limit, this.services.commands.at(this.state.command).durationLimit);
    this.#receiveTask.start();
  }

  pollEnds(): boolean {
    const state = this.ring().state;
    return state === TpmifState.Finish || state === TpmifState.Idle || hasFired(this.memory, this.#limit);
  }

  receive(): typeof DONE {
    const late = hasFired(this.memory, this.#limit);
    const page = this.ring();
    const state = page.state;
    stopTimer(this.memory, this.#limit);
    if (state === TpmifState.Finish) this.takeResponse();
    else if (late) {
      page.state = TpmifState.Cancel;
      super.notify();
      this.giveUp(ETIME);
    } else this.giveUp(ECANCELED);
    return DONE;
  }

  /** Sends the next command of its own; the last is the random number thread's, and nobody waits for it here. */
  probeCommand(): string {
    const { state, services } = this;
    const last = state.probing === PROBE_COMMANDS;
    const command = services.commands.ownNumber(state.probing);
    state.probing += 1;
    state.own = true;
    services.probe.issued(services.slot, command);
    super.submit(command);
    return last ? 'register' : 'probe_answer';
  }

  register(): void {
    this.state.probing = 0;
    this.state.registered = true;
  }

  protected override takeResponse(): void {
    if (!this.state.own) {
      super.takeResponse();
      return;
    }
    const page = this.ring();
    // The length is the other side's: what reaches past the page is cut off, as `vtpm_recv` does.
    const length = Math.min(page.length, payloadCapacity());
    this.state.busy = false;
    this.services.probe.answered(this.services.slot, digestMemory(this.memory, page.base + payloadOffset(), length));
  }

  protected override giveUp(errno: number): void {
    if (!this.state.own) {
      super.giveUp(errno);
      return;
    }
    this.state.busy = false;
    this.services.probe.failed(this.services.slot, errno);
  }

  /** The bus drops the old watch first, and only then asks the driver to resume. */
  override resume(): void {
    this.services.unwatchOtherend();
    this.state.registered = false;
    this.#resumeTask.start();
  }

  override resumed(): boolean {
    return !this.#resumeTask.running;
  }

  /** Only now, after the command in flight has ended one way or the other, is the old ring given up. */
  remove(): void {
    this.reconnect();
  }
}
