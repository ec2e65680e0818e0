/**
 * A live system over the store of Debian's C xenstored and oxenstored, as with `live up --xenstore unix:PATH`: they know no
 * domain but the first on a machine without Xen, so every part speaks as that, and everything else is as with our own.
 */
import t from 'tap';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { LiveRun, pause } from '../support/live/live-run.js';
import { startRealDaemon } from './real-daemon.js';
import { DAEMON_KINDS } from './toolbox.js';

const STORY_MILLISECONDS = 180_000;

for (const kind of DAEMON_KINDS) {
  t.test(`over the real ${kind} daemon`, { timeout: STORY_MILLISECONDS }, async (t) => {
    const daemon = await startRealDaemon(kind);
    const live = await LiveRun.begin({ xenstore: { path: daemon.socketPath } });
    const client = await XenstoreClient.connect(unixSocket(daemon.socketPath));
    try {
      const { hosts } = await live.status();
      t.strictSame(
        hosts.map(({ store }) => store),
        [daemon.socketPath, daemon.socketPath],
      );
      await live.extend();
      t.equal(await client.readText('/local/domain/1/device/vtpm/0/state'), '4');
      t.equal(await client.readText('/local/domain/0/backend/vtpm/1/0/state'), '4');

      await live.control('suspend');
      t.equal((await live.status()).hosts[0]?.guest, 'suspended');
      const waits = live.extend();
      t.equal(await Promise.race([waits.then(() => 'answered'), pause(100).then(() => 'waits')]), 'waits');
      await live.control('cancel');
      await waits;

      for (const part of ['backend', 'guest', 'hypervisor', 'toolstack']) {
        await live.killed(part);
        await live.extendAgain();
        t.same(await live.pcr(), live.expected, part);
      }
      await live.settled();
      for (const [owner, domid, other] of [
        ['b', 2, 1],
        ['a', 1, 2],
      ] as const) {
        await live.control('migrate');
        await live.extend();
        const status = await live.status();
        t.equal(status.owner, owner);
        t.equal(status.exactlyOnce, true);
        t.equal(await client.readText(`/local/domain/${domid}/device/vtpm/0/state`), '4');
        t.equal(await client.exists(`/local/domain/${other}`), false, 'nothing is left of the one that moved');
        t.same(await live.pcr(), live.expected);
      }
    } finally {
      t.strictSame(await live.end(), { files: false, processes: [] });
      for (const path of ['/local/domain/1', '/local/domain/2', '/local/domain/0/backend/vtpm/1/0'])
        t.equal(await client.exists(path), false, path);
      client.close();
      await daemon.stop();
    }
  });
}

t.test('a daemon that is not there, and one that ends', { timeout: STORY_MILLISECONDS }, async (t) => {
  await t.rejects(LiveRun.begin({ xenstore: { path: '/nonexistent/socket' } }), { message: /\/nonexistent\/socket/ });
  const daemon = await startRealDaemon('c');
  const live = await LiveRun.begin({ xenstore: { path: daemon.socketPath } });
  await live.extend();
  await daemon.stop();
  await live.extend();
  t.same(await live.pcr(), live.expected, 'commands need no store');
  t.strictSame(await live.end(), { files: false, processes: [] });
});
