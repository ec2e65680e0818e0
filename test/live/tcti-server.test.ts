import { chmodSync, existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { drawPort } from '../../live/loopback-ports.js';
import { TctiServer } from '../../live/tcti/tcti-server.js';
import { ModelDevice } from '../../live/tpm/model-device.js';
import { QuiesceError } from '../../protocol/errors.js';
import { extend, random, readPcr, startup } from '../support/model-commands.js';
import { toHex } from '../support/tpm-engine.js';
import { newDirectory } from './fake-device.js';
import { serve, until } from './tcti-support.js';

const STARTED_ALREADY = '80010000000a00000100';
const EXTENDED = '80020000001300000000000000000000010000';

t.test('a command on a connection of its own each time, and many on one', async (t) => {
  const { client, server } = await serve(t);
  for (let i = 0; i < 3; i++) {
    const one = await client();
    t.equal(await one.ask(startup, 10), STARTED_ALREADY);
    one.destroy();
  }
  const long = await client();
  for (let i = 0; i < 3; i++) t.equal(await long.ask(extend(10), 19), EXTENDED);
  await until(() => server.connections === 1);
});

t.test('a command may come in any pieces, and several may be sent ahead', async (t) => {
  const { client, tpm } = await serve(t);
  const dribbling = await client();
  for (const byte of startup) {
    dribbling.send(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal((await dribbling.take(10)).toString('hex'), STARTED_ALREADY);
  const ahead = await client();
  const commands = Array.from({ length: 200 }, (_, i) => readPcr(i % 24));
  ahead.send(Buffer.concat(commands));
  await ahead.take(200 * 62);
  t.strictSame(tpm.executed.slice(1), commands.map(toHex));
});

t.test('commands of several clients wait in the order in which they came', async (t) => {
  const { client, tpm, server } = await serve(t);
  const clients = await Promise.all(Array.from({ length: 8 }, () => client()));
  let release = (): void => undefined;
  tpm.hold = new Promise((resolve) => {
    release = resolve;
  });
  for (const [i, one] of clients.entries()) {
    one.send(readPcr(i));
    await until(() => server.waiting === i);
  }
  release();
  await Promise.all(clients.map((one) => one.take(62)));
  t.strictSame(
    tpm.executed,
    clients.map((_, i) => toHex(readPcr(i))),
  );
  t.equal(tpm.atOnce, 1);
});

t.test('a client that dies with its command under way disturbs nobody, and the command counts', async (t) => {
  const { client, tpm, server } = await serve(t);
  let release = (): void => undefined;
  tpm.hold = new Promise((resolve) => {
    release = resolve;
  });
  const [running, queued, half, alive] = await Promise.all([client(), client(), client(), client()]);
  running?.send(extend(10));
  await until(() => tpm.atOnce === 1);
  queued?.send(extend(10));
  await until(() => server.waiting === 1);
  half?.send(extend(10).subarray(0, 30));
  alive?.send(readPcr(10));
  await until(() => server.waiting === 2);
  for (const one of [running, queued, half]) one?.destroy();
  await until(() => server.connections === 3);
  release();
  await alive?.take(62);
  t.strictSame(tpm.executed, [toHex(extend(10)), toHex(extend(10)), toHex(readPcr(10))]);
  await until(() => server.connections === 1);
});

t.test('a size that no command has is answered, and the connection ends', async (t) => {
  const { client, tpm } = await serve(t);
  for (const size of ['00000000', '00000009', '00001001', 'ffffffff']) {
    const one = await client();
    one.send(`8001${size}0000014400`);
    t.equal((await one.rest()).toString('hex'), '80010000000a00000142', size);
  }
  const largest = await client();
  const command = Buffer.alloc(4096);
  Buffer.from('8001000010000000017b0008', 'hex').copy(command);
  t.equal((await largest.ask(command, 10)).length, 20, 'the largest is executed');
  t.equal(tpm.executed.length, 1);
});

t.test('half a command holds nobody up, and not for ever', async (t) => {
  const { client, server } = await serve(t, { frameMilliseconds: 100 });
  const half = await client();
  half.send(startup.subarray(0, 6));
  const other = await client();
  t.equal(await other.ask(startup, 10), STARTED_ALREADY);
  t.equal((await half.rest()).length, 0);
  await until(() => server.connections === 1);
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.equal(await other.ask(startup, 10), STARTED_ALREADY, 'silence between commands is not limited');
});

t.test('what is sent ahead is not read without end', async (t) => {
  const { client, tpm, server } = await serve(t);
  tpm.hold = new Promise(() => undefined);
  const greedy = await client();
  // One buffer sent many times: what there is more of afterwards is the server's.
  const piece = Buffer.alloc(100_000, startup);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 400; i++) greedy.send(piece);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const more = process.memoryUsage().arrayBuffers - before;
  t.ok(more < 2e6, `${more} bytes more`);
  t.equal(server.waiting, 0, 'one at a time');
});

t.test('a client that does not read its answers is not served on', async (t) => {
  const path = join(newDirectory(t), 'tpm');
  const { tpm } = await serve(t, { address: { kind: 'unix', path } });
  const socket = connect(path);
  t.teardown(() => socket.destroy());
  socket.pause();
  // 3 MB of answers; a Unix socket takes some 200 kB.
  const asked = 50_000;
  socket.write(Buffer.concat(Array.from({ length: asked }, () => readPcr(1))));
  let last = -1;
  while (tpm.executed.length !== last) {
    last = tpm.executed.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  t.ok(last > 0 && last < asked / 2, `${last} of ${asked}`);
});

t.test('connections beyond the limit are closed, and there is room again afterwards', async (t) => {
  const { client, server } = await serve(t, { connectionsMax: 2 });
  const [first] = await Promise.all([client(), client(true)]);
  await until(() => server.connections === 2);
  const third = await client();
  t.equal((await third.rest()).length, 0);
  first?.destroy();
  await until(() => server.connections === 1);
  t.equal(await (await client()).ask(startup, 10), STARTED_ALREADY);
});

t.test('what becomes of a command that the TPM does not answer', async (t) => {
  const { client, tpm } = await serve(t);
  const cases = [
    ['TPM_CLOSED', '80010000000a00000101'],
    ['COMMAND_CANCELLED', '80010000000a00000909'],
    ['BAD_TPM_COMMAND', '80010000000a00000142'],
    ['TPM_LOST', ''],
    ['COMMAND_TIMED_OUT', ''],
  ] as const;
  for (const [code, expected] of cases) {
    tpm.failure = new QuiesceError(code, 'made up');
    const one = await client();
    one.send(startup);
    const found = expected === '' ? await one.rest() : await one.take(10);
    t.equal(found.toString('hex'), expected, code);
  }
});

t.test('closing drops what waits and cuts everybody off', async (t) => {
  const { client, tpm, server } = await serve(t);
  let release = (): void => undefined;
  tpm.hold = new Promise((resolve) => {
    release = resolve;
  });
  const [running, waiting] = await Promise.all([client(), client()]);
  running?.send(extend(1));
  await until(() => tpm.atOnce === 1);
  waiting?.send(extend(2));
  await until(() => server.waiting === 1);
  await server.close();
  release();
  t.equal((await running?.rest())?.length, 0);
  t.equal((await waiting?.rest())?.length, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.strictSame(tpm.executed, [toHex(extend(1))]);
  await t.rejects(client(), { code: 'ECONNREFUSED' });
});

t.test('a Unix socket is ours alone, in a directory that is ours alone, and gone at the end', async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, 'made', 'tpm');
  const { client, server } = await serve(t, { address: { kind: 'unix', path } });
  t.equal(server.tcti, `swtpm:path=${path}`);
  for (const file of [path, `${path}.ctrl`]) t.equal(statSync(file).mode & 0o777, 0o600, file);
  t.equal(statSync(join(directory, 'made')).mode & 0o777, 0o700);
  t.equal(await (await client()).ask(random(1), 13).then((answer) => answer.length), 26);
  t.equal(await (await client(true)).ask('0000000500', 4), '00000000');
  await server.close();
  t.notOk(existsSync(join(directory, 'made')));
  chmodSync(directory, 0o750);
  const address = { kind: 'unix', path: join(directory, 'tpm') } as const;
  const device = new ModelDevice({ seed: 1 });
  await t.rejects(TctiServer.listen(device, { framing: 'mssim', address }), { code: 'CANNOT_LISTEN', message: /750/ });
});

t.test('ports: the loopback address alone, both or none', async (t) => {
  const { server } = await serve(t);
  t.match(server.tcti, /^swtpm:host=127\.0\.0\.1,port=\d+$/);
  const port = Number(server.tcti.split('port=')[1]);
  const device = new ModelDevice({ seed: 1 });
  const listen = (number: number) =>
    TctiServer.listen(device, { framing: 'swtpm', address: { kind: 'tcp', port: number } });
  await t.rejects(listen(port), { code: 'CANNOT_LISTEN' });
  // The second of the pair is taken: the first is given back. Whether somebody else takes it then is not ours to say.
  const listeners = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
  const before = listeners();
  await t.rejects(listen(port - 1), { code: 'CANNOT_LISTEN' });
  await until(() => listeners() <= before);
  await t.rejects(listen(65_535), { code: 'CANNOT_LISTEN' });
});

t.test('a port that is drawn is none that the kernel gives to connections', async (t) => {
  const draw = (range: string): number[] => Array.from({ length: 2000 }, () => drawPort(range));
  for (const port of draw('32768\t60999\n')) {
    if (port < 10_000 || port > 65_534 || (port >= 32_767 && port <= 60_999)) t.fail(String(port));
  }
  t.strictSame(new Set(draw('10002 65533')), new Set([10_000, 65_534]));
  t.strictSame(new Set(draw('1024 65535')), new Set([0]));
});
