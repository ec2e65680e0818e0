/**
 * A depth-first search that is interrupted, again and again, sees what one sees that is not; and what is tried besides
 * does not change it.
 */
import fc from 'fast-check';
import t from 'tap';
import { TRIAL_AFTER } from '../../simulator/explore/adapt.js';
import { beginDepthFirst, type DepthFirst } from '../../simulator/explore/depth-first.js';
import { ReducedDepthFirst } from '../../simulator/explore/dpor.js';
import { type Explorable, explore, type Search } from '../../simulator/explore/explore.js';
import { rememberedOf } from '../../simulator/remembered/remembered-steps.js';
import { ProgramWorld } from '../support/program-world.js';
import { anyProgram } from '../support/programs.js';
import { recordedSession } from '../support/sessions.js';
import { worldOf } from '../support/worlds.js';

/** No failure ends a search: there is more to see. */
const NO_ORACLE = 0;

type Begin = (search: Search) => DepthFirst;

const SEARCHES: Readonly<Record<string, Begin>> = {
  plain: (search) => beginDepthFirst(search),
  stubborn: (search) => new ReducedDepthFirst(search, search.world.steps as NonNullable<Explorable['steps']>, false),
  dpor: (search) => new ReducedDepthFirst(search, search.world.steps as NonNullable<Explorable['steps']>, true),
};

/** What a search says at its end that is interrupted after each `stride` states; once, when that is infinite. */
function said(begin: Begin, world: Explorable, remember: boolean, stride: number): string {
  const search: Search = {
    world,
    mask: NO_ORACLE,
    maxStates: Number.POSITIVE_INFINITY,
    onProgress: () => {},
    remembered: remember ? rememberedOf(world) : null,
  };
  const { hashLow, hashHigh, journalLength } = world.memory;
  const running = begin(search);
  for (let limit = stride; ; limit += stride) {
    const found = running.run(limit);
    const { memory } = world;
    if (memory.hashLow !== hashLow || memory.hashHigh !== hashHigh || memory.journalLength !== journalLength)
      return 'the world is not as it was';
    if (found.complete) return JSON.stringify(found);
    if (found.states < limit) return 'it ended, and was not complete';
    // Whoever uses the world in between leaves it as it was.
    if (search.remembered !== null) explore(world, { order: 'dfs', maxStates: 3, oracles: [] });
  }
}

for (const [name, begin] of Object.entries(SEARCHES))
  for (const remember of [true, false])
    t.test(`${name}, ${remember ? 'steps remembered' : 'steps run'}: random programs`, async () => {
      const programs = anyProgram({ loops: true, variables: 4 });
      fc.assert(
        fc.property(programs, fc.integer({ min: 2, max: 40 }), (program, stride) => {
          const whole = said(begin, new ProgramWorld(program), remember, Number.POSITIVE_INFINITY);
          return whole === said(begin, new ProgramWorld(program), remember, stride);
        }),
        { numRuns: 150 },
      );
    });

t.test('worlds of drivers', async (t) => {
  for (const [name, begin] of Object.entries(SEARCHES))
    for (const scenario of ['cancelled-suspend', 'backend-restart']) {
      const world = () => worldOf({ front: 'linux', scenario, commands: 1 });
      const whole = said(begin, world(), true, Number.POSITIVE_INFINITY);
      t.equal(said(begin, world(), true, 97), whole, `${name}, ${scenario}`);
    }
});

t.test('where a trial shows that no reduction pays, the plain search has lost nothing', async (t) => {
  const world = () =>
    worldOf({
      front: 'sequenced',
      scenario: 'cancelled-suspend',
      session: recordedSession('context_juggling'),
      commands: 120,
    });
  const plain = explore(world(), { order: 'dfs', reduction: 'hosts' });
  t.ok(plain.states > TRIAL_AFTER, 'large enough to be tried');
  t.strictSame(explore(world(), { order: 'dfs' }), plain);
});
