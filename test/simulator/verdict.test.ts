import t from 'tap';
import { NoHookTpmfront } from '../../frontend/tpmfront/no-hook.js';
import { decide } from '../../simulator/verdict.js';
import { pairingOf } from '../support/pairings.js';
import { frontOf } from '../support/worlds.js';

const THREE = { commands: 3 };

t.test('a failing verdict has a schedule as short as breadth-first search finds', async (t) => {
  const pairing = pairingOf('linux', 'checkpoint');
  const both = decide(pairing, THREE);
  const shortest = decide(pairing, { ...THREE, order: 'bfs' });
  const deep = decide(pairing, { ...THREE, order: 'dfs' });
  t.strictSame(both, shortest);
  t.equal(both.oracle, 'in-step');
  t.ok(deep.schedule.length > shortest.schedule.length);
  t.match(both, {
    scenario: 'checkpoint',
    tpmfront: 'linux',
    tpmback: 'v2',
    holds: false,
    complete: false,
    fault: null,
  });
});

t.test('a verdict that holds is complete, whatever the order', async (t) => {
  const pairing = pairingOf('sequenced', 'checkpoint');
  const dfs = decide(pairing, THREE);
  t.match(dfs, { holds: true, complete: true, oracle: null, schedule: [], token: null });
  const { states, transitions } = decide(pairing, { ...THREE, order: 'bfs' });
  t.strictSame({ states, transitions }, { states: dfs.states, transitions: dfs.transitions });
});

t.test('a search that reaches its bound proves nothing', async (t) => {
  const pairing = pairingOf('sequenced', 'checkpoint');
  t.match(decide(pairing, { ...THREE, maxStates: 50 }), { holds: true, complete: false, states: 50 });
});

t.test('a bound that ends the second search leaves the failure of the first', async (t) => {
  const pairing = pairingOf('resend', 'backend-restart');
  const deep = decide(pairing, { ...THREE, order: 'dfs' });
  const shortest = decide(pairing, { ...THREE, order: 'bfs' });
  const maxStates = deep.states + 1;
  t.ok(maxStates < shortest.states);
  t.strictSame(decide(pairing, { ...THREE, maxStates }), deep);
});

t.test('a driver that throws is a failure with a schedule, and says what it threw', async (t) => {
  class Throwing extends NoHookTpmfront {
    override interrupt(): void {
      throw new Error('no such state');
    }
  }
  const pairing = {
    ...pairingOf('no-hook', 'checkpoint'),
    tpmfront: frontOf('no-hook', (services) => new Throwing(services)),
  };
  const verdict = decide(pairing, THREE);
  t.match(verdict, { holds: false, oracle: 'driver-fault', fault: 'Error: no such state' });
  t.equal(verdict.schedule.at(-1), 'guest1.tpmfront/interrupt');
});

t.test('ends of different rings are refused', async (t) => {
  const pairing = { ...pairingOf('linux', 'checkpoint'), tpmback: pairingOf('wait-loop', 'checkpoint').tpmback };
  t.throws(() => decide(pairing), { code: 'USAGE' });
});
