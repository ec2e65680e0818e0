/**
 * The parts of an exploration of the device identity, where they lie in memory, and how they stand when it begins.
 */
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { MemoryMap } from '../../hypervisor/memory-map.js';
import { assert } from '../../protocol/assert.js';
import type { AnyLayout } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { Store } from '../../xenstore-sim/index.js';
import { finite, POLICIES } from '../../xenstore-sim/policy.js';
import { StoreClient } from '../store-client.js';
import { StoreValues } from '../store-value.js';
import { USUAL_DAEMON } from '../world-options.js';
import { BackendState, IdentityBackend } from './backend.js';
import { GuestTruth, IdentityHost, IdentityWorldState } from './host.js';
import { Content, Gendisk, Kernel, KernelRecord, SLOTS } from './kernel.js';
import { devicePaths } from './nodes.js';
import { BlockScript, ScriptState } from './script.js';
import { type Design, guestsOf, type IdentitySetting } from './setting.js';
import { IdentityToolstack, ToolstackState } from './toolstack.js';

/** What one guest has on this host. */
export interface GuestParts {
  readonly guest: number;
  readonly backend: IdentityBackend;
  readonly toolstack: IdentityToolstack;
  readonly scripts: readonly BlockScript[];
}

export interface IdentityMachine {
  readonly memory: JournaledMemory;
  readonly map: MemoryMap;
  readonly host: IdentityHost;
  readonly guests: readonly GuestParts[];
  readonly clients: readonly StoreClient[];
}

export function buildIdentityMachine(design: Design, setting: IdentitySetting): IdentityMachine {
  const memory = new JournaledMemory(2);
  const map = new MemoryMap();
  let free = PAGE_SIZE;
  const take = (owner: string, name: string, layout: AnyLayout): number => {
    const address = Math.ceil(free / 8) * 8;
    free = address + layout.size;
    assert(free <= 2 * PAGE_SIZE, 'identity world: it does not fit into its page');
    map.add({ owner, name, address, size: layout.size, layout });
    return address;
  };
  const host = new IdentityHost(memory, design, setting, take('host', 'state', IdentityWorldState));
  for (const name of ['kernel', 'kernel 2']) {
    const address = take('host', name, KernelRecord);
    for (const slot of SLOTS) take('host', `${name} ${slot.name}`, Gendisk);
    host.kernels.push(new Kernel(memory, { address, rules: setting.kernel, newLife: () => host.newLife() }));
  }

  const values = new StoreValues();
  const cell = memory.addCell(values.of(Store.empty(finite(POLICIES[setting.daemon ?? USUAL_DAEMON]))));
  const clients: StoreClient[] = [];
  const client = (name: string): StoreClient => {
    const made = new StoreClient(memory, { name, cell, values, id: clients.length + 1, domid: 0 });
    clients.push(made);
    return made;
  };
  const toolstackStore = client('toolstack');
  const scriptStore = client('script');
  for (const store of [toolstackStore, scriptStore]) store.connect();

  const guests = guestsOf(setting).map((guest) => {
    host.truths.push(GuestTruth.view(memory).at(take(`guest${guest}`, 'device', GuestTruth)));
    const paths = devicePaths(setting.use, guest);
    const backend = new IdentityBackend(host, {
      name: paths.backend,
      address: take(paths.backend, 'state', BackendState),
      guest,
      paths,
      store: client(paths.backend),
      ring: () => host.truth(guest).ring,
    });
    const opened = (): number | null => (backend.slot < 0 ? null : host.kernel.disk(backend.slot).diskseq);
    const names = [`script${guest}`, ...(hasSecondScript(setting) ? [`script${guest}b`] : [])];
    const scripts = names.map((name, which) => {
      const isOld = which === 1 && setting.secondIsOld;
      return new BlockScript(host, {
        name,
        number: guest * 2 + which - 1,
        address: take(name, 'state', ScriptState),
        guest,
        paths,
        store: scriptStore,
        content: isOld ? Content.B : Content.A,
        isOld,
        opened,
      });
    });
    const address = take('toolstack', `of guest ${guest}`, ToolstackState);
    const toolstack = new IdentityToolstack(host, { address, guest, paths, store: toolstackStore, backend, scripts });
    return { guest, backend, toolstack, scripts };
  });
  const machine = { memory, map, host, guests, clients };
  boot(machine);
  return machine;
}

function hasSecondScript({ plan }: IdentitySetting): boolean {
  return plan === 'twice' || plan === 'again';
}

function boot({ memory, host, guests }: IdentityMachine): void {
  const { setting, world } = host;
  const [kernel, next] = host.kernels as [Kernel, Kernel];
  kernel.boot();
  next.boot();
  makeDevices(kernel, setting);
  if (setting.plan === 'migrate' || setting.plan === 'migrate-copied') {
    // Other numbers, as on any other host.
    next.create(next.findFree('volume'), Content.B);
    next.renumber(next.findContent('volume', Content.B));
    next.create(next.findFree('volume'), Content.A);
  }
  for (const { guest, toolstack, backend } of guests) {
    if (guest === 2 && setting.staleDirectory) {
      const { store, paths } = toolstack.place;
      store.write(paths.node.PhysicalDevice, 'fd:0');
      store.write(paths.node.Identity, '3');
      continue;
    }
    toolstack.start();
    backend.start();
    // Until it waits in InitWait and has seen the event of its registration.
    if (!setting.probes) for (const task of [backend.probeTask, backend.watchTask]) while (task.ready()) task.step();
  }
  world.script_kills = setting.scriptKill === null ? 0 : 1;
  world.toolstack_kills = setting.toolstackKill ? 1 : 0;
  world.backend_kills = setting.backendKill ? 1 : 0;
  host.observed.clear();
  memory.reset();
}

function makeDevices(kernel: Kernel, setting: IdentitySetting): void {
  const { source, script, others } = setting;
  const slotOf = (name: string): number => SLOTS.findIndex((slot) => slot.name === name);
  const deletes = setting.deletesOnClose === true;
  if (script.number === 'decimal') kernel.create(slotOf('decoy'), Content.Other);
  switch (source) {
    case 'volume': {
      kernel.create(slotOf('dm-0'), Content.A, deletes);
      const writesB = others.some(({ action }) => action === 'write-number' || action === 'write-other-and-mode');
      if (setting.secondIsOld || writesB) kernel.create(slotOf('dm-1'), Content.B);
      break;
    }
    case 'file':
      for (const name of ['loop0', 'loop1']) kernel.prepare(slotOf(name));
      break;
    case 'partition':
      kernel.create(slotOf('sda'), Content.A);
      break;
    case 'removable':
      kernel.create(slotOf('sr0'), Content.A);
      break;
  }
}
