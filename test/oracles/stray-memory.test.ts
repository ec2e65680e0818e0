/**
 * The oracle *stray memory* trips on a load or store of a page that is neither the agent's own nor mapped, and on a
 * store after the mapping has ended. The message names the domain, the page and the field.
 */
import t from 'tap';
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2, TpmbackV2State } from '../../backend/tpmback/v2.js';
import { DRIVER_PFN } from '../../frontend/guest-memory.js';
import type { GuestServices } from '../../frontend/tpmfront/tpmfront.js';
import { V2Tpmfront } from '../../frontend/tpmfront/v2.js';
import type { Host } from '../../hypervisor/host.js';
import type { DONE } from '../../hypervisor/steps.js';
import { TpmifSharedPage, TpmifState } from '../../protocol/tpmif-v2.js';
import { oracleBit } from '../../simulator/world-state.js';
import { backOf, CONNECTED, frontOf, shortest, worldOf } from '../support/worlds.js';

const scenario = CONNECTED;

/** Looks whether the guest's driver is busy, in a page that the guest never granted. */
class Peeks extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override fetch(): string | typeof DONE {
    const { memory, host, frontendDomid } = this.services;
    memory.read8(((host as Host).find(frontendDomid())?.page(DRIVER_PFN) ?? 0) + 2);
    return super.fetch();
  }
}

/** Unmaps the ring page, remembers where it was, and stores to it once more. */
class StoresAfterUnmap extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override notify(): void {
    const { memory, host } = this.services;
    const page = host.grants.address(this.state.handle);
    host.grants.unmap(this.state.handle);
    memory.write8(page + TpmifSharedPage.offset.state, TpmifState.Idle);
  }
}

/** Uses a handle that is no longer valid. */
class UsesDeadHandle extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override fetch(): string | typeof DONE {
    this.services.host.grants.unmap(this.state.handle);
    return super.fetch();
  }
}

/** Clears a flag of the backend process, which lives in another domain. */
class Reaches extends V2Tpmfront {
  readonly name = 'reaches';
  readonly #backendPage: () => number;

  constructor(services: GuestServices, backendPage: () => number) {
    super(services, 'reaches', {});
    this.#backendPage = backendPage;
  }

  override fill(): void {
    super.fill();
    this.memory.write8(this.#backendPage() + TpmbackV2State.offset.connected, 0);
  }
}

t.test('a load of a page that was never granted names domain, page and field', async (t) => {
  const world = worldOf({ front: 'quiesce', back: backOf('v2', (services) => new Peeks(services)), scenario });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'stray-memory');
  t.equal(world.violations, oracleBit('stray-memory'), 'and nothing else is wrong');
  t.equal(fault, 'load of guest1 driver: tpmfront quiesce.busy, which it may not touch');
  t.equal(steps.at(-1), 'tpmback1.serve/fetch');
});

t.test('a store after the mapping has ended names domain, page and field', async (t) => {
  const back = backOf('v2', (services) => new StoresAfterUnmap(services));
  const world = worldOf({ front: 'quiesce', back, scenario });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'stray-memory');
  t.equal(world.violations, oracleBit('stray-memory'));
  t.equal(fault, 'store of guest1 ring page 0: tpmif_shared_page.state, which it may not touch');
  t.equal(steps.at(-1), 'tpmback1.serve/notify');
});

t.test('a handle that is no longer valid leads to a page that nobody may touch', async (t) => {
  const back = backOf('v2', (services) => new UsesDeadHandle(services));
  const world = worldOf({ front: 'quiesce', back, scenario });
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'stray-memory');
  t.match(fault, /^load of .*, which it may not touch$/);
  t.equal(steps.at(-1), 'tpmback1.serve/fetch');
});

t.test("a guest that stores to another domain's page is stopped as well", async (t) => {
  let page = 0;
  const world = worldOf({ front: frontOf('no-hook', (services) => new Reaches(services, () => page)), scenario });
  page = world.map.regions.find(({ owner, name }) => owner === 'tpmback1' && name === 'process')?.address ?? 0;
  const { oracle, fault, steps } = shortest(world);
  t.equal(oracle, 'stray-memory');
  t.equal(world.violations, oracleBit('stray-memory'));
  t.equal(fault, 'store of tpmback1 process: tpmback v2.connected, which it may not touch');
  t.equal(steps.at(-1), 'guest1.tpmfront.transmit/fill');
});
