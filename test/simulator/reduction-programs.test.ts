/**
 * The reductions on thousands of small random programs: whatever the program, they see the same ends and the same wrongs
 * as the search that leaves nothing out. And they do not where a single kind of access is kept from them.
 */
import fc from 'fast-check';
import t from 'tap';
import { type Exploration, explore, type Reduction } from '../../simulator/explore/explore.js';
import { type Deaf, type Program, ProgramWorld } from '../support/program-world.js';
import { anyProgram } from '../support/programs.js';

// However loaded the machine is.

const SHAPES = [2, 4, 6].flatMap((variables) => [false, true].map((loops) => ({ variables, loops })));
const REDUCED = ['sleep', 'stubborn', 'dpor'] as const;

interface Seen {
  readonly found: Exploration;
  readonly ends: readonly string[];
  readonly wrongs: readonly string[];
}

/** Nothing that goes wrong ends the search. */
function seen(program: Program, reduction: Reduction, deaf: Deaf | null = null): Seen {
  const world = new ProgramWorld(program, deaf);
  const found = explore(world, { order: 'dfs', oracles: [], reduction, maxStates: 20_000 });
  return { found, ends: [...world.ends].sort(), wrongs: [...world.wrongs].sort() };
}

function agree(program: Program, reduction: Reduction, deaf: Deaf | null = null): boolean {
  const { found, ends, wrongs } = seen(program, reduction, deaf);
  const none = seen(program, 'none');
  const { states, cyclic } = none.found;
  if (!none.found.complete) return true;
  return (
    found.complete &&
    ends.join() === none.ends.join() &&
    wrongs.join() === none.wrongs.join() &&
    (cyclic ? found.cyclic : true) &&
    (reduction === 'sleep' ? found.states === states : found.states <= states) &&
    found.transitions <= none.found.transitions
  );
}

for (const shape of SHAPES) {
  const what = `${shape.variables} variables, ${shape.loops ? 'with' : 'without'} loops`;
  t.test(`every end and every wrong is seen: ${what}`, { timeout: 300_000 }, async () => {
    fc.assert(
      fc.property(anyProgram(shape), (program) => REDUCED.every((reduction) => agree(program, reduction))),
      { numRuns: 500 },
    );
  });
}

t.test('a step that was never asked whether it can act depends on where its task stands', async (t) => {
  // Once 1 has added to 2, which closes its own gate, 3 could start it anew; only 0 opens the gate, before that or after. If
  // 3 is taken alone, the last step of 1 never happens.
  const program: Program = {
    agents: [
      { kind: 'urgent', gate: null, starts: true, code: [{ op: 'store', word: 2, value: 0 }] },
      {
        kind: 'urgent',
        gate: 2,
        starts: true,
        code: [
          { op: 'start', agent: 2 },
          { op: 'add', word: 2 },
          { op: 'store', word: 0, value: 2 },
        ],
      },
      { kind: 'urgent', gate: 1, starts: false, code: [{ op: 'start', agent: 1 }] },
    ],
    kills: 0,
  };
  const none = seen(program, 'none');
  for (const reduction of REDUCED) t.strictSame(seen(program, reduction).ends, none.ends, reduction);
});

t.test('what is kept from the learner of footprints is missed', { timeout: 300_000 }, async (t) => {
  const cases: readonly [Deaf, readonly Reduction[]][] = [
    ['loads', REDUCED],
    ['stores', REDUCED],
    ['silent stores', REDUCED],
    ['conditions', REDUCED],
    ['kills', ['stubborn', 'dpor']],
  ];
  for (const [deaf, reductions] of cases) {
    for (const reduction of reductions) {
      const property = fc.property(anyProgram({ loops: false, variables: 3 }), (program) =>
        agree(program, reduction, deaf),
      );
      t.ok(fc.check(property, { numRuns: 20_000, seed: 1, endOnFailure: true }).failed, `${reduction}, ${deaf}`);
    }
  }
});

t.test('a failure is found whatever the reduction, and its choices lead to it', async () => {
  fc.assert(
    fc.property(anyProgram({ loops: true, variables: 3 }), (program) => {
      const found = (['none', ...REDUCED] as const).map((reduction) => {
        const world = new ProgramWorld(program);
        const { holds, complete, choices } = explore(world, {
          order: 'dfs',
          oracles: ['right-answer'],
          reduction,
          maxStates: 20_000,
        });
        for (const choice of choices) world.step(choice);
        return { holds, complete, wrong: world.violations !== 0 };
      });
      const [none] = found;
      if (none === undefined || (none.holds && !none.complete)) return true;
      return found.every(({ holds, wrong }) => holds === none.holds && wrong === !holds);
    }),
    { numRuns: 500 },
  );
});
