/**
 * The address of a Redis server, as an option or from the environment.
 */
import { parseRedisAddress, type RedisAddress } from '../campaign/redis/address.js';
import { type Arguments, type OptionSpec, usage } from './arguments.js';
import type { Terminal } from './terminal.js';

export const REDIS_OPTION: OptionSpec = { value: 'URL', help: 'the Redis server (the variable QUIESCE_REDIS)' };

/** Throws `USAGE` where there is none. */
export function redisAddressOf(args: Arguments, { environment = {} }: Terminal): RedisAddress {
  const { QUIESCE_REDIS: usual = '', REDISCLI_AUTH: password } = environment;
  const text = args.text('redis') ?? usual;
  if (text === '') throw usage('expected --redis URL, as in redis://host:6379, or the variable QUIESCE_REDIS');
  return parseRedisAddress(text, password);
}
