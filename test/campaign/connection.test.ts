/** What is at the other end of an address, when it is no Redis; and what is said where the packages are not installed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parseRedisAddress } from '../../campaign/redis/address.js';
import { connectRedis } from '../../campaign/redis/connection.js';
import { PARTS, redisParts } from '../../campaign/redis/parts.js';

async function listening(t: Test, serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const { ioredis } = await redisParts();
const connected = (url: string): Promise<unknown> =>
  connectRedis(ioredis, parseRedisAddress(url), { name: 'test', patient: false });

t.test('a server that never answers is waited for, but not for ever', async (t) => {
  const url = await listening(t, () => {});
  await t.rejects(connected(url), {
    code: 'NO_REDIS',
    message: `expected a Redis server at ${url}, found no answer within 5 s`,
  });
});

t.test('a server that speaks something else is said to', async (t) => {
  const url = await listening(t, (socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  await t.rejects(connected(url), { code: 'NO_REDIS', message: /does not speak the protocol of Redis$/ });
});

t.test('a server that hangs up is refused too', async (t) => {
  const url = await listening(t, (socket) => socket.destroy());
  await t.rejects(connected(url), { code: 'NO_REDIS', message: /^expected a Redis server at .*, found / });
});

t.test('without the packages one line says which to install', async (t) => {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
  t.match(optionalDependencies, PARTS);
  const hide = `export const resolve = (name, context, next) => {
    if (name !== 'bullmq') return next(name, context);
    throw Object.assign(new Error('hidden'), { code: 'ERR_MODULE_NOT_FOUND' });
  };`;
  const hooks = `data:text/javascript,${encodeURIComponent(hide)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(hooks)});`;
  const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  for (const command of ['campaign', 'worker']) {
    const argv = ['--import', `data:text/javascript,${encodeURIComponent(register)}`, program, command];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...argv, '--redis', 'redis://a'], {
      encoding: 'utf8',
    });
    t.match({ status, stdout }, { status: 2, stdout: '' });
    t.equal(
      stderr,
      `quiesce ${command}: campaigns over Redis need two packages more: npm install bullmq@6.7.0 ioredis@6.0.0\n`,
    );
  }
});
