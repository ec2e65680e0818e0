/** What each kind of xenstored promises its clients, when their requests are interleaved in every order. */
import t from 'tap';
import { STORE_RACES, storeRace } from '../../scenarios/store-races.js';
import { explore } from '../../simulator/explore/explore.js';
import { StoreWorld } from '../../simulator/store-races/world.js';
import { DAEMONS } from '../../simulator/world-options.js';
import { shortestFailure } from '../support/explorable.js';

for (const { name, why } of STORE_RACES) {
  t.test(`${name}: ${why}`, async (t) => {
    for (const daemon of DAEMONS) {
      const world = new StoreWorld(storeRace(name, daemon));
      const { holds, complete, oracle, states } = explore(world, { order: 'dfs' });
      t.strictSame({ holds, complete, oracle }, { holds: true, complete: true, oracle: null }, `${daemon}: ${states}`);
    }
  });
}

t.test('an update outside of a transaction is lost, and the oracle says so', async (t) => {
  for (const daemon of DAEMONS) {
    const race = storeRace('counter', daemon);
    // Whoever reads and writes without a transaction cannot know that somebody was faster.
    const careless = race.scripts.map((script) => ({
      ...script,
      steps: script.steps.map((step) =>
        step.name === 'begin' || step.name === 'commit'
          ? { ...step, run: step.name === 'begin' ? () => {} : done }
          : step,
      ),
    }));
    const { exploration } = shortestFailure(new StoreWorld({ ...race, scripts: careless }));
    t.equal(exploration.oracle, 'exactly-once', daemon);
  }
  function done(caller: { set(index: number, value: number): void }): void {
    caller.set(2, 1);
  }
});

t.test('a node that is readable by mistake is told of, and the oracle says so', async (t) => {
  for (const daemon of DAEMONS) {
    const race = storeRace('permissions', daemon);
    const open = {
      type: 'setPerms',
      path: '/local/domain/1/secret',
      permissions: [{ access: 'r', domid: 1 }],
    } as const;
    const { exploration } = shortestFailure(new StoreWorld({ ...race, prepare: [...race.prepare, open] }));
    t.equal(exploration.oracle, 'store-permissions', daemon);
  }
});
