/**
 * A guest: its kernel, its TPM driver and its store connection, the very classes of the simulator, run by one process.
 *
 * Killed and started again over the same memory it goes on where it was: the step it died in is taken back and done
 * anew, its watches are registered again, and it looks once for every event that may have been lost with it.
 */
import { Guest } from '../../frontend/guest.js';
import { DRIVER_PFN, KERNEL_PFN } from '../../frontend/guest-memory.js';
import { CREATE_TPMFRONT, type TpmfrontName } from '../../frontend/tpmfront/zoo.js';
import { Domain } from '../../hypervisor/domain.js';
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { DomainNode } from '../../protocol/xenbus.js';
import { remoteHost } from '../hypercall/remote.js';
import { nextNumber } from '../hypercall/repeated-calls.js';
import { Rights } from '../memory/address-space.js';
import { DoorbellRinger } from '../memory/doorbell.js';
import { fifoBell } from '../memory/event-loop-bell.js';
import { native } from '../memory/native.js';
import { JOURNAL_PFN, REQUEST_PFN } from '../memory/segments.js';
import { UndoJournal } from '../memory/undo-journal.js';
import { LiveStore } from '../portal/live-store.js';
import type { WatchEvent } from '../portal/messages.js';
import { Portal } from '../portal/portal.js';
import { type LiveActor, Scheduler, taskActor } from '../scheduler.js';
import { CALL_NUMBER_OFFSET, dom0Place, guestPlace, RemoteDomain } from '../tables.js';
import { gated } from '../trace/gated.js';
import { guestRecorder } from '../trace/guest-recorder.js';
import { ObservedMemory } from '../trace/observed-memory.js';
import { openTrace } from '../trace/open.js';
import { laterLog, type StepRecorder } from '../trace/recorder.js';
import { LiveCommands } from '../user/live-commands.js';
import { requestPage } from '../user/request-page.js';
import { type HostConfig, hypervisorSocket, type MemoryGrant, type StorePlace, userBellPath } from './config.js';
import { GuestHistoryProbe } from './history-probe.js';
import { doorbellOf, openMemory, openSegment, openSpace, openTables, ringerOf } from './machine.js';
import { finish, promiseHypercall } from './unfinished.js';

const SEQUENCE_BITS = 32;

export function runGuest(
  host: HostConfig,
  store: StorePlace,
  grant: MemoryGrant,
  onFault: (error: unknown) => void,
): () => void {
  const trace = openTrace(host, grant, 'guest');
  const observed = trace === null ? null : ObservedMemory.over(openSpace(host, grant));
  const memory = observed ?? openMemory(host, grant);
  const { space } = memory;
  const { plan } = space;
  openTables(space);
  openSegment(space, 'guest', Rights.Store);
  // Where the backend's process is woken: all that this side may touch of it.
  space.open(plan.dom0.firstFrame, 1, Rights.Store);

  const place = guestPlace(plan, host.domid);
  const dom0 = new Domain(memory, dom0Place(plan));
  const journal = new UndoJournal(memory.words, (place.firstFrame + JOURNAL_PFN) * PAGE_SIZE);
  journal.recover();
  memory.keep(journal, place.firstFrame + KERNEL_PFN, 1);
  memory.keep(journal, place.firstFrame + DRIVER_PFN, 1);
  memory.keep(journal, place.firstFrame + 1, 1);

  const { doorbell, listener } = doorbellOf(memory, host, 'guest', grant, () => scheduler.rung());
  const events: WatchEvent[] = [];
  const portal = new Portal(
    {
      hypervisor: hypervisorSocket(host),
      hello: { agent: 'guest', token: host.tokens.guest },
      store,
      bell: doorbell.wordPlace,
    },
    (event) => {
      events.push(event);
      scheduler.kick();
    },
  );
  const domain = new RemoteDomain(memory, place, () => {
    const before = promiseHypercall({ memory, journal });
    // Its argument, and not a number, says whether it was executed: the next process may go on after it.
    portal.hypercall(0, 'sched_suspend', [before]);
  });
  const callNumber = domain.page(KERNEL_PFN) + CALL_NUMBER_OFFSET;
  const backend = ringerOf(memory, host, 'backend', grant);
  const calls = grant.kind === 'process' ? native() : null;
  const userSpace = new DoorbellRinger(
    space,
    domain.page(REQUEST_PFN),
    calls === null ? null : fifoBell(calls, userBellPath(host)),
  );
  const commands = new LiveCommands(
    memory,
    domain,
    () => guest.user.position,
    () => userSpace.ring(),
  );
  // Until there is a recorder nobody takes a step.
  let recorder: StepRecorder | null = null;
  const log = trace === null ? null : laterLog(() => recorder);
  const nodes = new LiveStore(portal, domain.name, log, (changed) => {
    if (changed === DomainNode.ControlShutdown) {
      journal.promise(0);
      trace?.diesAfter(domain.name, 'promise');
    } else journal.withdraw();
  });
  assert(host.tpmfront in CREATE_TPMFRONT, `guest: there is no tpmfront ${host.tpmfront}`);
  const guest: Guest = new Guest(
    memory,
    {
      slot: 0,
      domain,
      host: remoteHost({
        memory,
        hypercall: (call, ...args) => {
          const result = portal.hypercall(nextNumber(memory, callNumber), call, args);
          trace?.diesAfter(domain.name, call);
          return result;
        },
        find: (domid) => (domid === 0 ? dom0 : domain),
        ringerOf: (domid) => (domid === 0 ? backend : undefined),
      }),
      store: nodes,
      commands,
      probe: new GuestHistoryProbe(memory, domain, commands, log),
      user: 'sleep',
      kernel: 'linux',
      sequenceBits: SEQUENCE_BITS,
      onSuspend() {},
      receiver: commands,
    },
    CREATE_TPMFRONT[host.tpmfront as TpmfrontName],
  );

  if (trace?.again === true) trace.turns?.waitFor(`${domain.name}/returns`);
  finish({ guest, domain, memory, store: nodes, journal });
  const { front } = guest;
  const { name } = domain;
  const request = requestPage(memory, domain.page(REQUEST_PFN));
  const boot = new Boot(guest, domain);
  const actors: readonly LiveActor[] = [
    boot,
    {
      name: () => `${name}.tpmfront/interrupt`,
      ready: () => front.port !== 0 && guest.host.events.deliverable(domain, front.port),
      run: () => {
        guest.host.events.acknowledge(domain, front.port);
        front.interrupt();
      },
    },
    ...front.tasks.map((task) => taskActor(`${name}.tpmfront`, task)),
    {
      // The system call: a command that was handed down and not taken yet.
      name: () => `${name}.user/write`,
      ready: () => !guest.userTask.running && request.accepted !== guest.user.position,
      run: () => guest.userTask.start(),
    },
    taskActor(name, guest.userTask as never),
    taskActor(name, guest.manageTask as never),
    {
      name: () => `${name}.xenwatch/${events[0]?.token} ${events[0]?.path}`,
      ready: () => guest.watching && events.length > 0,
      run: () => {
        const event = events.shift();
        if (event !== undefined) guest.watchFired(event.path, event.token);
      },
    },
  ];
  if (trace !== null && observed !== null) recorder = guestRecorder(trace, observed, guest, commands);
  const scheduler: Scheduler = new Scheduler({
    memory,
    doorbell,
    listener,
    actors,
    timers: [
      { address: guest.freezeTimer, ticking: () => true },
      ...front.timers.map(({ address }) => ({ address, ticking: () => true })),
    ],
    running: () => domain.running,
    mayBlock: () => !portal.watchWaits,
    watch: gated(trace, recorder, observed, {
      kick: () => scheduler.kick(),
      idle: (step) => step === `${name}.user/issue` && request.accepted === guest.user.position,
    }),
    onFault,
  });
  scheduler.kick();
  return () => {
    scheduler.stop();
    void portal.close();
  };
}

/** First boot, or the return of a process that was killed; whichever it is, before anything else of the guest runs. */
class Boot implements LiveActor {
  readonly #guest: Guest;
  readonly #domain: Domain;
  #done = false;

  constructor(guest: Guest, domain: Domain) {
    this.#guest = guest;
    this.#domain = domain;
  }

  name(): string {
    return `${this.#domain.name}/boot`;
  }

  ready(): boolean {
    return !this.#done;
  }

  run(): void {
    this.#done = true;
    const { front, kernel, user } = this.#guest;
    const fresh =
      user.position === 0 && front.port === 0 && !kernel.otherend_watched && !this.#guest.manageTask.running;
    if (fresh) {
      this.#guest.boot();
      return;
    }
    // In the middle of a suspend too: when that is cancelled, no later step registers them.
    this.#guest.registerWatches();
    // A guest that stands in its suspend hypercall has lost none, and in a new domain it must see none.
    const suspended = this.#guest.manageTask.at('gnttab_resume');
    if (front.port !== 0 && !suspended) this.#guest.host.events.raiseSpurious(this.#domain, front.port);
  }
}
