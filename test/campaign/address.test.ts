/** Addresses of Redis, and that a password is never shown. */
import t from 'tap';
import { parseRedisAddress } from '../../campaign/redis/address.js';

t.test('addresses', async (t) => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['redis://a', { host: 'a', port: 6379, db: 0 }, 'redis://a'],
    ['redis://a:1/3', { host: 'a', port: 1, db: 3 }, 'redis://a:1/3'],
    ['redis://:p%40ss@a', { host: 'a', port: 6379, db: 0, password: 'p@ss' }, 'redis://a'],
    ['redis://u:p@a', { host: 'a', port: 6379, db: 0, username: 'u', password: 'p' }, 'redis://a'],
    ['redis://[::1]:7', { host: '::1', port: 7, db: 0 }, 'redis://[::1]:7'],
    ['rediss://a', { host: 'a', port: 6379, db: 0, tls: {} }, 'rediss://a'],
    ['unix:///run/r.sock', { path: '/run/r.sock', db: 0 }, 'unix:///run/r.sock'],
    ['unix:///run/r%20s?db=2', { path: '/run/r s', db: 2 }, 'unix:///run/r%20s?db=2'],
  ];
  for (const [text, options, shown] of cases) t.strictSame(parseRedisAddress(text), { options, shown }, text);
});

t.test('a password from elsewhere is for addresses without one', async (t) => {
  t.match(parseRedisAddress('redis://a', 'x').options, { password: 'x' });
  t.match(parseRedisAddress('redis://:own@a', 'x').options, { password: 'own' });
  t.match(parseRedisAddress('unix:///s', 'x').options, { password: 'x' });
});

t.test('what is no address is refused, without its password', async (t) => {
  for (const text of [
    '',
    'a',
    'a:6379',
    'http://a',
    'redis://',
    'redis:///0',
    'redis://a/x',
    'redis://a/999999',
    'redis://%ff@a',
    'unix://host/path',
    'unix:///',
    'unix:///a?db=x',
    'unix:///%ff',
  ])
    t.throws(() => parseRedisAddress(text), { code: 'USAGE', message: /--redis: expected redis:\/\/host:port/ }, text);
  try {
    parseRedisAddress('redis://user:secret@a/x');
    t.fail('expected it to be refused');
  } catch (error) {
    t.notMatch((error as Error).message, /secret/);
  }
});
