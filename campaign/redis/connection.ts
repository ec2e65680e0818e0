/**
 * A connection to Redis: the first one is checked, so that what is wrong is said at once and plainly; later it is made
 * again by itself whenever it is lost.
 */
import type { Redis } from 'ioredis';
import { QuiesceError } from '../../protocol/errors.js';
import type { RedisAddress } from './address.js';
import type { IoRedis } from './parts.js';

/** How long anything may take that Redis is asked. */
const ANSWER_MILLISECONDS = 5000;
const RECONNECT_MILLISECONDS_MAX = 1000;

export interface ConnectionSettings {
  /** Name in the server's list of clients. */
  readonly name: string;
  /** Whether commands wait for a connection as long as it takes, as BullMQ's workers need it. */
  readonly patient: boolean;
}

/** Throws `NO_REDIS` when there is no server, or it lets nobody in. */
export async function connectRedis(
  { Redis }: IoRedis,
  address: RedisAddress,
  { name, patient }: ConnectionSettings,
): Promise<Redis> {
  let settled = false;
  let first: Error | undefined;
  const redis = new Redis({
    ...address.options,
    connectionName: name,
    lazyConnect: true,
    connectTimeout: ANSWER_MILLISECONDS,
    maxRetriesPerRequest: patient ? null : 0,
    ...(patient ? {} : { commandTimeout: ANSWER_MILLISECONDS }),
    // The first attempt is the only one: who gave a wrong address does not want to wait.
    retryStrategy: (times) => (settled ? Math.min(50 * 2 ** Math.min(times, 5), RECONNECT_MILLISECONDS_MAX) : null),
  });
  redis.on('error', (error: Error) => {
    first ??= error;
  });
  try {
    await within(ANSWER_MILLISECONDS, redis.connect());
    await within(ANSWER_MILLISECONDS, redis.ping());
    if (first !== undefined) throw first;
  } catch (error) {
    redis.disconnect();
    throw refusal(address, first ?? (error as Error));
  }
  settled = true;
  return redis;
}

/** The promise's value, or an error when it takes longer than so many milliseconds. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
  });
  // When it loses the race, its failure is nobody's.
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function refusal({ shown }: RedisAddress, error: Error): QuiesceError {
  return new QuiesceError('NO_REDIS', `expected a Redis server at ${shown}, found ${foundOf(error)}`);
}

function foundOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'nobody listening: start one, or give its address with --redis';
    case 'ENOENT':
      return 'no such socket: start one, or give its address with --redis';
    case 'EACCES':
      return 'a socket that this user may not open';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'no host of that name';
    case 'ETIMEDOUT':
      return `no answer within ${ANSWER_MILLISECONDS / 1000} s`;
  }
  const [, word = ''] = /^([A-Z]+) /.exec(error.message) ?? [];
  switch (word) {
    case 'NOAUTH':
      return 'one that asks for a password: put it into the address, redis://:password@host, or into REDISCLI_AUTH';
    case 'WRONGPASS':
      return 'one that refuses this user and password';
    case 'NOPERM':
      return `one that does not allow this user what is needed (${error.message})`;
  }
  if (/RESP type|Protocol error/.test(error.message)) return 'a server that does not speak the protocol of Redis';
  return error.message.replace(/\s+/g, ' ');
}
