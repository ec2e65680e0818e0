/**
 * The actors of a world: who can do something next.
 */

import { DEVICE_TOKEN } from '../backend/device-opening/opening.js';
import { TpmbackV1 } from '../backend/tpmback/v1.js';
import { ALL_AGENTS } from '../hypervisor/journaled-memory.js';
import type { Task } from '../hypervisor/steps.js';
import type { TimerPlace } from '../hypervisor/timers.js';
import { type Actor, type ActorGroup, actor, groupOf, TaskActor } from './actors.js';
import { backendFaults, guestFaults, toolstackFaults } from './fault-actors.js';
import { guestAgent, TOOLSTACK_AGENT } from './frames.js';
import type { Machine } from './machine.js';
import type { Slot } from './slot.js';

/** A guest's tasks, its interrupt, and the thread that handles its watch events. */
export function guestGroup(machine: Machine, slot: Slot): ActorGroup {
  const { domain, guest, host } = slot;
  const agent = guestAgent(slot.index);
  const { front } = guest;
  const { grain } = machine.options;
  const store = slot.guestStore;
  return groupOf(
    () => domain.running,
    [
      ...front.tasks.map((task) => new TaskActor({ owner: `${domain.name}.tpmfront`, agents: agent, task, grain })),
      new TaskActor({ owner: domain.name, agents: agent, task: guest.userTask as Task<never>, grain: 'fine' }),
      new TaskActor({ owner: domain.name, agents: agent, task: guest.manageTask as Task<never>, grain }),
      actor({
        name: `${domain.name}.tpmfront/interrupt`,
        agents: agent,
        enabled: () =>
          host.events.anyPending(domain) && front.port !== 0 && host.events.deliverable(domain, front.port),
        run: () => {
          // The bit is cleared before the driver looks for work, or an event in between would be lost.
          host.events.acknowledge(domain, front.port);
          front.interrupt();
        },
      }),
      actor({
        name: `${domain.name}.xenwatch`,
        agents: agent,
        enabled: () => guest.watching && store.hasEvent,
        run: () => {
          const event = store.nextEvent();
          store.takeEvent();
          if (event !== undefined) guest.watchFired(event.path, event.token);
        },
        describe: () => `${domain.name}.xenwatch/${store.nextEvent()?.token} ${store.nextEvent()?.path}`,
      }),
      ...guestFaults(machine, slot),
    ],
  );
}

/** A backend process, its supervisor, and the fault that kills it. */
export function backendGroup(machine: Machine, slot: Slot): ActorGroup {
  const { backend, host } = slot;
  const { driver, store, name } = backend;
  const dom0 = backend.domain;
  const agents = backend.agent;
  const { grain } = machine.options;
  const actors: Actor[] = [
    ...driver.tasks.map((task) => new TaskActor({ owner: name, agents, task, grain, backend })),
    actor({
      name: `${name}/interrupt`,
      agents,
      backend,
      enabled: () =>
        host.events.anyPending(dom0) &&
        driver.port !== 0 &&
        driver.interruptible &&
        host.events.deliverable(dom0, driver.port),
      run: () => {
        host.events.acknowledge(dom0, driver.port);
        driver.interrupt();
      },
    }),
    actor({
      name: `${name}/watches`,
      agents,
      backend,
      enabled: () => backend.alive && store.hasEvent,
      run: () => {
        driver.watchesFired(store.takeEvents(DEVICE_TOKEN));
      },
    }),
    ...backendFaults(machine, slot),
    ...volumeRecycled(slot),
  ];
  return groupOf(() => true, actors);
}

/** The volume that the state of a vTPM lies on is removed, and another one made that gets its number. */
function volumeRecycled({ volume, domid }: Slot): readonly Actor[] {
  if (volume === null) return [];
  return [
    actor({
      name: `fault/volume of tpm${domid} made anew`,
      agents: ALL_AGENTS,
      enabled: () => volume.mayBeRecycled,
      run: () => volume.recycle(),
    }),
  ];
}

export function deviceGroup(slot: Slot): ActorGroup {
  return groupOf(
    () => slot.device.busy,
    [
      new TaskActor({
        owner: `tpm${slot.domid}`,
        agents: ALL_AGENTS,
        task: slot.device.task as Task<never>,
        grain: 'fine',
      }),
    ],
  );
}

/** The toolstack, its successor, and the faults that concern them. */
export function toolstackGroup(machine: Machine): ActorGroup {
  const { toolstack, options } = machine;
  const { faults } = options.scenario;
  // A toolstack that may be killed is killed before any of its steps.
  const grain = faults.toolstackKills > 0 ? 'fine' : options.grain;
  const agents = TOOLSTACK_AGENT;
  return groupOf(
    () => true,
    [
      new TaskActor({
        owner: 'toolstack',
        agents,
        task: toolstack.runTask as Task<never>,
        grain,
        idleStep: 'request_suspend',
      }),
      new TaskActor({ owner: 'toolstack', agents, task: toolstack.recoverTask as Task<never>, grain }),
      ...toolstackFaults(machine),
    ],
  );
}

/** Every place where a timer may lie. A guest's time stands still while it does not run. */
export function timersOf(machine: Machine): readonly TimerPlace[] {
  const places: TimerPlace[] = [{ address: machine.toolstack.timer, ticking: () => true }];
  for (const slot of machine.slots) {
    const ticking = (): boolean => slot.domain.running;
    places.push({ address: slot.guest.freezeTimer, ticking });
    for (const timer of slot.guest.front.timers) places.push({ address: timer.address, ticking });
    places.push({ address: slot.device.timerAddress, ticking: () => true });
    const { driver } = slot.backend;
    if (driver instanceof TpmbackV1) places.push({ address: driver.timerAddress, ticking: () => true });
  }
  return places;
}
