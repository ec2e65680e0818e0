/**
 * What a campaign over many machines is: everything that its runs depend on, and nothing else. Two campaigns with equal
 * configurations are the same one, so its name is a digest of the configuration.
 */
import { createHash } from 'node:crypto';
import { QuiesceError } from '../protocol/errors.js';
import type { Grain } from '../simulator/actors.js';
import { SEED_MAX } from '../simulator/random.js';
import { COMMANDS_MAX } from '../simulator/schedule.js';
import { DAEMONS } from '../simulator/world-options.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import { Shape } from './shape.js';

export const RUNS_MAX: number = 2 ** 31 - 1;
export const SHARDS_MAX = 100_000;

/** What is not drawn; whatever is absent is. As the options of `fuzz`. */
export interface WorldQuestion {
  readonly scenario?: string | undefined;
  readonly tpmfront?: string | undefined;
  readonly tpmback?: string | undefined;
  readonly session?: string | undefined;
  readonly commands?: number | undefined;
  readonly grain?: Grain | undefined;
  readonly daemon?: DaemonName | undefined;
}

export interface CampaignConfiguration {
  /** Which program: its version, and the digest of its code (`build.ts`). */
  readonly version: string;
  readonly build: string;
  readonly seed: number;
  /** Runs of all shards together. */
  readonly runs: number;
  readonly shards: number;
  /** Whether every run is taken twice, or one in twenty. */
  readonly checkAll: boolean;
  readonly worlds: WorldQuestion;
  /** SHA-256 of each file that `worlds` names, by its path. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of the entries of the corpus that every shard begins with, in their order. */
  readonly corpus: string;
}

/** 16 hexadecimal digits that name the campaign. */
export function campaignId(configuration: CampaignConfiguration): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(configuration)))
    .digest('hex')
    .slice(0, 16);
}

export function isCampaignId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** The runs of shard `shard`: number of the first, and how many. They differ by one at most from shard to shard. */
export function runsOfShard(
  { runs, shards }: Pick<CampaignConfiguration, 'runs' | 'shards'>,
  shard: number,
): { readonly first: number; readonly count: number } {
  const first = Math.floor((runs * shard) / shards);
  return { first, count: Math.floor((runs * (shard + 1)) / shards) - first };
}

/** SHA-256 of entries of a corpus, in their order. */
export function corpusDigest(tokens: readonly string[]): string {
  return createHash('sha256').update(tokens.join('\n')).digest('hex');
}

/** The same configuration with its parts in a fixed order, so that equal ones have equal JSON. */
export function canonical(configuration: CampaignConfiguration): CampaignConfiguration {
  const { version, build, seed, runs, shards, checkAll, worlds, files, corpus } = configuration;
  const { scenario, tpmfront, tpmback, session, commands, grain, daemon } = worlds;
  return {
    version,
    build,
    seed,
    runs,
    shards,
    checkAll,
    worlds: { scenario, tpmfront, tpmback, session, commands, grain, daemon },
    files: Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))),
    corpus,
  };
}

/** Reads a configuration back from JSON. Throws `BAD_CAMPAIGN` where it is none. */
export function parseConfiguration(shape: Shape): CampaignConfiguration {
  const worlds = shape.at('worlds');
  const files = shape.at('files');
  const shards = shape.integer('shards', 1, SHARDS_MAX);
  return canonical({
    version: shape.text('version'),
    build: shape.matching('build', DIGEST),
    seed: shape.integer('seed', 0, SEED_MAX),
    runs: shape.integer('runs', shards, RUNS_MAX),
    shards,
    checkAll: shape.flag('checkAll'),
    worlds: {
      scenario: worlds.optional('scenario', (name) => worlds.text(name)),
      tpmfront: worlds.optional('tpmfront', (name) => worlds.text(name)),
      tpmback: worlds.optional('tpmback', (name) => worlds.text(name)),
      session: worlds.optional('session', (name) => worlds.text(name)),
      commands: worlds.optional('commands', (name) => worlds.integer(name, 0, COMMANDS_MAX)),
      grain: worlds.optional('grain', (name) => worlds.oneOf(name, ['fine', 'coarse'] as const)),
      daemon: worlds.optional('daemon', (name) => worlds.oneOf(name, DAEMONS)),
    },
    files: Object.fromEntries(files.names.map((name) => [name, files.matching(name, DIGEST)])),
    corpus: shape.matching('corpus', DIGEST),
  });
}

const DIGEST = /^[0-9a-f]{64}$/;

/** Parses the JSON of a configuration alone. `name` is what messages call it. Throws `BAD_CAMPAIGN`. */
export function readConfiguration(name: string, text: string): CampaignConfiguration {
  return parseConfiguration(Shape.parse(name, text));
}

/** Throws `OTHER_BUILD` unless this program is the one of the campaign. */
export function checkBuild(configuration: CampaignConfiguration, version: string, build: string): void {
  if (configuration.build === build) return;
  throw new QuiesceError(
    'OTHER_BUILD',
    `expected quiesce ${configuration.version}, build ${shortBuild(configuration.build)}, for campaign ` +
      `${campaignId(configuration)}; this is ${version}, build ${shortBuild(build)}: install the same one on every machine`,
  );
}

/** The digits of a build that are shown. */
export function shortBuild(build: string): string {
  return build.slice(0, 12);
}
