/**
 * Asks a mutant the questions: the one that must find it, all of them by exploration, and by fuzzing. Runs in a process
 * whose modules are the mutant's.
 */
import { loadSession } from '../../library/sessions.js';
import type { Mutant } from '../../scenarios/mutants/mutant.js';
import { QUESTIONS, type Question } from '../../scenarios/mutants/questions.js';
import { explore } from '../../simulator/explore/explore.js';
import { Coverage, emptyTables } from '../../simulator/fuzz/coverage.js';
import { type OpenWorld, usualLength } from '../../simulator/fuzz/open-world.js';
import { Plot, STRATEGIES } from '../../simulator/fuzz/plot.js';
import { Runner } from '../../simulator/fuzz/runner.js';
import { Random } from '../../simulator/random.js';
import { stepHash } from '../../simulator/token.js';
import { firstOracle } from '../../simulator/world-state.js';
import type { Asked, ExploreAnswer, Found, FuzzAnswer } from './answer.js';
import { AskedWorld } from './asked-world.js';

/** More states than any question has where nothing is mutated, by far. */
const STATES_MAX = 1_500_000;
const PLOT_RUNS = 32;

const session = loadSession();

/** Explores the question that the mutant must be found with. */
export function askExpected({ found }: Pick<Mutant, 'found'>): ExploreAnswer {
  const question = QUESTIONS.find(({ name }) => name === found.question);
  if (question === undefined) throw new Error(`there is no question '${found.question}'`);
  return exploreAll([question], 'bfs');
}

/** Explores the questions one after the other, until one does not hold. */
export function exploreAll(questions: readonly Question[] = QUESTIONS, order: 'dfs' | 'bfs' = 'dfs'): ExploreAnswer {
  const start = process.cpuUsage();
  let states = 0;
  for (const question of questions) {
    const found = tried(question, () => {
      const world = new AskedWorld(question.world(session), question);
      // A shortest schedule shows what the argument is about; only depth-first sees circles, and all that there is.
      let exploration = order === 'bfs' ? explore(world, { order, maxStates: STATES_MAX }) : null;
      if (exploration === null || exploration.holds)
        exploration = explore(world, { order: 'dfs', maxStates: STATES_MAX });
      states += exploration.states;
      if (exploration.holds) return exploration.complete ? null : { oracle: null, what: 'it has too many states' };
      return { oracle: exploration.oracle, what: exploration.fault ?? '' };
    });
    if (found !== null) return { found, states, seconds: since(start) };
  }
  return { found: null, states, seconds: since(start) };
}

/** Runs in worlds drawn among the questions, until one does not hold or there have been `runsMax`. */
export function fuzzAll(seed: number, runsMax: number): FuzzAnswer {
  const start = process.cpuUsage();
  const random = new Random(seed);
  const runner = new Runner();
  const coverage = new Coverage(emptyTables());
  const plots = new Map<Question, Plot<AskedWorld>>();
  const turns = new Turns(random);
  for (let runs = 0; runs < runsMax; ) {
    const question = turns.next();
    const first = runs;
    const found = tried(question, () => {
      // What a question has shown is remembered until its next turn.
      const plot = plots.get(question) ?? new Plot(placeOf(question), runner, coverage, STRATEGIES);
      plots.set(question, plot);
      while (runs < Math.min(first + PLOT_RUNS, runsMax)) {
        plot.run(seed * 1_000_003 + runs++);
        turns.count(question, coverage.freshFeatures > 0);
        if (runner.violations !== 0)
          return { oracle: firstOracle(runner.violations) ?? null, what: runner.fault ?? '' };
      }
      return null;
    });
    if (found !== null) return { found, runs: Math.max(runs, 1), seconds: since(start) };
  }
  return { found: null, runs: runsMax, seconds: since(start) };
}

/**
 * Which question a plot is about. The areas take turns, so that one with many small questions does not crowd out the
 * others. Within one, every other turn goes round, in an order that is drawn each time, so that no question has a second
 * before each has had one; the turns between go to the question of which the largest share of runs has shown something
 * new. A small question has soon shown what it has; a peer that may store anything at any moment takes a thousand runs.
 */
export class Turns {
  readonly #random: Random;
  readonly #areas: readonly (readonly Question[])[];
  readonly #left: Question[][];
  readonly #seen = new Map<Question, { runs: number; fresh: number }>();
  #turn = 0;

  constructor(random: Random, questions: readonly Question[] = QUESTIONS) {
    this.#random = random;
    const areas = [...new Set(questions.map(({ area }) => area))];
    this.#areas = areas.map((area) => questions.filter((question) => question.area === area));
    this.#left = areas.map(() => []);
  }

  next(): Question {
    const turn = this.#turn++;
    const at = turn % this.#areas.length;
    const all = this.#areas[at] as readonly Question[];
    const roundsOfAreas = Math.floor(turn / this.#areas.length);
    if (roundsOfAreas % 2 === 1) return this.#mostLeft(all);
    const left = this.#left[at] as Question[];
    if (left.length === 0) left.push(...all);
    const [question] = left.splice(this.#random.index(left.length), 1);
    return question as Question;
  }

  /** Another run of `question`, and whether it showed a pair of steps or an ordering that none before it had. */
  count(question: Question, fresh: boolean): void {
    const seen = this.#seen.get(question) ?? { runs: 0, fresh: 0 };
    this.#seen.set(question, seen);
    seen.runs += 1;
    if (fresh) seen.fresh += 1;
  }

  /** Of those that were asked, the first of the highest share. */
  #mostLeft(all: readonly Question[]): Question {
    const share = (question: Question): number => {
      const { runs, fresh } = this.#seen.get(question) ?? { runs: 1, fresh: 0 };
      return fresh / runs;
    };
    return all.reduce((best, question) => (share(question) > share(best) ? question : best));
  }
}

function placeOf(question: Question): OpenWorld<AskedWorld> {
  const world = new AskedWorld(question.world(session), question);
  const salt = stepHash(question.name, 4) | 0;
  const names = {
    scenario: question.name,
    tpmfront: '',
    tpmback: '',
    session: session.name,
    commands: null,
    grain: 'fine',
    daemon: 'c',
  } as const;
  return { names, world, length: usualLength(world), faults: question.faults, stateSalt: salt, featureSalt: salt };
}

/** A world that cannot even be built is found, too. */
function tried(question: Question, ask: () => Asked | null): Found | null {
  try {
    const asked = ask();
    return asked === null ? null : { question: question.name, ...asked };
  } catch (error) {
    return { question: question.name, oracle: null, what: error instanceof Error ? error.message : String(error) };
  }
}

/** Seconds of the processor: other work on the machine lengthens them less than those of the clock. */
function since(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}
