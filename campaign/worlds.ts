/**
 * The worlds of a campaign: what there is to be drawn, and what the names mean.
 */
import { createHash } from 'node:crypto';
import { isDriverFile } from '../library/driver-file.js';
import { readBytes } from '../library/files.js';
import { pairingOfNames } from '../library/question.js';
import { loadSession, sessionNames } from '../library/sessions.js';
import { swarmOf } from '../library/swarm.js';
import { QuiesceError } from '../protocol/errors.js';
import type { Session } from '../protocol/tpm/session.js';
import { findScenario } from '../scenarios/find-scenario.js';
import { findTpmback, findTpmfront } from '../simulator/drivers.js';
import type { Resolve } from '../simulator/fuzz/open-world.js';
import type { Swarm } from '../simulator/fuzz/swarm.js';
import type { WorldQuestion } from './configuration.js';

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
  const { tpmfront, tpmback } = question;
  if (tpmback !== undefined && tpmfront === undefined)
    throw new QuiesceError('USAGE', '--tpmback: expected --tpmfront with it');
  // Here, once, rather than in each thread: what is wrong with a driver or a session is said before anything begins.
  const { swarm } = await swarmOf(question);
  return { swarm, tpmfront, tpmback };
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
