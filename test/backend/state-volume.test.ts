/**
 * A tpmback whose TPM keeps its state on a volume that has to be opened first, on the whole pair: oracle 6 for the vTPM,
 * what a refusal does to both ends, and that the check is in nobody's way.
 *
 * The races of such a volume with its block script are those of `vtpm-volume/NN`, in `block-identity/race-table.test.ts`.
 */
import t from 'tap';
import {
  BY_IDENTITY,
  BY_NUMBER,
  HELD,
  HELD_AND_CLAIMED,
  type OpeningRules,
} from '../../backend/device-opening/rules.js';
import { publishIdentity, withdrawIdentity } from '../../backend/identity-nodes.js';
import { closeVtpm } from '../../backend/toolstack-nodes.js';
import { explore } from '../../simulator/explore/explore.js';
import type { StoreClient, StoreOperation } from '../../simulator/store-client.js';
import { NO_FAULTS } from '../../simulator/world-options.js';
import { choicesOf, runUntil, type Situation, scenarioOf, shortest, take, worldOf } from '../support/worlds.js';

const PAIRS = ['quiesce', 'sequenced'] as const;
const SCENARIOS = ['connect', 'clean-migration', 'cancelled-suspend', 'save-restore', 'backend-restart'] as const;
const BACK = '/local/domain/0/backend/vtpm/1/0';
const ERROR = '/local/domain/0/error/backend/vtpm/1/0/error';

function withVolume(front: string, scenario: Situation['scenario'], rules: OpeningRules, recycles = 0): Situation {
  return { front, scenario, commands: 1, grain: 'coarse', stateVolume: { rules, recycles } };
}

t.test('where no volume is made anew, the verdict is that of the pair without a volume', async (t) => {
  for (const front of PAIRS) {
    for (const scenario of SCENARIOS) {
      const bare = explore(worldOf({ front, scenario, commands: 1, grain: 'coarse' }), { order: 'dfs' });
      for (const rules of [BY_NUMBER, BY_IDENTITY, HELD, HELD_AND_CLAIMED]) {
        const { oracle, complete } = explore(worldOf(withVolume(front, scenario, rules)), { order: 'dfs' });
        t.strictSame([oracle, complete], [bare.oracle, bare.complete], `${front} ${scenario}`);
      }
    }
  }
});

// A number that is used again leads to another volume, and nothing but the number is looked at.
t.test('opened by number alone, a vTPM is served from the state of another', async (t) => {
  for (const front of PAIRS) {
    const { oracle, steps } = shortest(worldOf(withVolume(front, 'connect', BY_NUMBER, 1)), ['right-device']);
    t.equal(oracle, 'right-device', front);
    const anew = steps.indexOf('fault/volume of tpm1 made anew');
    t.ok(anew >= 0 && anew < steps.findIndex((step) => step.startsWith('tpmback1.serve')), steps.join());
  }
});

// At a migration the volume of the target can be recycled; a backend that was killed opens its volume again.
t.test('also by the backend of the target, and by one that was restarted', async (t) => {
  const target = shortest(worldOf(withVolume('sequenced', 'clean-migration', BY_NUMBER, 1)), ['right-device']);
  t.ok(target.steps.includes('fault/volume of tpm2 made anew'), target.steps.join());
  const restarted = shortest(worldOf(withVolume('sequenced', 'backend-restart', BY_NUMBER, 1)), ['right-device']);
  t.equal(restarted.oracle, 'right-device');
});

// Whatever is made anew has another diskseq, and the comparison comes after the open, from where on nothing is removed.
t.test('opened by identity, no vTPM is ever served from the state of another', async (t) => {
  for (const front of PAIRS) {
    for (const scenario of SCENARIOS) {
      for (const rules of [BY_IDENTITY, HELD_AND_CLAIMED]) {
        const world = worldOf(withVolume(front, scenario, rules, 1));
        const { oracle, complete } = explore(world, { order: 'dfs', oracles: ['right-device'] });
        t.strictSame([oracle, complete], [null, true], `${front} ${scenario}`);
      }
    }
  }
});

/** The vTPM is refused before its guest has looked for it. */
function refused(listener: (operation: StoreOperation) => void, scenario: Situation['scenario'] = 'connect') {
  const world = worldOf({ ...withVolume('sequenced', scenario, HELD, 1), listener });
  const [{ backend, volume }] = world.machine.slots;
  take(world, 'fault/volume of tpm1');
  runUntil(world, () => backend.store.peek(`${BACK}/state`) === '5', ['guest1']);
  return { world, backend, volume };
}

t.test('a refusal says in the error node what was expected and found, and the guest is told of no vTPM', async (t) => {
  const operations: StoreOperation[] = [];
  const { world, backend, volume } = refused((operation) => operations.push(operation));
  t.match(
    backend.store.peek(ERROR),
    /^19 expected device fd:0, diskseq a, found fd:0, diskseq b: the device was removed/,
  );
  t.equal(volume?.openers, 0);
  runUntil(world, () => false);
  const written = operations.filter(({ operation, path }) => operation === 'WRITE' && path.startsWith('backend/'));
  t.notOk(
    written.some(({ path, value }) => path.endsWith('/ready') || (path.endsWith('/state') && value === '4')),
    'neither ready nor Connected',
  );
  t.strictSame(
    written.filter(({ path }) => path.endsWith('/opened')).map(({ value }) => value),
    ['0'],
  );
});

t.test('a vTPM that was refused can be taken away', async (t) => {
  const { world, backend } = refused(() => undefined);
  closeVtpm(backend.store, { frontend: 1, backend: 0, instance: false });
  runUntil(world, () => false, ['guest1']);
  t.equal(backend.store.peek(`${BACK}/state`), '6');
});

t.test('a volume in use is let go when the vTPM is taken away', async (t) => {
  const world = worldOf(withVolume('sequenced', 'connect', HELD));
  const [{ backend, volume }] = world.machine.slots;
  runUntil(world, () => false);
  t.equal(volume?.openers, 1);
  closeVtpm(backend.store, { frontend: 1, backend: 0, instance: false });
  runUntil(world, () => backend.store.peek(`${BACK}/state`) === '6', ['guest1']);
  t.equal(volume?.openers, 0);
});

t.test('a guest that is early waits until the volume has been named and opened', async (t) => {
  const world = worldOf(withVolume('sequenced', 'connect', HELD));
  const [{ backend, volume }] = world.machine.slots;
  const named = { major: 0xfd, minor: 0, diskseq: volume?.identity().diskseq ?? null, bootId: null };
  withdrawIdentity(backend.store, BACK);
  runUntil(world, () => false);
  t.equal(backend.store.peek('/local/domain/1/device/vtpm/0/state'), '3', 'it has offered its ring');
  t.equal(backend.store.peek(`${BACK}/state`), '2');
  t.equal(backend.store.peek(`${BACK}/ready`), null);
  publishIdentity(backend.store, BACK, named);
  runUntil(world, () => false);
  t.equal(backend.store.peek(`${BACK}/state`), '4');
  t.equal(world.machine.slots[0].device.state.executed, 1);
});

t.test('nodes that are corrected are taken, and the guest gets its vTPM', async (t) => {
  const { world, backend, volume } = refused(() => undefined);
  withdrawIdentity(backend.store, BACK);
  publishIdentity(backend.store, BACK, { major: 0xfd, minor: 0, diskseq: 0xbn, bootId: null });
  take(world, 'tpmback1/watches');
  t.equal(backend.store.peek(`${BACK}/state`), '2', 'it waits for the guest again');
  t.equal(backend.store.peek(`${BACK}/opened`), '1');
  t.equal(volume?.openers, 1);
  runUntil(world, () => false);
  t.equal(backend.store.peek(`${BACK}/state`), '4');
  t.equal(world.machine.slots[0].device.state.executed, 1, 'the command was executed');
  t.strictSame(choicesOf(world), []);
});

const MORTAL = scenarioOf('connect', { faults: { ...NO_FAULTS, backendKills: 1 } });

/** As `refused`, and its process dies; `unseen` is what happens meanwhile, of which it hears nothing. */
function refusedAndKilled(unseen: (store: StoreClient) => void) {
  const { world, backend, volume } = refused(() => undefined, MORTAL);
  unseen(backend.store);
  take(world, 'fault/kill tpmback1');
  take(world, 'supervisor/restart tpmback1');
  return { world, backend, volume };
}

const CORRECTED = { major: 0xfd, minor: 0, diskseq: 0xbn, bootId: null };

// What it finds is its own Closing. The device is online: it closes, looks anew, and opens for a frontend that begins.
t.test('a backend that dies after a refusal refuses again, until the nodes are corrected', async (t) => {
  const { world, backend, volume } = refusedAndKilled(() => undefined);
  runUntil(world, () => false, ['guest1', 'fault/']);
  t.equal(backend.store.peek(`${BACK}/state`), '5');
  t.match(backend.store.peek(ERROR), /^19 expected device fd:0, diskseq a, found fd:0, diskseq b/);
  t.equal(volume?.openers, 0);
  withdrawIdentity(backend.store, BACK);
  publishIdentity(backend.store, BACK, CORRECTED);
  take(world, 'tpmback1/watches');
  t.equal(backend.store.peek(`${BACK}/state`), '2', 'it waits for the guest');
  runUntil(world, () => false, ['fault/']);
  t.equal(backend.store.peek(`${BACK}/state`), '4');
  t.equal(world.machine.slots[0].device.state.executed, 1, 'the command was executed');
});

t.test('nodes that are corrected while no backend runs are taken by the next one', async (t) => {
  const { world, backend, volume } = refusedAndKilled((store) => {
    withdrawIdentity(store, BACK);
    publishIdentity(store, BACK, CORRECTED);
  });
  runUntil(world, () => false, ['guest1', 'fault/']);
  t.equal(backend.store.peek(`${BACK}/state`), '2', 'it waits for the guest, which has not begun');
  t.equal(volume?.openers, 1);
  runUntil(world, () => false, ['fault/']);
  t.equal(backend.store.peek(`${BACK}/state`), '4');
  t.equal(world.machine.slots[0].device.state.executed, 1);
});

t.test('a backend that dies after a refusal is not in the way of a device that is taken away', async (t) => {
  const { world, backend, volume } = refusedAndKilled((store) =>
    closeVtpm(store, { frontend: 1, backend: 0, instance: false }),
  );
  runUntil(world, () => false, ['guest1', 'fault/']);
  t.equal(backend.store.peek(`${BACK}/state`), '6');
  t.equal(volume?.openers, 0);
});
