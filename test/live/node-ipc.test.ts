/**
 * Messages over node-ipc: however the stream is cut, whole messages come out; what is none ends the connection.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import t from 'tap';
import { connect, listen, MESSAGE_BYTES_MAX, type Peer } from '../../live/ipc/node-ipc.js';
import { blank, importsOf, readSources } from '../support/source.js';

const folder = mkdtempSync(`${tmpdir()}/quiesce-ipc-`);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function frame(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

t.test('messages go both ways; an end that closes is noticed; the socket is closed to others', async (t) => {
  const path = `${folder}/both`;
  const got: unknown[] = [];
  let closed = 0;
  const server = await listen(path, (peer) => ({
    onMessage: (message) => {
      got.push(message);
      peer.send({ echo: message });
    },
    onClose: () => {
      closed++;
    },
  }));
  t.equal(statSync(path).mode & 0o777, 0o600);
  const answers: unknown[] = [];
  let answered = (): void => undefined;
  const client = await connect(path, {
    onMessage: (message) => {
      answers.push(message);
      answered();
    },
    onClose() {},
  });
  for (const message of [{ a: 1 }, 'ümlaut \f\0', null, { id: 'x'.repeat(50_000) }]) {
    const answer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    client.send(message);
    await answer;
  }
  t.strictSame(
    answers,
    got.map((echo) => ({ echo })),
  );
  t.equal(got.length, 4);
  client.close();
  while (closed === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  server.close();
});

t.test('a stream cut anywhere; messages of the package itself are nothing here', async (t) => {
  const path = `${folder}/cut`;
  const got: unknown[] = [];
  let peers: Peer[] = [];
  const server = await listen(path, (peer) => {
    peers.push(peer);
    return {
      onMessage: (message) => got.push(message),
      onClose: () => (peers = peers.filter((other) => other !== peer)),
    };
  });
  const stream = Buffer.concat([frame('{"n":1}'), frame('"zwei ü"'), frame('[3]')]);
  const socket = connectSocket(path);
  for (const byte of stream) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (got.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  t.strictSame(got, [{ n: 1 }, 'zwei ü', [3]]);

  const tooLong = Buffer.alloc(4);
  tooLong.writeUInt32LE(MESSAGE_BYTES_MAX + 1);
  for (const bad of [tooLong, frame('{"type":'), Buffer.from('{"type":"close","data":{}}\f')]) {
    const stranger = connectSocket(path);
    const ended = new Promise((resolve) => stranger.once('close', resolve));
    stranger.on('error', () => undefined);
    stranger.write(bad);
    await ended;
  }
  t.equal(got.length, 3);
  socket.destroy();
  server.close();
});

t.test('nobody there', async (t) => {
  await t.rejects(connect(`${folder}/nobody`, { onMessage() {}, onClose() {} }), { code: 'PART_UNREACHABLE' });
});

t.test('the package is pinned to the release that was read, and only one module knows it', async (t) => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
  };
  const { version, integrity } = lock.packages['node_modules/node-ipc'] ?? {};
  t.equal(version, '9.2.1');
  t.equal(integrity, 'sha512-mJzaM6O3xHf9VT8BULvJSbdVbmHUKRNOH7zDDkCrA1/T+CVjq2WVIDfLt0azZRXpgArJtl3rtmEozrbXPZ9GaQ==');
  const users = readSources(process.cwd()).filter(({ text }) => importsOf(blank(text)).includes('node-ipc'));
  t.strictSame(
    users.map(({ path }) => path),
    ['live/ipc/node-ipc.ts'],
  );
});
