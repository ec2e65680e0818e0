/**
 * The worlds of a campaign: what there is to be drawn, and what the names mean.
 */
import { createHash } from 'node:crypto';
import { isDriverFile } from '../library/driver-file.js';
import { readBytes } from '../library/files.js';
import { askedOf, pairingOfNames } from '../library/question.js';
import { loadSession, sessionNames } from '../library/sessions.js';
import { QuiesceError } from '../protocol/errors.js';
import type { Session } from '../protocol/tpm/session.js';
import { findScenario } from '../scenarios/find-scenario.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
import { findTpmback, findTpmfront } from '../simulator/drivers.js';
import type { Resolve } from '../simulator/fuzz/open-world.js';
import { EVERY_DAEMON, EVERY_GRAIN, EVERY_TPMFRONT, type Swarm } from '../simulator/fuzz/swarm.js';
import type { WorldQuestion } from './configuration.js';

/** Nobody survives that two copies run; it is tried where it is asked for. */
const UNASKED: readonly string[] = ['both-copies-run'];

/** What every thread of a campaign is given. */
export interface Worlds {
  readonly swarm: Swarm;
  /** Drivers asked for, by name or file; absent for those of the zoo. */
  readonly tpmfront?: string | undefined;
  readonly tpmback?: string | undefined;
}

/**
 * What a question leaves to be drawn. Throws what the names and files in it are refused with: `UNKNOWN_NAME`, `USAGE`,
 * `BAD_SESSION`, `BAD_DRIVER`.
 */
export async function worldsOf(question: WorldQuestion): Promise<Worlds> {
  const { scenario, tpmfront, tpmback, session, commands, grain, daemon } = question;
  if (tpmback !== undefined && tpmfront === undefined)
    throw new QuiesceError('USAGE', '--tpmback: expected --tpmfront with it');
  const swarm: Swarm = {
    scenarios:
      scenario === undefined ? SCENARIOS.filter(({ name }) => !UNASKED.includes(name)) : [findScenario(scenario)],
    varies: scenario === undefined,
    tpmfronts: EVERY_TPMFRONT,
    tpmback: null,
    sessions: session === undefined ? sessionNames() : [session],
    commands: commands ?? null,
    grains: grain === undefined ? EVERY_GRAIN : [grain],
    daemons: daemon === undefined ? EVERY_DAEMON : [daemon],
  };
  const worlds: Worlds = { swarm, tpmfront, tpmback };
  if (tpmfront === undefined && session === undefined) return worlds;
  // Here, once, rather than in each thread: what is wrong with a driver or a session is said before anything begins.
  const asked = await askedOf({ scenario: swarm.scenarios[0]?.name ?? '', tpmfront, tpmback, session });
  if (tpmfront === undefined) return worlds;
  const { names } = asked;
  const usual = EVERY_TPMFRONT.includes(names.tpmfront) && tpmback === undefined;
  return { ...worlds, swarm: { ...swarm, tpmfronts: [names.tpmfront], tpmback: usual ? null : names.tpmback } };
}

/** What names mean, each session read once. Throws what `pairingOfNames` throws. */
export async function resolverOf({ swarm, tpmfront, tpmback }: Worlds): Promise<Resolve> {
  const scenario = swarm.scenarios[0]?.name ?? '';
  // Only so that drivers of one's own are loaded.
  const own = await pairingOfNames({ scenario, tpmfront, tpmback });
  const sessions = new Map<string, Session>();
  return (names) => {
    const session = sessions.get(names.session) ?? loadSession(names.session);
    sessions.set(names.session, session);
    return {
      scenario: findScenario(names.scenario),
      tpmfront: names.tpmfront === own.tpmfront.name ? own.tpmfront : findTpmfront(names.tpmfront),
      tpmback: names.tpmback === own.tpmback.name ? own.tpmback : findTpmback(names.tpmback),
      session,
    };
  };
}

/** SHA-256 of each file that a question names. Throws `USAGE` for one that cannot be read. */
export function filesOf({ tpmfront, tpmback, session }: WorldQuestion): Readonly<Record<string, string>> {
  const drivers = [tpmfront, tpmback].filter((name) => name !== undefined && isDriverFile(name));
  const sessions = session === undefined || sessionNames().includes(session) ? [] : [session];
  return Object.fromEntries(
    [...drivers, ...sessions].map((path = '') => [path, createHash('sha256').update(readBytes(path)).digest('hex')]),
  );
}
