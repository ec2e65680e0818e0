import t from 'tap';
import { CHOICES_MAX } from '../../simulator/explore/explore.js';
import { replay, stepsByName, stepsOfToken } from '../../simulator/replay.js';
import { parseToken, stepHash } from '../../simulator/token.js';
import { decide, worldOf } from '../../simulator/verdict.js';
import type { World } from '../../simulator/world.js';
import { CELL_PAIRINGS, pairingOf } from '../support/pairings.js';

const THREE = { commands: 3, grain: 'fine', daemon: 'c' } as const;

t.test('every failing schedule of the table fails again, by name and by token, at its last step', async (t) => {
  let failing = 0;
  for (const pairing of CELL_PAIRINGS) {
    const verdict = decide(pairing, { ...THREE, maxStates: 5_000 });
    if (verdict.token === null) continue;
    failing++;
    const name = `${verdict.tpmfront}, ${verdict.scenario}: ${verdict.oracle}`;
    const byName = replay(worldOf(pairing, THREE), stepsByName(verdict.schedule));
    t.match(byName, { holds: false, oracle: verdict.oracle, steps: verdict.schedule, diverged: null }, name);
    const token = parseToken(verdict.token);
    const byToken = replay(worldOf(pairing, token), stepsOfToken(token));
    t.strictSame(byToken, byName, `${name}, by token`);
  }
  t.ok(failing > 20, `${failing} cells fail`);
});

/** A world and the names of the first choices there are, taken one after the other. */
function firstChoices(world: World, count: number): readonly string[] {
  const choices = new Int32Array(CHOICES_MAX);
  const names: string[] = [];
  while (names.length < count && world.enumerate(choices) > 0) {
    names.push(world.describe(choices[0] as number));
    world.step(choices[0] as number);
  }
  return names;
}

const clean = (): World => worldOf(pairingOf('sequenced', 'checkpoint'), { commands: 1, grain: 'fine', daemon: 'c' });

t.test('the first step that is not possible is told, with what is', async (t) => {
  const names = firstChoices(clean(), 5);
  const wrong = [...names.slice(0, 3), 'guest1.user/no_such_step', ...names.slice(4)];
  const result = replay(clean(), stepsByName(wrong));
  t.equal(result.holds, false);
  t.equal(result.oracle, null);
  t.strictSame(result.steps, names.slice(0, 3));
  t.match(result.diverged, { step: 4, wanted: 'guest1.user/no_such_step' });
  t.ok(result.diverged?.possible.includes(names[3] ?? ''));

  const hashes = wrong.map((name) => stepHash(name, 2));
  const byHash = replay(clean(), stepsOfToken({ hashes, hashBytes: 2 }));
  t.equal(byHash.diverged?.step, 4);
  t.match(byHash.diverged?.wanted, /^the step with hash [0-9a-f]{4}$/);
});

t.test('a schedule to the end is judged at the end, and nothing is possible after it', async (t) => {
  const names = firstChoices(clean(), 1000);
  t.match(replay(clean(), stepsByName(names)), { holds: true, quiescent: true, oracle: null, diverged: null });
  t.match(replay(clean(), stepsByName([...names, 'more'])), {
    holds: false,
    diverged: { step: names.length + 1, wanted: 'more', possible: [] },
  });
  t.match(replay(clean(), stepsByName(names.slice(0, 3))), { holds: true, quiescent: false }, 'an open end');
});

t.test('a hash that stands for two choices is refused', async (t) => {
  const names = firstChoices(clean(), 1);
  const either = { count: 1, matches: () => true, describe: () => 'any step' };
  t.ok(names.length === 1);
  t.throws(() => replay(clean(), either), { code: 'BAD_SCHEDULE', message: /step 1: expected a hash of one choice/ });
});
