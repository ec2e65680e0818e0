/**
 * The questions that mutants are asked with: worlds in which what is not mutated holds. `explore` goes through all of
 * them, the small ones first, and `fuzz` draws among them.
 */

import { ORDERED } from '../../frontend/blkfront/rules.js';
import { RequestState } from '../../frontend/guest-memory.js';
import { EIO } from '../../frontend/tpmfront/v2.js';
import { LINUX, RESENDS } from '../../frontend/xenstore-ring/rules.js';
import type { Session } from '../../protocol/tpm/session.js';
import { XsType } from '../../protocol/xs-wire.js';
import { BlockWorld, type BlockWorldOptions } from '../../simulator/block-data/world.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import type { Explorable } from '../../simulator/explore/search.js';
import { worldOptions } from '../../simulator/pairing.js';
import { StoreWorld } from '../../simulator/store-races/world.js';
import { World } from '../../simulator/world.js';
import type { Scenario, WorldOptions } from '../../simulator/world-options.js';
import type { OracleName } from '../../simulator/world-state.js';
import { RingWorld, type RingWorldOptions } from '../../simulator/xenstore-ring/world.js';
import type { DaemonName } from '../../xenstore-sim/index.js';
import { BLOCK_ROWS } from '../block-data.js';
import { TWO } from '../block-row.js';
import { IDENTITY_SCENARIOS } from '../device-identity.js';
import { DISAGREEMENTS } from '../device-identity-disagreements.js';
import { IDENTITY_EXPECTED } from '../device-identity-expected.js';
import { findScenario } from '../find-scenario.js';
import { STORE_RACES, storeRace } from '../store-races.js';

export type Area = 'tpm' | 'store' | 'ring' | 'block' | 'identity';

/** An explorable world that can name its choices. */
export type NamedWorld = Explorable & { describe(choice: number): string };

export interface Question {
  readonly name: string;
  readonly area: Area;
  /** How many faults can strike in a schedule, for the fuzzer. */
  readonly faults: number;
  /** The oracles that count; all when absent. */
  readonly oracles?: readonly OracleName[];
  /** Only a failure that no other comes before counts. */
  readonly first?: boolean;
  /** Whether a failure of the present state does not count, although it is the first. */
  readonly excused?: (world: NamedWorld) => boolean;
  readonly world: (session: Session) => NamedWorld;
}

interface TpmQuestion extends Partial<Pick<WorldOptions, 'commands' | 'daemon' | 'sanitize' | 'grain'>> {
  readonly back?: string;
  readonly start?: Scenario['start'];
  readonly oracles?: readonly OracleName[];
}

function tpm(front: string, scenario: string, { back, start, oracles, ...more }: TpmQuestion = {}): Question {
  const found = findScenario(scenario);
  const asked = start === undefined ? found : { ...found, start };
  const extra = [back === undefined ? '' : ` with ${back}`, start === undefined ? '' : ` from ${start}`].join('');
  const { daemon, sanitize } = more;
  return {
    name: `${front}${extra} ${scenario}${daemon === undefined ? '' : ` ${daemon}`}${sanitize === true ? ' sanitized' : ''}`,
    area: 'tpm',
    faults: Object.values(found.faults).reduce((sum, count) => sum + count, 0),
    ...(oracles === undefined ? {} : { oracles }),
    world(session) {
      const tpmfront = findTpmfront(front);
      const tpmback = findTpmback(back ?? tpmfront.tpmback);
      return new World(worldOptions({ scenario: asked, tpmfront, tpmback, session }, { commands: 2, ...more }));
    },
  };
}

const BREAKS: readonly OracleName[] = ['stray-memory', 'driver-fault'];

/** A vTPM of another moment is refused in words: what the user then misses it has been told of. */
const TOLD: Question = {
  ...tpm('sequenced', 'checkpoint+mixed-restores=1'),
  name: 'sequenced told checkpoint+mixed-restores=1',
  first: true,
  excused: (world) =>
    world instanceof World &&
    world.machine.slots.some(({ guest: { user } }) => user.request === RequestState.Failed && user.errno === EIO),
};

const TPM: readonly Question[] = [
  tpm('quiesce', 'cancelled-suspend'),
  tpm('quiesce', 'connect'),
  tpm('sequenced', 'connect'),
  tpm('quiesce', 'connect', { sanitize: true }),
  tpm('quiesce', 'connect', { daemon: 'ocaml' }),
  tpm('sequenced', 'cancelled-suspend'),
  tpm('sequenced', 'spurious-event'),
  tpm('quiesce', 'checkpoint'),
  tpm('quiesce', 'restore-fails'),
  tpm('quiesce', 'save-restore'),
  tpm('quiesce', 'clean-migration'),
  tpm('sequenced', 'backend-restart'),
  tpm('sequenced', 'cancelled-suspend+watch-repeats=1'),
  tpm('sequenced', 'clean-migration', { back: 'v2' }),
  tpm('ring-handoff', 'clean-migration'),
  TOLD,
  tpm('sequenced', 'checkpoint+stale-restores=1'),
  tpm('quiesce', 'toolstack-dies'),
  tpm('sequenced', 'slow-command'),
  tpm('sequenced', 'clean-migration'),
  tpm('quiesce', 'clean-migration', { start: 'boot', commands: 1 }),
  tpm('sequenced', 'clean-migration', { start: 'boot', commands: 1 }),
  tpm('sequenced', 'clean-migration+spurious-events=1', { commands: 1 }),
  tpm('quiesce', 'connect+hostile-stores=1', { commands: 1, oracles: BREAKS }),
];

const STORE: readonly Question[] = STORE_RACES.flatMap(({ name }) =>
  (['c', 'ocaml'] as const).map(
    (daemon): Question => ({
      name: `${name} ${daemon}`,
      area: 'store',
      faults: 0,
      world: () => new StoreWorld(storeRace(name, daemon)),
    }),
  ),
);

const READ_A = { type: XsType.READ, payload: 'a\0', expected: 'A' };

function ring(name: string, daemon: DaemonName, options: Partial<RingWorldOptions> & Pick<RingWorldOptions, 'plan'>) {
  return {
    name: `${name} ${daemon}`,
    area: 'ring' as const,
    faults: 0,
    world: () => new RingWorld({ daemon, asks: [READ_A], writes: null, grain: 'fine', ...options }),
  };
}

const RING: readonly Question[] = (['c', 'ocaml'] as const).flatMap((daemon): readonly Question[] => [
  ring('read', daemon, { plan: 'none', ringBytes: 4 }),
  ring('read and cancel', daemon, { plan: 'cancel' }),
  ring('read and migrate', daemon, { plan: 'migrate', rules: LINUX }),
  ring('send again', daemon, { plan: 'migrate', rules: RESENDS }),
  ring('watch and migrate', daemon, { plan: 'migrate', writes: 1, grain: 'chunk' }),
]);

/** Two requests in flight at once, step by step: in the rows for that, handlers run whole. */
const TWO_AT_ONCE: BlockWorldOptions = { plan: 'none', frontend: ORDERED, user: 'streams', operations: TWO };

/** Rows of block data that hold, and are soon explored. */
const ROWS: readonly Question[] = [
  'boot',
  'detach',
  'destroy',
  'power-off',
  'cancel/linux',
  'restore/linux',
  'restore/linux/flush',
  'killed/reconnects',
  'killed between steps/linux/takes-over',
  'killed/reconnects/ring of 4',
  'snapshot-drained',
].map((name): Question => {
  const row = BLOCK_ROWS.find((candidate) => candidate.name === name && candidate.oracle === null);
  if (row === undefined) throw new Error(`there is no row ${name} that holds`);
  return {
    name: `block ${name}`,
    area: 'block',
    faults: row.options.kills ?? 0,
    world: () => new BlockWorld(row.options),
  };
});

const BLOCK: readonly Question[] = [
  { name: 'block two at once', area: 'block', faults: 0, world: () => new BlockWorld(TWO_AT_ONCE) },
  ...ROWS,
];

/** Races for a block device that are won: those of design I, and one of design O. */
const IDENTITY: readonly Question[] = IDENTITY_SCENARIOS.flatMap(({ name, place, setting }) =>
  (['I', 'O'] as const)
    .filter((design) => design === 'I' || place === '01')
    .filter((design) => {
      const expected = IDENTITY_EXPECTED[place]?.[design];
      const listed = DISAGREEMENTS.some((one) => one.place === place && one.design === design);
      return expected?.oracle === null && !expected.notApplicable && !listed;
    })
    .map(
      (design): Question => ({
        name: `${name} ${design}`,
        area: 'identity',
        faults: 1,
        world: () => new IdentityWorld(design, setting),
      }),
    ),
);

/** Those with many states: more than some ten thousand. */
const LARGE = /^(send again|watch and migrate|quiesce connect\+hostile|block (boot|cancel|restore|killed|snapshot))/;

const ALL: readonly Question[] = [...STORE, ...TPM, ...RING, ...IDENTITY, ...BLOCK];

/** In the order in which `explore` asks them: the small ones first. */
export const QUESTIONS: readonly Question[] = [
  ...ALL.filter(({ name }) => !LARGE.test(name)),
  ...ALL.filter(({ name }) => LARGE.test(name)),
];
