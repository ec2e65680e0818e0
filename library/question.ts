/**
 * Questions: which drivers in which scenario, as names, files or classes, and the pairing that they mean. Whatever asks
 * about a world (an exploration, a replay) begins here.
 */

import { fileURLToPath } from 'node:url';
import type { BackendServices, Tpmback } from '../backend/tpmback/tpmback.js';
import type { GuestServices, Tpmfront } from '../frontend/tpmfront/tpmfront.js';
import { allocateLarge } from '../platform/large-pages.js';
import { findScenario } from '../scenarios/find-scenario.js';
import type { Grain } from '../simulator/actors.js';
import {
  findTpmback,
  findTpmfront,
  TPMBACKS,
  TPMFRONTS,
  type TpmbackEntry,
  type TpmfrontEntry,
} from '../simulator/drivers.js';
import type { Pairing } from '../simulator/pairing.js';
import type { WorldNames } from '../simulator/schedule.js';
import { decide, namesOf, type Verdict, type VerdictOptions } from '../simulator/verdict.js';
import type { Scenario } from '../simulator/world-options.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import { blamed, isDriverFile, loadTpmback, loadTpmfront } from './driver-file.js';
import { tpmbackEntry, tpmfrontEntry } from './driver-shape.js';
import { confirmFailure, tryDrivers } from './driver-trial.js';
import { loadSession } from './sessions.js';

/** A frontend: the name of one of the zoo, the path or `file:` address of a driver file, a class, or an entry. */
export type TpmfrontSource = string | URL | (new (services: GuestServices) => Tpmfront) | TpmfrontEntry;

/** A backend, in the same forms. */
export type TpmbackSource = string | URL | (new (services: BackendServices) => Tpmback) | TpmbackEntry;

export interface Question {
  /** Name of a scenario (`SCENARIOS`), or one of your own. */
  readonly scenario: string | Scenario;
  /** `sequenced` when absent. */
  readonly tpmfront?: TpmfrontSource | undefined;
  /** The one the frontend was made for when absent. */
  readonly tpmback?: TpmbackSource | undefined;
  /** Name of a recorded session, or the path or `file:` address of one; `ima_extends` when absent. */
  readonly session?: string | URL | undefined;
  /** How many commands of the session are issued; all when absent or null. */
  readonly commands?: number | null | undefined;
  /** Single steps are interleaved, or whole handlers; `fine` when absent. */
  readonly grain?: Grain | undefined;
  /** Which xenstored the hosts run; `c` when absent. */
  readonly daemon?: DaemonName | undefined;
}

export interface Asked {
  readonly pairing: Pairing;
  readonly names: WorldNames;
}

export const USUAL_TPMFRONT = 'sequenced';

/**
 * What a question means. Drivers that are not of the zoo are tried first. Throws `UNKNOWN_NAME`, `USAGE` for a file that
 * cannot be read and for ends of two rings, `BAD_DRIVER` for a driver that breaks a rule, `BAD_SESSION`.
 */
export async function askedOf(question: Question): Promise<Asked> {
  const pairing = await pairingOfNames(question);
  const names = namesOf(pairing, question);
  tryOwnDrivers(pairing, names);
  return { pairing, names };
}

/** The things that names, files and classes mean; drivers are loaded, and not yet tried. */
export async function pairingOfNames(
  question: Pick<Question, 'scenario' | 'tpmfront' | 'tpmback' | 'session'>,
): Promise<Pairing> {
  const { scenario, session } = question;
  const tpmfront = await tpmfrontOf(question.tpmfront ?? USUAL_TPMFRONT);
  return {
    scenario: typeof scenario === 'string' ? findScenario(scenario) : scenario,
    tpmfront,
    tpmback: question.tpmback === undefined ? findTpmback(tpmfront.tpmback) : await tpmbackOf(question.tpmback),
    session: loadSession(session instanceof URL ? fileURLToPath(session) : session),
  };
}

/** Tries the pairing when one of its drivers is not of the zoo. Throws `BAD_DRIVER`. */
export function tryOwnDrivers(pairing: Pairing, names: WorldNames): void {
  const own = ownDrivers(pairing);
  if (own.length === 0) return;
  try {
    tryDrivers(pairing, names, own.join(' with '));
  } catch (error) {
    throw blamed(error);
  }
}

/**
 * The verdict on a pairing. Where one of its drivers is not of the zoo, its code runs in every step, as what it did is
 * remembered by what lies in its memory; and a failure is confirmed. Throws `USAGE`, `BAD_DRIVER`.
 */
export function decideOwn(pairing: Pairing, options: VerdictOptions): Verdict {
  try {
    const own = ownDrivers(pairing);
    const asked = { allocate: allocateLarge, ...options };
    const verdict = decide(pairing, own.length === 0 ? asked : { ...asked, remember: false });
    if (own.length > 0) confirmFailure(pairing, namesOf(pairing, options), verdict, own.join(' with '));
    return verdict;
  } catch (error) {
    throw blamed(error);
  }
}

/** Names of the drivers of a pairing that are not of the zoo. */
export function ownDrivers({ tpmfront, tpmback }: Pairing): readonly string[] {
  return [
    ...(TPMFRONTS.includes(tpmfront) ? [] : [tpmfront.name]),
    ...(TPMBACKS.includes(tpmback) ? [] : [tpmback.name]),
  ];
}

async function tpmfrontOf(source: TpmfrontSource): Promise<TpmfrontEntry> {
  if (source instanceof URL) return loadTpmfront(fileURLToPath(source));
  if (typeof source === 'string') return isDriverFile(source) ? loadTpmfront(source) : findTpmfront(source);
  return typeof source === 'function' ? tpmfrontEntry(exportedClass(source)) : source;
}

async function tpmbackOf(source: TpmbackSource): Promise<TpmbackEntry> {
  if (source instanceof URL) return loadTpmback(fileURLToPath(source));
  if (typeof source === 'string') return isDriverFile(source) ? loadTpmback(source) : findTpmback(source);
  return typeof source === 'function' ? tpmbackEntry(exportedClass(source)) : source;
}

function exportedClass(value: { readonly name: string }): Parameters<typeof tpmfrontEntry>[0] {
  return { name: value.name === '' ? 'a class' : value.name, url: null, value };
}
