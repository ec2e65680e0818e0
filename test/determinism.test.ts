/**
 * Determinism: the same world explored twice is explored alike, a small world has as many states as can be counted on
 * paper, and the reductions leave out states but no failure.
 */
import t from 'tap';
import { explore } from '../simulator/explore/explore.js';
import type { World } from '../simulator/world.js';
import { ORACLE_NAMES } from '../simulator/world-state.js';
import { CONNECTED, choicesOf, everyState, type Situation, scenarioOf, worldOf } from './support/worlds.js';

const SITUATIONS: readonly Situation[] = [
  { front: 'sequenced', scenario: 'clean-migration' },
  { front: 'linux', scenario: 'clean-migration' },
  { front: 'wait-loop', scenario: 'cancelled-suspend' },
  { front: 'ring-handoff', scenario: 'backend-restart' },
  { front: 'quiesce', scenario: 'toolstack-dies', grain: 'coarse' },
];

/** Hash, names of what can happen, for each state on the way on which the last choice is always taken. */
function way(world: World): string[] {
  const states: string[] = [];
  for (;;) {
    const choices = choicesOf(world);
    const names = choices.map((choice) => world.describe(choice));
    states.push(`${world.memory.hashLow} ${world.memory.hashHigh}: ${names.join(', ')}`);
    const last = choices.at(-1);
    if (last === undefined) return states;
    world.step(last);
  }
}

t.test('a world built and explored twice gives the same states, transitions and choices', async (t) => {
  for (const situation of SITUATIONS) {
    for (const order of ['dfs', 'bfs'] as const) {
      const world = worldOf(situation);
      const first = explore(world, { order });
      t.strictSame(explore(world, { order }), first, 'again in the same world');
      t.strictSame(explore(worldOf(situation), { order }), first, 'in another world');
    }
  }
});

t.test('an exploration leaves the world as it was', async (t) => {
  for (const situation of SITUATIONS) {
    const world = worldOf(situation);
    explore(world, { order: 'dfs' });
    t.strictSame([world.memory.hashLow, world.memory.hashHigh, world.memory.journalLength], [0, 0, 0]);
    t.strictSame(way(world), way(worldOf(situation)));
  }
});

t.test('one schedule leads through the same states in every world, and to the same end', async (t) => {
  for (const situation of SITUATIONS) {
    const states = way(worldOf(situation));
    t.ok(states.length > 20);
    t.strictSame(way(worldOf(situation)), states);
  }
});

t.test('commands and nothing else: 12 steps each, one after the other', async (t) => {
  // issue, fill, publish, notify | interrupt, fetch, execute, complete, respond, finish, notify | interrupt: 12 steps,
  // and at no time can two of them happen. At the end the user finds that there is no further command: 1 step. So n
  // commands have 12 n + 1 steps, and one state more.
  for (const commands of [1, 2, 3]) {
    const { states, transitions, depth } = explore(worldOf({ front: 'quiesce', scenario: CONNECTED, commands }), {
      order: 'dfs',
    });
    t.equal(states, 12 * commands + 2);
    t.equal(transitions, 12 * commands + 1);
    t.equal(depth, 12 * commands);
  }
});

t.test('one command and one event that nobody sent: 63 states', async (t) => {
  // Number the 14 states of one command 0 to 13 (above). The fault has not struck:                            14
  // It has, and its event has been taken:                                                                     14
  // Its event waits at the guest: one more for each state but 11, where the guest's real event waits:         13
  //   In state 10 the response is in the page and the notification is not sent yet. Taken there, the event
  //   gives the user its answer early; notification and the user's last step are still to come, in any order: 2
  // Its event waits at the backend: for each state but 4, where the backend's real event waits:               13
  //   In state 3 the request is in the page and the notification is not sent yet. Taken there, the backend
  //   serves it, and the guest's notification may come at any of its 6 steps or after them:                   7
  const { states } = explore(worldOf({ front: 'quiesce', scenario: 'spurious-event', commands: 1 }), { order: 'dfs' });
  t.equal(states, 14 + 14 + 13 + 2 + 13 + 7);
});

/** Every oracle that fails in any state, and the number of states. */
function failures(situation: Situation): { failed: string[]; states: number } {
  const world = worldOf({ commands: 1, ...situation });
  let bits = 0;
  const { states } = everyState(world, () => {
    bits |= world.violations;
  });
  return { failed: ORACLE_NAMES.filter((_, oracle) => (bits & (1 << oracle)) !== 0), states };
}

const FRONTS = ['wait-loop', 'resend', 'no-hook', 'quiesce', 'ring-handoff', 'sequenced'];

t.test('the reductions leave out states and no failure: migrations that complete', async (t) => {
  for (const front of FRONTS) {
    for (const scenario of ['clean-migration', 'slow-command']) {
      const reduced = failures({ front, scenario });
      const full = failures({ front, scenario, reduction: false });
      t.strictSame(reduced.failed, full.failed, `${front} ${scenario}`);
      t.ok(reduced.states < full.states, `${reduced.states} of ${full.states} states`);
    }
  }
});

t.test('the reductions leave out states and no failure: with a toolstack that dies, and with Linux', async (t) => {
  const situations: readonly Situation[] = [
    { front: 'wait-loop', scenario: 'toolstack-dies' },
    { front: 'quiesce', scenario: 'toolstack-dies' },
    { front: 'ring-handoff', scenario: 'toolstack-dies' },
    { front: 'linux', scenario: 'clean-migration' },
  ];
  for (const situation of situations) {
    const reduced = failures(situation);
    const full = failures({ ...situation, reduction: false });
    t.strictSame(reduced.failed, full.failed);
    t.ok(reduced.states < full.states, `${reduced.states} of ${full.states} states`);
  }
});

t.test('until both images are complete there is nothing to leave out', async (t) => {
  for (const front of FRONTS) {
    for (const scenario of ['cancelled-suspend', 'save-fails']) {
      t.strictSame(
        failures({ front, scenario }),
        failures({ front, scenario, reduction: false }),
        `${front} ${scenario}`,
      );
    }
  }
});

t.test('where the source may run again, or a backend die at any moment, nothing is left out', async (t) => {
  const faults = { ...scenarioOf('backend-restart').faults };
  for (const scenario of ['both-copies-run', scenarioOf('clean-migration', { faults })]) {
    const situation: Situation = { front: 'quiesce', scenario, grain: 'coarse' };
    t.strictSame(failures(situation), failures({ ...situation, reduction: false }));
  }
});
