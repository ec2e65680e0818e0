/**
 * The packages that campaigns over Redis need. They are optional: everything else works without them.
 */
import { QuiesceError } from '../../protocol/errors.js';

export type BullMq = typeof import('bullmq');
export type IoRedis = Pick<typeof import('ioredis'), 'Redis'>;

export interface RedisParts {
  readonly bullmq: BullMq;
  readonly ioredis: IoRedis;
}

/** As in package.json, where a test looks. */
export const PARTS: Readonly<Record<keyof RedisParts, string>> = { bullmq: '6.7.0', ioredis: '6.0.0' };

/** Throws `MISSING_PART` when they are not installed. */
export async function redisParts(): Promise<RedisParts> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, ioredis };
  } catch (error) {
    if (!isMissing(error)) throw error;
    const wanted = Object.entries(PARTS).map(([name, version]) => `${name}@${version}`);
    throw new QuiesceError(
      'MISSING_PART',
      `campaigns over Redis need two packages more: npm install ${wanted.join(' ')}`,
    );
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}
