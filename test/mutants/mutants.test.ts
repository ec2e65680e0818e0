/**
 * Each mutant shows what is written with it: the question that must find it fails by the oracle that must fail, and where
 * nothing can find it, the test that does. What is not mutated holds in every question.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import t from 'tap';
import { AskedWorld } from '../../bench/mutants/asked-world.js';
import { patched, patchedModule } from '../../bench/mutants/patch.js';
import { surprise } from '../../bench/mutants/report.js';
import { runMutants } from '../../bench/mutants/run.js';
import { MUTANTS } from '../../scenarios/mutants/mutants.js';
import { QUESTIONS } from '../../scenarios/mutants/questions.js';
import { explore } from '../../simulator/explore/explore.js';
import { SESSION } from '../support/worlds.js';

/** Each mutant is a process of its own: a minute or two in all. */
const SLOW = { timeout: 600_000 };

t.test('what is not mutated holds in every question', SLOW, async (t) => {
  for (const question of QUESTIONS) {
    const { holds, complete, oracle } = explore(new AskedWorld(question.world(SESSION), question), { order: 'dfs' });
    t.strictSame({ holds, complete, oracle }, { holds: true, complete: true, oracle: null }, question.name);
  }
  t.equal(new Set(QUESTIONS.map(({ name }) => name)).size, QUESTIONS.length, 'names are different');
});

t.test('every mutant can be applied, and says what is to come of it', async (t) => {
  t.ok(MUTANTS.length >= 40, `${MUTANTS.length} mutants`);
  t.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length, 'names are different');
  for (const { name, what, edits, found } of MUTANTS) {
    for (const { file } of edits) t.doesNotThrow(() => patchedModule(file, edits), name);
    t.ok(what.length > 10 && found.why.length > 10, name);
    if (found.question !== null) t.ok(found.oracles.length > 0, `${name}: an oracle`);
    else if (found.test !== null) t.ok(existsSync(`test/${found.test}.test.ts`), `${name}: ${found.test}`);
  }
});

t.test('a mutant of a text that has changed is refused', async (t) => {
  const edit = { file: 'a.ts', old: 'x', new: 'y' };
  t.equal(patched('a.ts', 'let x;', [edit]), 'let y;');
  t.throws(() => patched('a.ts', 'let z;', [edit]), /a\.ts: expected .* exactly once, found it 0 times: "x"/);
  t.throws(() => patched('a.ts', 'let x = x;', [edit]), /found it 2 times/);
  t.throws(() => patched('a.ts', 'let x;', [{ ...edit, new: 'x' }]), /changes nothing/);
});

t.test('each mutant shows what is written with it', SLOW, async (t) => {
  const runs = await runMutants(MUTANTS, {
    workers: availableParallelism(),
    explore: false,
    seeds: [],
    runs: 0,
    test: true,
    timeoutMilliseconds: 120_000,
  });
  for (const run of runs) {
    const { mutant, answer, testFails } = run;
    t.equal(surprise(run), null, mutant.name);
    t.ok(answer !== null || testFails !== null || mutant.found.question === null, `${mutant.name}: it was asked`);
  }
});
