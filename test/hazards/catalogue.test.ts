/**
 * The whole catalogue of hazards: what shows one fails, by the oracle named and in a schedule no shorter than the one
 * kept; what avoids one holds on every schedule; and whatever else is cited is there.
 */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { assert } from '../../protocol/assert.js';
import { HAZARDS } from '../../scenarios/hazards/catalogue.js';
import { testFile } from '../../scenarios/hazards/describe.js';
import type { Explored, Hazard, NamedWorld } from '../../scenarios/hazards/hazard.js';
import { SCHEDULED, scheduleOf } from '../../scenarios/hazards/schedules.js';
import { CHOICES_MAX, explore } from '../../simulator/explore/explore.js';
import { type OracleName, oracleBit } from '../../simulator/world-state.js';
import { quiesce } from '../support/fake-terminal.js';
import { RECORDING_NAMES } from '../support/recording.js';
import { SESSION } from '../support/worlds.js';

/** Takes the steps of these names, has the end judged, and returns whether the oracle has failed, there or before. */
function failsAfter(world: NamedWorld, steps: readonly string[], oracle: OracleName): 'early' | 'at the end' | 'not' {
  const choices = new Int32Array(CHOICES_MAX);
  const bit = oracleBit(oracle);
  for (const step of steps) {
    if ((world.violations & bit) !== 0) return 'early';
    const possible = [...choices.slice(0, world.enumerate(choices))];
    const choice = possible.find((candidate) => world.describe(candidate) === step);
    assert(
      choice !== undefined,
      `${step} cannot happen, only ${possible.map((one) => world.describe(one)).join(', ')}`,
    );
    world.step(choice);
  }
  world.enumerate(choices);
  if (world.atRest) world.quiescent();
  return (world.violations & bit) === 0 ? 'not' : 'at the end';
}

function checkExplored(t: Tap, { name, known }: Hazard & { readonly known: Explored }): void {
  const { oracle, shows, avoids, asked } = known;
  const schedule = scheduleOf(name);
  t.equal(failsAfter(shows.world(SESSION), schedule, oracle), 'at the end', `${name}: its schedule ends in ${oracle}`);
  const found = explore(shows.world(SESSION), { order: 'bfs', oracles: [oracle] });
  t.match(
    { oracle: found.oracle, steps: found.choices.length },
    { oracle, steps: schedule.length },
    `${name}: shortest`,
  );
  const held = explore(avoids.world(SESSION), { order: 'dfs', oracles: asked });
  t.match(held, { holds: true, complete: true, oracle: null }, `${name}: avoided by ${avoids.text}`);
  t.ok(asked === undefined || asked.includes(oracle), `${name}: what avoids it is asked for ${oracle}`);
}

type Tap = Pick<typeof t, 'equal' | 'match' | 'ok'>;

t.test('what shows a hazard fails in a shortest schedule, and what avoids it holds', async (t) => {
  let explored = 0;
  for (const hazard of HAZARDS) {
    const { known } = hazard;
    if (known.kind !== 'explored') continue;
    explored++;
    checkExplored(t, { ...hazard, known });
  }
  t.ok(explored >= 25, `${explored} hazards are explored`);
});

t.test('a schedule is kept of every hazard that is explored, and of no other', async (t) => {
  const explored = HAZARDS.flatMap(({ name, known }) => (known.kind === 'explored' ? [name] : []));
  t.strictSame([...SCHEDULED].sort(), explored.sort());
});

t.test('the tests and the recordings that are cited are there', async (t) => {
  for (const { name, known, recordings = [] } of HAZARDS) {
    for (const recording of recordings) t.ok(RECORDING_NAMES.includes(recording), `${name}: ${recording}`);
    if (known.kind !== 'tested') continue;
    const file = testFile(known.file);
    t.ok(existsSync(file) && titlesOf(file).includes(known.title), `${name}: ${file}: ${known.title}`);
  }
});

/** The titles of the tests of a file, with `...` for each substitution. */
function titlesOf(file: string): readonly string[] {
  const titles = readFileSync(file, 'utf8').matchAll(/\.test\(\s*(?:'([^']*)'|"([^"]*)"|`((?:[^`\\]|\\.)*)`)\s*,/g);
  return [...titles].map(
    ([, single, double, template]) => single ?? double ?? template?.replace(/\$\{[^}]*\}/g, '...') ?? '',
  );
}

/** `F1` to `F3` for 3. */
const numbered = (letter: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);

t.test(
  'every failure, every observation and every security rule but those of the daemon alone has one entry',
  async (t) => {
    const named = (letter: string): readonly string[] =>
      HAZARDS.flatMap(({ name }) => (name.startsWith(letter) ? [name] : []));
    t.strictSame(named('F'), numbered('F', 52));
    const ofTheDaemon = numbered('S', 39).slice(30);
    t.strictSame(
      named('S'),
      numbered('S', 43).filter((name) => !ofTheDaemon.includes(name)),
    );
    t.strictSame(
      named('O').filter((name) => name !== 'O5a'),
      numbered('O', 26),
    );
    const texts = HAZARDS.flatMap(({ title, source, known }) => [
      title,
      source,
      known.kind === 'notReproduced' ? known.reason : title,
    ]);
    for (const text of texts) t.ok(text.length > 3 && !/[—–]/.test(text), text);
  },
);

t.test('they are listed in 80 columns and as JSON', async (t) => {
  const { status, out } = await quiesce(['list', 'hazards']);
  t.equal(status, 0);
  for (const line of out.split('\n')) t.ok(line.length <= 80, line);
  t.match(
    out,
    /\n {2}F1 {3}A suspend is cancelled [\s\S]*\n {7}no-hang fails in 22 steps: wait-loop of\s+November 2006\n/,
  );
  t.match(out, /\n {7}not reproduced: /);
  const { hazards } = JSON.parse((await quiesce(['list', 'hazards', '--json'])).out);
  t.equal(hazards.length, HAZARDS.length);
  const common = { name: String, title: String, source: String, recordings: Array };
  for (const hazard of hazards) {
    const shape = {
      explored: { oracle: String, shows: String, avoids: String, schedule: [String] },
      tested: { test: /^test\/.*\.test\.ts$/, testTitle: String },
      notReproduced: { reason: String },
    }[hazard.known as Hazard['known']['kind']];
    t.match(hazard, { ...common, ...shape });
  }
});
