/**
 * The driver domain: tpmback, the very class of the simulator, and the TPM behind it.
 *
 * What dies with the process is the state of the driver, as in the simulator; what outlives it are the pages of the TPM,
 * from which the next one restores the TPM.
 */
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import { Domain } from '../../hypervisor/domain.js';
import { NO_PROBE } from '../../hypervisor/probes.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { createVtpm } from '../device/create-vtpm.js';
import { LiveTpmDevice } from '../device/live-device.js';
import { remoteHost } from '../hypercall/remote.js';
import { Rights } from '../memory/address-space.js';
import { BACKEND_PROCESS_PAGE } from '../memory/segments.js';
import { LiveStore } from '../portal/live-store.js';
import { Portal } from '../portal/portal.js';
import { Scheduler, taskActor } from '../scheduler.js';
import { AGENTS, dom0Place, guestPlace, RemoteDomain } from '../tables.js';
import { backendRecorder, recordAnswer } from '../trace/backend-recorder.js';
import { gated } from '../trace/gated.js';
import { ObservedMemory } from '../trace/observed-memory.js';
import { openTrace } from '../trace/open.js';
import { laterLog, type StepRecorder } from '../trace/recorder.js';
import { type HostConfig, hypervisorSocket, type MemoryGrant, type StorePlace } from './config.js';
import { doorbellOf, openMemory, openSegment, openSpace, openTables, ringerOf } from './machine.js';

const SEQUENCE_BITS = 32;

export async function runBackend(
  host: HostConfig,
  store: StorePlace,
  grant: MemoryGrant,
  onFault: (error: unknown) => void,
): Promise<() => Promise<void>> {
  const trace = openTrace(host, grant, 'backend');
  const observed = trace === null ? null : ObservedMemory.over(openSpace(host, grant));
  const memory = observed ?? openMemory(host, grant);
  const { space } = memory;
  const { plan } = space;
  openTables(space);
  openSegment(space, 'dom0', Rights.Store);
  openSegment(space, 'backend', Rights.Store);
  // Where the guest's process is woken; its other pages come with its grants.
  space.open(plan.guest.firstFrame, 1, Rights.Store);

  // Until there is a recorder nobody takes a step.
  let recorder: StepRecorder | null = null;
  const log = trace === null ? null : laterLog(() => recorder);
  const base = plan.backend.firstFrame * PAGE_SIZE;
  const device = await LiveTpmDevice.open(memory, base, (kept) => createVtpm(kept, { host, onLost: onFault }), {
    onDone: () => scheduler?.kickNow(),
    onAnswer: trace === null ? null : (answer, keep) => recordAnswer(trace, `tpm${host.domid}`, answer, keep),
    onLost: onFault,
  });

  const { doorbell, listener } = doorbellOf(memory, host, 'backend', grant, () => scheduler?.rung());
  let watchesFired = false;
  let fetched = 0;
  // Of a process, which the hypervisor forgets with its calls when it dies.
  let calls = 0;
  const portal = new Portal(
    {
      hypervisor: hypervisorSocket(host),
      hello: { agent: 'backend', token: host.tokens.backend },
      store,
      bell: doorbell.wordPlace,
    },
    () => {
      watchesFired = true;
      scheduler?.kick();
    },
  );
  const dom0 = new RemoteDomain(memory, dom0Place(plan), () => undefined);
  const guest = new Domain(memory, guestPlace(plan, host.domid));
  const ringer = ringerOf(memory, host, 'guest', grant);
  const driver = new TpmbackV2(
    {
      slot: 0,
      memory,
      domain: dom0,
      host: remoteHost({
        memory,
        hypercall: (call, ...args) => portal.hypercall(++calls, call, args),
        find: (domid) => (domid === 0 ? dom0 : guest),
        ringerOf: (domid) => (domid === 0 ? undefined : ringer),
      }),
      store: new LiveStore(portal, 'tpmback', log),
      device,
      // Onlookers number requests, as those of the simulator do; nothing depends on it.
      probe: trace === null ? NO_PROBE : { ...NO_PROBE, fetched: () => ++fetched },
      page: base + BACKEND_PROCESS_PAGE * PAGE_SIZE,
      agent: AGENTS.backend,
      frontendDomid: () => host.domid,
      sequenceBits: SEQUENCE_BITS,
    },
    true,
  );
  if (trace !== null && observed !== null) recorder = backendRecorder(trace, observed, guest, driver);
  let started = false;
  const { services } = driver;
  const name = `tpmback${host.domid}`;
  const scheduler: Scheduler | undefined = new Scheduler({
    memory,
    doorbell,
    listener,
    actors: [
      {
        name: () => `${name}/start`,
        ready: () => !started,
        run: () => {
          started = true;
          driver.start();
        },
      },
      {
        name: () => `${name}/interrupt`,
        ready: () => driver.port !== 0 && driver.interruptible && services.host.events.deliverable(dom0, driver.port),
        run: () => {
          services.host.events.acknowledge(dom0, driver.port);
          driver.interrupt();
        },
      },
      ...driver.tasks.map((task) => taskActor(name, task)),
      {
        name: () => `${name}/watches`,
        ready: () => watchesFired,
        run: () => {
          watchesFired = false;
          driver.watchesFired();
        },
      },
    ],
    timers: [],
    running: () => true,
    mayBlock: () => !device.busy && driver.state.connected && !portal.watchWaits,
    watch: gated(trace, recorder, observed, { kick: () => scheduler?.kick(), idle: () => false }),
    onFault,
  });
  scheduler.kick();
  return async () => {
    scheduler.stop();
    await device.close();
    await portal.close();
  };
}
