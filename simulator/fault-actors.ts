/**
 * The actors that are faults, and those that clear up after one. There are none of a fault whose budget is 0, so a world
 * without faults is the same whatever faults there are.
 */
import { DomainState } from '../hypervisor/domain.js';
import { ALL_AGENTS } from '../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { type Actor, actor } from './actors.js';
import { hostileBackend, hostileGuest } from './hostile-stores.js';
import type { Machine } from './machine.js';
import type { Slot } from './slot.js';
import type { StoreClient } from './store-client.js';
import type { FaultBudget } from './world-options.js';

/** Faults that strike a guest while it runs. */
export function guestFaults(machine: Machine, slot: Slot): readonly Actor[] {
  const { domain, guest, host, guestStore } = slot;
  const { front } = guest;
  return [
    ...spuriousEvent(
      machine,
      `${domain.name}.tpmfront`,
      () => host.events.isOpen(domain, front.port),
      () => host.events.raiseSpurious(domain, front.port),
    ),
    ...watchRepeat(machine, domain.name, guestStore),
    ...hostileGuest(machine, slot),
  ];
}

/** Faults that strike a backend process, and the supervisor that starts it again. */
export function backendFaults(machine: Machine, slot: Slot): readonly Actor[] {
  const { backend, host } = slot;
  const { driver, name, store } = backend;
  const dom0 = backend.domain;
  return [
    ...backendDeath(machine, slot),
    ...spuriousEvent(
      machine,
      name,
      () => host.events.isOpen(dom0, driver.port),
      () => host.events.raiseSpurious(dom0, driver.port),
    ),
    ...watchRepeat(machine, name, store),
    ...hostileBackend(machine, slot),
  ];
}

/** Faults of the toolstack and of what happens while a guest is suspended or its host is without a store. */
export function toolstackFaults(machine: Machine): readonly Actor[] {
  const { faults } = machine.options.scenario;
  const ifAny = (fault: keyof FaultBudget, actors: () => readonly Actor[]): readonly Actor[] =>
    faults[fault] > 0 ? actors() : [];
  return [
    ...ifAny('toolstackKills', () => toolstackDeath(machine)),
    ...ifAny('doubleResumes', () => [doubleResume(machine)]),
    ...ifAny('lostEvents', () => machine.slots.map((slot) => lostEvent(machine, slot))),
    ...ifAny('storeRestarts', () => machine.hosts.map((_, index) => storeRestart(machine, index))),
    ...ifAny('streamCuts', () => streamCuts(machine)),
    ...ifAny('staleRestores', () => [checkpointRestore(machine, 'stale_restores')]),
    ...ifAny('mixedRestores', () => [checkpointRestore(machine, 'mixed_restores')]),
  ];
}

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

/** Xen keeps the pending bits of a domain that is resumed in place. A driver that need not rely on it is the better one. */
function lostEvent({ world }: Machine, { domain, guest, host }: Slot): Actor {
  const { front } = guest;
  return actor({
    name: `fault/lose event of ${domain.name}`,
    agents: ALL_AGENTS,
    enabled: () =>
      world.lost_events > 0 &&
      domain.state === DomainState.Suspended &&
      front.port !== 0 &&
      host.events.deliverable(domain, front.port),
    run: () => {
      world.lost_events -= 1;
      host.events.acknowledge(domain, front.port);
    },
  });
}

function storeRestart({ world, hosts, slots, clients }: Machine, index: number): Actor {
  const host = hosts[index];
  const here = slots.filter((slot) => slot.host === host);
  // Any client will do: the store is the host's.
  const store = clients[index] as StoreClient;
  return actor({
    name: `fault/restart xenstored on ${host?.name}`,
    agents: ALL_AGENTS,
    enabled: () => world.store_restarts > 0 && here.some(({ exists }) => exists),
    run: () => {
      world.store_restarts -= 1;
      store.restartDaemon();
    },
  });
}

function watchRepeat({ options, world }: Machine, name: string, store: StoreClient): readonly Actor[] {
  if (options.scenario.faults.watchRepeats === 0) return [];
  return [
    actor({
      name: `fault/watches of ${name} fire again`,
      agents: ALL_AGENTS,
      enabled: () => world.watch_repeats > 0 && store.watches,
      run: () => {
        world.watch_repeats -= 1;
        store.repeatWatches();
      },
    }),
  ];
}

/**
 * The stream can end after any byte. One place in each page is a choice: what has come by then is thrown away, so that
 * all bytes are alike (`test/simulator/stream-cuts.test.ts` takes every one).
 */
function streamCuts({ toolstack, world, slots: [source] }: Machine): readonly Actor[] {
  const cut = (name: string, possible: () => boolean, strike: () => void): Actor =>
    actor({
      name: `fault/${name}`,
      agents: ALL_AGENTS,
      enabled: () => world.stream_cuts > 0 && possible(),
      run: () => {
        world.stream_cuts -= 1;
        strike();
      },
    });
  const places = [0];
  for (let page = 0; page < source.imageBytes; page += PAGE_SIZE) places.push(page + PAGE_SIZE / 2);
  return [
    ...places.map((bytes) =>
      cut(
        `cut stream after ${bytes} bytes`,
        () => toolstack.streaming,
        () => toolstack.cutStream(bytes),
      ),
    ),
    cut(
      'lose connection after the stream',
      () => toolstack.shakingHands,
      () => toolstack.loseConnection(),
    ),
  ];
}

function checkpointRestore({ toolstack, world, slots }: Machine, budget: 'stale_restores' | 'mixed_restores'): Actor {
  const [{ domain }] = slots;
  const mixed = budget === 'mixed_restores';
  return actor({
    name: `fault/restore ${domain.name} from its checkpoint${mixed ? ', not its vTPM' : ''}`,
    agents: ALL_AGENTS,
    enabled: () => world[budget] > 0 && toolstack.mayRestoreCheckpoint,
    run: () => {
      world[budget] -= 1;
      toolstack.restoreCheckpoint(mixed);
    },
  });
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
