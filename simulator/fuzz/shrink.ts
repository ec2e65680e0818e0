/**
 * Shrinks a failure before it is shown: its data (commands, session, xenstored), its faults, and its schedule, so that
 * the same oracle still fails. Then the explorer looks breadth-first for a shorter schedule, and where it comes to the
 * end of that search there is none.
 */
import { TPMBACKS, TPMFRONTS } from '../drivers.js';
import { type Explorable, explore } from '../explore/explore.js';
import { type LengthProof, PROOF_STATES } from '../explore/shortest.js';
import type { Pairing } from '../pairing.js';
import { nameChoices, replay, stepsByName, stepsOfToken } from '../replay.js';
import { parseVariation, VARIATIONS } from '../scenario-variation.js';
import type { WorldNames } from '../schedule.js';
import { formatToken, parseToken, USUAL_SESSION } from '../token.js';
import type { World } from '../world.js';
import { USUAL_DAEMON } from '../world-options.js';
import { type OracleName, oracleBit } from '../world-state.js';
import { type Resolve, WorldShelf } from './open-world.js';
import { LooseReplay, type Names, shrinkSchedule } from './shrink-schedule.js';

export interface Shrunk {
  readonly names: WorldNames;
  readonly oracle: OracleName;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  readonly steps: Names;
  readonly token: string;
  /** Steps of the failure as it was found. */
  readonly foundSteps: number;
  /** Schedules tried. */
  readonly tries: number;
  readonly proof: LengthProof;
  /** States that the explorer has seen. */
  readonly states: number;
}

/** Throws what `resolve` throws for a token that names what there is not. */
export function shrink(
  token: string,
  oracle: OracleName,
  resolve: Resolve,
  proofStates: number = PROOF_STATES,
): Shrunk {
  const shelf = new WorldShelf(resolve);
  const { hashes, hashBytes, ...found } = parseToken(token);
  const { steps: foundSteps } = replayed(shelf.open(found).world, stepsOfToken({ hashes, hashBytes }));
  let names: WorldNames = found;
  let steps: Names = foundSteps;
  let tries = 0;
  let proved: Proved | null = null;

  // A shorter schedule may make room for simpler data, and simpler data for a shorter schedule.
  for (;;) {
    const simpler = simplify({ names, steps }, oracle, shelf);
    tries += simpler.tries;
    if (proved !== null && simpler.names === names) break;
    names = simpler.names;
    const attempt = new LooseReplay(shelf.open(names).world, oracle);
    steps = shrinkSchedule(attempt, simpler.steps);
    tries += attempt.tries;
    proved = prove(new FirstFailure(shelf.open(names).world, oracle, isOfZoo(resolve(names))), steps, proofStates);
    steps = proved.steps;
  }
  const { world } = shelf.open(names);
  const { fault, choices } = replayed(world, stepsByName(steps));
  const { hashBytes: width } = nameChoices(world, choices);
  return {
    names,
    oracle,
    fault,
    steps,
    token: formatToken({ ...names, steps }, width),
    foundSteps: foundSteps.length,
    tries,
    proof: proved.proof,
    states: proved.states,
  };
}

interface Simpler {
  readonly names: WorldNames;
  readonly steps: Names;
  readonly tries: number;
}

/** The same failure in a world none of whose `simplerWorlds` shows it. `names` is the same object when there is none. */
function simplify(found: Pick<Simpler, 'names' | 'steps'>, oracle: OracleName, shelf: WorldShelf): Simpler {
  let { names, steps } = found;
  let tries = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const simpler of simplerWorlds(names)) {
      const attempt = new LooseReplay(shelf.open(simpler).world, oracle);
      const shorter = attempt.fails(steps) ?? attempt.fails(steps, true);
      tries += attempt.tries;
      if (shorter === null) continue;
      names = simpler;
      steps = shorter;
      changed = true;
      break;
    }
  }
  return { names, steps, tries };
}

/** Worlds that differ in one thing and are simpler, the most different first. */
function simplerWorlds(names: WorldNames): readonly WorldNames[] {
  const simpler: WorldNames[] = [];
  const { base, variation } = parseVariation(names.scenario);
  const parts = VARIATIONS.flatMap(({ name, fault }) => {
    const value = variation[fault ?? 'sequenceBits'];
    return value === undefined ? [] : [`+${name}=${value}`];
  });
  for (const part of parts) {
    simpler.push({ ...names, scenario: [base, ...parts.filter((other) => other !== part)].join('') });
    const fewer = part.replace(/[0-9]+$/, (count) => String(Number(count) - 1));
    const value = Number(/[0-9]+$/.exec(fewer)?.[0]);
    if (!part.startsWith('+sequence-bits') && value > 0)
      simpler.push({ ...names, scenario: [base, ...parts.map((other) => (other === part ? fewer : other))].join('') });
  }
  if (names.daemon !== USUAL_DAEMON) simpler.push({ ...names, daemon: USUAL_DAEMON });
  if (names.session !== USUAL_SESSION) simpler.push({ ...names, session: USUAL_SESSION });
  const { commands } = names;
  if (commands === null) for (const few of [1, 2, 4, 8, 16]) simpler.push({ ...names, commands: few });
  else for (let fewer = 1; fewer < commands; fewer++) simpler.push({ ...names, commands: fewer });
  return simpler;
}

/** Whether both drivers are those that are there, and not somebody's own. */
function isOfZoo({ tpmfront, tpmback }: Pairing): boolean {
  return TPMFRONTS.includes(tpmfront) && TPMBACKS.includes(tpmback);
}

interface Proved {
  readonly steps: Names;
  readonly proof: LengthProof;
  readonly states: number;
}

/**
 * Two searches: one as the world is replayed, which may give a shorter schedule, and where that world takes steps that
 * commute first, one without, because a shorter schedule may be among those that were left out.
 */
function prove(first: FirstFailure, steps: Names, maxStates: number): Proved {
  const { world, oracle } = first;
  const search = () => explore(first, { order: 'bfs', maxStates, oracles: [oracle] });
  const kept = search();
  const { states } = kept;
  if (kept.holds) return { steps, proof: 'unknown', states };
  const best = kept.choices.length < steps.length ? nameChoices(world, kept.choices).steps : steps;
  if (!world.reducing) return { steps: best, proof: 'shortest', states };
  world.reducing = false;
  try {
    const all = search();
    const shortest = !all.holds && all.choices.length >= best.length;
    return { steps: best, proof: shortest ? 'shortest' : 'shortest-kept', states: states + all.states };
  } finally {
    world.reducing = true;
  }
}

/** A world in which nothing happens after a failure, and only that of one oracle is seen, where no other comes first. */
class FirstFailure implements Explorable {
  readonly memory;
  readonly world: World;
  readonly oracle: OracleName;
  /** For what steps are remembered to do; no reduction knows that nothing happens after a failure. */
  readonly steps: World['steps'] | undefined;
  readonly #bit: number;

  /** `remember`: no driver can keep anything outside its memory. */
  constructor(world: World, oracle: OracleName, remember: boolean) {
    this.world = world;
    this.oracle = oracle;
    this.memory = world.memory;
    this.steps = remember ? world.steps : undefined;
    this.#bit = oracleBit(oracle);
  }

  get violations(): number {
    const { violations } = this.world;
    return (violations & -violations) === this.#bit ? this.#bit : 0;
  }
  get lastFault(): string | null {
    return this.world.lastFault;
  }
  get atRest(): boolean {
    return this.world.violations === 0 && this.world.atRest;
  }
  get reducing(): boolean {
    return this.world.reducing;
  }
  set reducing(reducing: boolean) {
    this.world.reducing = reducing;
  }
  enumerate(choices: Int32Array, first = 0): number {
    return this.world.violations === 0 ? this.world.enumerate(choices, first) : 0;
  }
  step(choice: number): void {
    this.world.step(choice);
  }
  isFault(choice: number): boolean {
    return this.world.isFault(choice);
  }
  quiescent(): void {
    this.world.quiescent();
  }
}

/** A strict replay; the world stands at its beginning before and after. */
function replayed(
  world: World,
  recorded: Parameters<typeof replay>[1],
): ReturnType<typeof replay> & {
  readonly choices: readonly number[];
} {
  const choices: number[] = [];
  const result = replay(world, recorded, (choice) => {
    choices.push(choice);
    world.step(choice);
  });
  world.memory.undo(0, 0, 0);
  return { ...result, choices };
}
