/**
 * The actors of a world: who can do something next.
 */

import { DEVICE_TOKEN } from '../backend/device-opening/opening.js';
import { TpmbackV1 } from '../backend/tpmback/v1.js';
import { DomainState } from '../hypervisor/domain.js';
import { ALL_AGENTS } from '../hypervisor/journaled-memory.js';
import type { Task } from '../hypervisor/steps.js';
import type { TimerPlace } from '../hypervisor/timers.js';
import { type Actor, type ActorGroup, actor, groupOf, TaskActor } from './actors.js';
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
  const spurious = spuriousEvent(
    machine,
    `${domain.name}.tpmfront`,
    () => host.events.isOpen(domain, front.port),
    () => host.events.raiseSpurious(domain, front.port),
  );
  return groupOf(
    () => domain.running,
    [
      ...front.tasks.map((task) => new TaskActor({ owner: `${domain.name}.tpmfront`, agents: agent, task, grain })),
      new TaskActor({ owner: domain.name, agents: agent, task: guest.userTask as Task<never>, grain: 'fine' }),
      new TaskActor({ owner: domain.name, agents: agent, task: guest.manageTask as Task<never>, grain }),
      actor({
        name: `${domain.name}.tpmfront/interrupt`,
        agents: agent,
        enabled: () => front.port !== 0 && host.events.deliverable(domain, front.port),
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
      ...spurious,
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
      enabled: () => driver.port !== 0 && driver.interruptible && host.events.deliverable(dom0, driver.port),
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
    ...backendDeath(machine, slot),
    ...volumeRecycled(slot),
    ...spuriousEvent(
      machine,
      name,
      () => host.events.isOpen(dom0, driver.port),
      () => host.events.raiseSpurious(dom0, driver.port),
    ),
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

/** The fault that kills a backend process, and the supervisor that starts it again. */
function backendDeath(machine: Machine, slot: Slot): readonly Actor[] {
  const { backend } = slot;
  const { name } = backend;
  if (machine.options.scenario.faults.backendKills === 0) return [];
  return [
    actor({
      name: `supervisor/restart ${name}`,
      agents: ALL_AGENTS,
      enabled: () => !backend.alive,
      run: () => backend.start(),
    }),
    actor({
      name: `fault/kill ${name}`,
      agents: ALL_AGENTS,
      enabled: () => backend.alive && slot.exists && machine.world.backend_kills > 0,
      run: () => {
        machine.world.backend_kills -= 1;
        backend.kill();
      },
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
      ...(faults.toolstackKills > 0 ? toolstackDeath(machine) : []),
      ...(faults.doubleResumes > 0 ? [doubleResume(machine)] : []),
    ],
  );
}

/** A toolstack can die while there is a suspended domain that somebody must wake up; then a successor comes. */
function toolstackDeath(machine: Machine): readonly Actor[] {
  const { toolstack, world } = machine;
  const [source] = machine.slots;
  return [
    actor({
      name: 'fault/kill toolstack',
      agents: ALL_AGENTS,
      enabled: () =>
        source.domain.state === DomainState.Suspended &&
        world.toolstack_kills > 0 &&
        (toolstack.runTask.running || toolstack.recoverTask.running),
      run: () => {
        world.toolstack_kills -= 1;
        world.toolstack_dead = true;
        toolstack.runTask.stop();
        toolstack.recoverTask.stop();
      },
    }),
    actor({
      name: 'toolstack/successor starts',
      agents: ALL_AGENTS,
      enabled: () => world.toolstack_dead,
      run: () => {
        world.toolstack_dead = false;
        toolstack.recoverTask.start();
      },
    }),
  ];
}

function doubleResume(machine: Machine): Actor {
  const { toolstack, world } = machine;
  const [source, target] = machine.slots;
  return actor({
    name: `fault/resume ${source.domain.name} as well`,
    agents: ALL_AGENTS,
    enabled: () => world.clones > 0 && source.domain.state === DomainState.Suspended && target.domain.running,
    run: () => {
      world.clones -= 1;
      toolstack.runTask.stop();
      toolstack.resumeSource();
    },
  });
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

function spuriousEvent(machine: Machine, end: string, open: () => boolean, raise: () => void): readonly Actor[] {
  if (machine.options.scenario.faults.spuriousEvents === 0) return [];
  return [
    actor({
      name: `fault/spurious event at ${end}`,
      agents: ALL_AGENTS,
      enabled: () => machine.world.spurious_events > 0 && open(),
      run: () => {
        machine.world.spurious_events -= 1;
        raise();
      },
    }),
  ];
}
