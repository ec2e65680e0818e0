/**
 * Options that say which world a command is about.
 */

import { askedOf, type Question, USUAL_TPMFRONT } from '../library/question.js';
import { loadSession } from '../library/sessions.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
import type { Grain } from '../simulator/actors.js';
import { find, findTpmback, findTpmfront } from '../simulator/drivers.js';
import type { Pairing } from '../simulator/pairing.js';
import { COMMANDS_MAX, type WorldNames } from '../simulator/schedule.js';
import { USUAL_SESSION } from '../simulator/token.js';
import { DAEMONS, USUAL_DAEMON } from '../simulator/world-options.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import { type Arguments, type OptionSpecs, usage } from './arguments.js';

export const SESSION_OPTIONS: OptionSpecs = {
  session: { value: 'NAME|FILE', help: `recorded commands that the guest issues (${USUAL_SESSION})` },
  commands: { value: 'N', help: 'issue only the first N commands of the session' },
  grain: { value: 'fine|coarse', help: 'interleave single steps, or whole handlers (fine)' },
  daemon: { value: DAEMONS.join('|'), help: `which xenstored the hosts run (${USUAL_DAEMON})` },
};

export const PAIRING_OPTIONS: OptionSpecs = {
  scenario: { value: 'NAME', help: 'the situation' },
  tpmfront: { value: 'NAME|FILE', help: `the frontend, or a file with one of your own (${USUAL_TPMFRONT})` },
  tpmback: { value: 'NAME|FILE', help: 'the backend (the one the frontend was made for)' },
  ...SESSION_OPTIONS,
};

export interface Extent {
  /** Null for all commands. */
  readonly commands: number | null;
  readonly grain: Grain;
  readonly daemon: DaemonName;
}

export function extentOf(args: Arguments): Extent {
  return {
    commands: args.integer('commands', { minimum: 1, maximum: COMMANDS_MAX }) ?? null,
    grain: args.oneOf('grain', ['fine', 'coarse']) ?? 'fine',
    daemon: args.oneOf('daemon', DAEMONS) ?? USUAL_DAEMON,
  };
}

/**
 * Throws `USAGE` without a scenario, `UNKNOWN_NAME` for names there are not, and `BAD_DRIVER` for a driver file that breaks
 * a rule.
 */
export async function pairingOf(args: Arguments): Promise<Pairing> {
  const scenario = args.text('scenario');
  if (scenario === undefined)
    throw usage(`expected --scenario NAME; known: ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  return loadPairing({ ...driverNames(args), scenario, session: args.text('session'), ...extentOf(args) });
}

/** The drivers that the options name; that of the frontend is the usual one when none is named. */
export function driverNames(args: Arguments): { readonly tpmfront: string; readonly tpmback: string | undefined } {
  return { tpmfront: args.text('tpmfront') ?? USUAL_TPMFRONT, tpmback: args.text('tpmback') };
}

/** The things that names name; drivers of one's own are loaded and tried. Throws like `pairingOf`. */
export async function loadPairing(question: Question): Promise<Pairing> {
  return (await askedOf(question)).pairing;
}

/** The things that names of the zoo name. Throws `UNKNOWN_NAME`. */
export function resolvePairing(names: Pick<WorldNames, 'scenario' | 'tpmfront'>): Pairing {
  const tpmfront = findTpmfront(names.tpmfront);
  return {
    scenario: find('scenario', SCENARIOS, names.scenario),
    tpmfront,
    tpmback: findTpmback(tpmfront.tpmback),
    session: loadSession(),
  };
}
