/**
 * A live system with the model TPM: commands through frontend, ring and backend; parts that die and come back; suspend,
 * cancel, migration; and in the end nothing is left.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { up } from '../../live/system.js';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { POLICIES, Store } from '../../xenstore-sim/index.js';
import { serve } from '../../xenstore-sim/server/index.js';
import { LiveRun, pause } from '../support/live/live-run.js';

const MODES = native() === null ? ['threads'] : ['processes', 'threads'];

for (const mode of MODES) {
  const threads = mode === 'threads';

  t.test(`${mode}: commands, deaths, suspend, cancel, migration`, { timeout: 400_000 }, async (t) => {
    const live = await LiveRun.begin({ threads });
    const { directory } = live;
    const first = await live.status();
    t.equal(first.parts, mode);
    t.equal(first.owner, 'a');
    for (const [path, bits] of [
      ['', 0o700],
      ['/a', 0o700],
      ['/control.sock', 0o600],
      ['/a/hypervisor.sock', 0o600],
      ['/a/xenstored.sock', 0o600],
      ['/toolstack.state.0', 0o600],
      ['/toolstack.state.1', 0o600],
      ['/a/xenstored.state.0', 0o600],
      ...(threads ? [] : [['/a/guest.json', 0o600] as const, ['/a/guest.json.lock', 0o600] as const]),
    ] as const)
      t.equal(statSync(directory + path).mode & 0o777, bits, path);

    for (let i = 0; i < 20; i++) await live.extend();
    t.same(await live.pcr(), live.expected);

    t.test('two systems do not share a folder; unknown parts and wrong moments are refused', async (t) => {
      const again = {
        tpm: 'model',
        startup: true,
        xenstore: 'sim',
        tpmfront: 'quiesce',
        fillerPages: 0,
        threads,
      } as const;
      await t.rejects(up(directory, { ...again, tcti: { protocol: 'swtpm', port: 0 } }), { code: 'LIVE_STATE' });
      await t.rejects(live.control('kill', 'nobody'), { code: 'UNKNOWN_NAME' });
      await t.rejects(live.control('cancel'), { code: 'LIVE_STATE' });
    });

    await t.test('every part dies while commands come, and each command is executed once', async (t) => {
      for (const part of ['backend', 'guest', 'xenstored', 'hypervisor', 'backend']) {
        const traffic = (async () => {
          for (let i = 0; i < 30; i++) await live.extend();
        })();
        await pause(3);
        await live.control('kill', part);
        await traffic;
        t.same(await live.pcr(), live.expected, part);
      }
      const { exactlyOnce, issued, executed, hosts } = await live.status();
      t.equal(exactlyOnce, true);
      t.equal(executed, issued);
      t.strictSame(
        hosts[0]?.parts.map(({ restarts }) => restarts > 0),
        [true, true, true, true],
      );
    });

    await t.test('suspend and cancel', async (t) => {
      await live.control('suspend');
      t.equal((await live.status()).hosts[0]?.guest, 'suspended');
      await t.rejects(live.control('suspend'), { code: 'LIVE_STATE' });
      await t.rejects(live.control('migrate'), { code: 'LIVE_STATE' });
      const waits = live.extend();
      t.equal(await Promise.race([waits.then(() => 'answered'), pause(100).then(() => 'waits')]), 'waits');
      await live.control('cancel');
      await waits;
      t.same(await live.pcr(), live.expected);
    });

    await t.test('a guest whose process dies while it is suspended hears the next request', async (t) => {
      await live.control('suspend');
      await live.control('kill', 'guest');
      await live.control('cancel');
      await live.extend();
      await live.control('suspend');
      await live.control('cancel');
      await live.extend();
      t.same(await live.pcr(), live.expected);
    });

    await t.test('there and back, with commands all the while', async (t) => {
      for (const [to, from] of ['ba', 'ab']) {
        let moved = false;
        const traffic = (async () => {
          while (!moved) await live.extend();
          await live.extend();
        })();
        await live.control('migrate');
        moved = true;
        await traffic;
        const { owner, hosts, exactlyOnce } = await live.status();
        t.equal(owner, to);
        t.equal(hosts.find(({ name }) => name === to)?.guest, 'running');
        t.equal(hosts.find(({ name }) => name === from)?.guest, 'none');
        t.equal(exactlyOnce, true);
        t.same(await live.pcr(), live.expected);
      }
    });

    // A new user space does not know where the guest was last, and no copy of it runs.
    if (!threads)
      await t.test('a user space that begins while the guest is suspended on the second host', async (t) => {
        await live.control('migrate');
        await live.control('suspend');
        const before = (await live.status()).user.pid;
        await live.control('kill', 'user');
        for (let pid = before; pid === before || pid === 0; ) pid = (await live.statusAgain()).user.pid;
        while (!(await listens(live.port))) await pause(10);
        const waits = live.extend();
        t.equal(await Promise.race([waits.then(() => 'answered'), pause(200).then(() => 'waits')]), 'waits');
        await live.control('cancel');
        await waits;
        t.same(await live.pcr(), live.expected);
        t.equal((await live.status()).exactlyOnce, true);
        await live.control('migrate');
      });

    t.strictSame(await live.end(), { files: false, processes: [] });
  });
}

/** Whether somebody takes connections on this port. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

t.test('another user is refused', { timeout: 300_000 }, async (t) => {
  if (process.geteuid?.() !== 0 || native() === null) {
    t.comment('only root can try as somebody else');
    t.pass();
    return;
  }
  const live = await LiveRun.begin();
  const source = `
    const socket = require('node:net').connect(${JSON.stringify(`${live.directory}/control.sock`)});
    socket.on('connect', () => { socket.write('{"command":"down"}\\n'); });
    socket.on('data', (bytes) => { process.stdout.write(bytes); process.exit(); });
    socket.on('error', ({ code }) => { process.stdout.write(code); process.exit(); });`;
  const asNobody = (): string =>
    spawnSync(process.execPath, ['-e', source], { uid: 65_534, gid: 65_534, cwd: '/', encoding: 'utf8' }).stdout;
  t.equal(asNobody(), 'EACCES', 'the folder is closed to others');
  // Even where somebody has opened folder and socket, the kernel says who is at the other end.
  spawnSync('chmod', ['-R', 'a+rwx', live.directory, live.directory.replace(/\/run$/, '')]);
  t.match(asNobody(), /only the user who has begun the live system may drive it/);
  t.equal((await live.status()).hosts[0]?.guest, 'running');
  t.strictSame(await live.end(), { files: false, processes: [] });
});

t.test(
  'a store that runs already serves both hosts, and keeps nothing of the guest',
  { timeout: 300_000 },
  async (t) => {
    const folder = mkdtempSync(`${tmpdir()}/quiesce-store-`);
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const unix = `${folder}/socket`;
    const daemon = new Daemon(Store.empty({ ...POLICIES.c, domainsAppear: true }));
    const server = await serve(daemon, { unix: { path: unix } });
    t.teardown(() => server.close());
    const live = await LiveRun.begin({ xenstore: { path: unix } });
    await live.extend();
    await live.control('migrate');
    await live.extend();
    t.same(await live.pcr(), live.expected);
    t.equal((await live.status()).owner, 'b');
    const client = await XenstoreClient.connect(unixSocket(unix));
    t.equal(await client.readText('/local/domain/2/device/vtpm/0/state'), '4');
    t.equal(await client.exists('/local/domain/1/device/vtpm/0'), false);
    t.strictSame(await live.end(), { files: false, processes: [] });
    t.equal(await client.exists('/local/domain/2'), false);
    t.equal(await client.exists('/local/domain/0/backend/vtpm/2/0'), false);
    client.close();
  },
);
