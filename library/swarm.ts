/**
 * What a campaign of a program may be drawn from, and what the names in its worlds mean: those of the zoo, and whatever
 * the question brings along, a class as well as a file.
 */
import { fileURLToPath } from 'node:url';
import type { Session } from '../protocol/tpm/session.js';
import { findScenario } from '../scenarios/find-scenario.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
import { findTpmback, findTpmfront } from '../simulator/drivers.js';
import type { Resolve } from '../simulator/fuzz/open-world.js';
import { EVERY_DAEMON, EVERY_GRAIN, EVERY_TPMFRONT, type Swarm } from '../simulator/fuzz/swarm.js';
import { askedOf, ownDrivers, type Question } from './question.js';
import { loadSession, sessionNames } from './sessions.js';

/** As for `explore`; what is absent is drawn. With a scenario, no fault is added to those it has. */
export interface SwarmQuestion extends Omit<Question, 'scenario'> {
  readonly scenario?: Question['scenario'] | undefined;
}

/** Nobody survives that two copies run; it is tried where it is asked for. */
const UNASKED: readonly string[] = ['both-copies-run'];

export interface Asked {
  readonly swarm: Swarm;
  readonly resolve: Resolve;
  /** Names of the drivers that are not of the zoo. */
  readonly own: readonly string[];
}

/** Loads and tries the drivers of one's own. Throws what `askedOf` throws. */
export async function swarmOf(question: SwarmQuestion): Promise<Asked> {
  const { scenario, tpmfront, tpmback, session, commands, grain, daemon } = question;
  const scenarios =
    scenario === undefined
      ? SCENARIOS.filter(({ name }) => !UNASKED.includes(name))
      : [typeof scenario === 'string' ? findScenario(scenario) : scenario];
  const [first] = scenarios;
  const { pairing } = await askedOf({ ...question, scenario: first ?? '', tpmfront, tpmback, session });
  const fixed = tpmfront !== undefined || tpmback !== undefined;
  const named = session instanceof URL ? fileURLToPath(session) : session;
  const swarm: Swarm = {
    scenarios,
    varies: scenario === undefined,
    tpmfronts: fixed ? [pairing.tpmfront.name] : EVERY_TPMFRONT,
    tpmback: tpmback !== undefined || (fixed && ownDrivers(pairing).length > 0) ? pairing.tpmback.name : null,
    sessions: named === undefined ? sessionNames() : [pairing.session.name],
    commands: commands === null ? 0 : (commands ?? null),
    grains: grain === undefined ? EVERY_GRAIN : [grain],
    daemons: daemon === undefined ? EVERY_DAEMON : [daemon],
  };
  const sessions = new Map<string, Session>([[pairing.session.name, pairing.session]]);
  return {
    swarm,
    own: ownDrivers(pairing),
    resolve(names) {
      const commandsOf = sessions.get(names.session) ?? loadSession(names.session);
      sessions.set(names.session, commandsOf);
      return {
        scenario: scenarios.find(({ name }) => name === names.scenario) ?? findScenario(names.scenario),
        tpmfront: names.tpmfront === pairing.tpmfront.name ? pairing.tpmfront : findTpmfront(names.tpmfront),
        tpmback: names.tpmback === pairing.tpmback.name ? pairing.tpmback : findTpmback(names.tpmback),
        session: commandsOf,
      };
    },
  };
}
