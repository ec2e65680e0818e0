/**
 * Hangs that go on for ever: a fair way round is a failure, an unfair one is not, whatever the reduction.
 */
import fc from 'fast-check';
import t from 'tap';
import { CHOICES_MAX, explore, REDUCTIONS } from '../../simulator/explore/explore.js';
import { type Agent, type Instruction, type Program, ProgramWorld } from '../support/program-world.js';
import { anyProgram } from '../support/programs.js';

const agent = (code: readonly Instruction[], kind: Agent['kind'] = 'urgent'): Agent => ({
  kind,
  gate: null,
  starts: true,
  code,
});
/** Goes round for as long as `word` is 0. */
const poll = (word: number): Agent => agent([{ op: 'goto-if', word, value: 0, label: 1 }]);
const store = (word: number, value: number): Instruction => ({ op: 'store', word, value });

function verdicts(agents: readonly Agent[]): readonly (string | null)[] {
  return REDUCTIONS.map((reduction) => {
    const world = new ProgramWorld({ agents, kills: 0 });
    const { oracle, complete, holds } = explore(world, { order: 'dfs', oracles: ['no-hang'], reduction });
    return complete === holds ? oracle : 'neither complete nor failed';
  });
}

const NO_ALARM = REDUCTIONS.map(() => null);
const HANG = REDUCTIONS.map(() => 'no-hang');

t.test('who polls for what nobody will ever do hangs', async (t) => {
  t.strictSame(verdicts([poll(0)]), HANG);
  t.strictSame(verdicts([poll(0), agent([store(1, 1)])]), HANG, 'others have long come to their end');
  t.strictSame(verdicts([poll(0), poll(1)]), HANG, 'two go round each other');
});

t.test('who polls while another is about to act is only unlucky', async (t) => {
  t.strictSame(verdicts([poll(0), agent([store(0, 1)])]), NO_ALARM);
  t.strictSame(verdicts([poll(0), agent([store(1, 1), store(2, 2), store(0, 1)])]), NO_ALARM);
  t.strictSame(verdicts([poll(0), poll(1), agent([store(1, 1)]), agent([store(0, 1)])]), NO_ALARM);
});

t.test('a fault need not strike, so waiting for one is a hang', async (t) => {
  t.strictSame(verdicts([poll(0), agent([store(0, 1)], 'fault')]), HANG);
  t.strictSame(verdicts([poll(0), agent([store(0, 1)], 'idle')]), NO_ALARM, 'but who takes his time acts');
});

t.test('fairness is weak: who can act only now and then may miss each time', async (t) => {
  // The second waits for a moment at which variable 1 is 1; the first lets it be 1 and 0 in turn, until variable 0 is set.
  const blink = agent([store(1, 1), store(1, 0), { op: 'goto-if', word: 0, value: 0, label: 1 }]);
  const watcher = agent([{ op: 'await', word: 1, value: 1 }, store(0, 1)]);
  t.strictSame(verdicts([blink, watcher]), HANG);
});

t.test('who polls keeps time from passing, so a timer does not help him', async (t) => {
  const timed = agent([{ op: 'set-timer', timer: 0, value: 2 }, { op: 'await-timer', timer: 0 }, store(0, 1)]);
  t.strictSame(verdicts([poll(0), timed]), HANG);
  t.strictSame(verdicts([{ ...poll(0), kind: 'idle' }, timed]), NO_ALARM);
});

t.test('the way round that is reported is one, and is fair; where none is reported there is none', async (t) => {
  let hangs = 0;
  fc.assert(
    fc.property(anyProgram({ loops: true, variables: 2 }), (program) => {
      const world = new ProgramWorld(program);
      const found = explore(world, { order: 'dfs', oracles: ['no-hang'], maxStates: 3000 });
      if (found.holds && !found.complete) return true;
      if (!found.holds) hangs++;
      return found.holds ? !hasFairCycle(program) : endsInFairCycle(world, found.choices);
    }),
    { numRuns: 500 },
  );
  t.ok(hangs > 10, `${hangs} hangs`);
});

function offered(world: ProgramWorld): number[] {
  const choices = new Int32Array(CHOICES_MAX);
  return [...choices.subarray(0, world.enumerate(choices))];
}

const usual = (world: ProgramWorld): number[] => offered(world).filter((choice) => !world.isFault(choice));

/** Some suffix of the schedule leads back to its beginning, and everybody acts or cannot act somewhere in it. */
function endsInFairCycle(world: ProgramWorld, choices: readonly number[]): boolean {
  const places = [{ key: keyOf(world), usual: usual(world) }];
  for (const choice of choices) {
    if (!offered(world).includes(choice)) return false;
    world.step(choice);
    places.push({ key: keyOf(world), usual: usual(world) });
  }
  return places.slice(0, -1).some((place, start) => {
    if (place.key !== places.at(-1)?.key) return false;
    return place.usual.every(
      (choice) =>
        choices.slice(start).includes(choice) || places.slice(start).some((later) => !later.usual.includes(choice)),
    );
  });
}

/**
 * By another way than the explorer's: from each state, together with those who could complain, until nobody can and the
 * state is the same again.
 */
function hasFairCycle(program: Program): boolean {
  const world = new ProgramWorld(program);
  const { memory } = world;
  const seen = new Set<string>();
  let found = false;
  const each = (visit: (choice: number) => void): void => {
    const { journalLength, hashLow, hashHigh } = memory;
    for (const choice of offered(world)) {
      world.step(choice);
      visit(choice);
      memory.undo(journalLength, hashLow, hashHigh);
    }
  };
  const returns = (start: string): boolean => {
    const tried = new Set<string>();
    let back = false;
    const go = (kept: readonly number[]): void => {
      each((choice) => {
        const here = usual(world);
        const still = kept.filter((other) => other !== choice && here.includes(other));
        const key = keyOf(world);
        if (key === start && still.length === 0) back = true;
        const pair = `${key}: ${still}`;
        if (back || tried.has(pair)) return;
        tried.add(pair);
        go(still);
      });
    };
    go(usual(world));
    return back;
  };
  const walk = (): void => {
    const key = keyOf(world);
    if (found || seen.has(key)) return;
    seen.add(key);
    found = returns(key);
    each(walk);
  };
  walk();
  return found;
}

function keyOf({ memory }: ProgramWorld): string {
  return `${memory.hashLow} ${memory.hashHigh}`;
}
