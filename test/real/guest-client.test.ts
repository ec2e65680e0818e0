/**
 * Our client over our ring, as a guest of the real daemons.
 */
import t from 'tap';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { codeOf, EventLog } from '../support/xenstore-client-story.js';
import { startRealDaemon } from './real-daemon.js';
import { ringTransport } from './ring-transport.js';
import { DAEMON_KINDS } from './toolbox.js';

const DOMID = 5;
const HOME = `/local/domain/${DOMID}`;

for (const kind of DAEMON_KINDS) {
  t.test(`our client as a guest on our ring, and the real ${kind} daemon`, async (t) => {
    const daemon = await startRealDaemon(kind);
    t.teardown(() => daemon.stop());
    const control = await XenstoreClient.connect(unixSocket(daemon.socketPath));
    daemon.machine.createDomain(DOMID);
    await control.introduce({ domid: DOMID, frame: 500, eventChannel: 3 });
    await control.mkdir(HOME);
    await control.setPermissions(HOME, [{ access: 'n', domid: DOMID }]);
    const guest = await XenstoreClient.connect(ringTransport(daemon.machine, DOMID));
    t.teardown(() => {
      guest.close();
      control.close();
    });

    await guest.write('data/greeting', 'hello');
    t.equal(await control.readText(`${HOME}/data/greeting`), 'hello', 'a relative path is that of the guest');
    t.equal(await codeOf(guest.write('/tool/mine', '1')), 'EACCES');
    t.equal(await codeOf(guest.release(DOMID)), 'EACCES');

    const long = 'x'.repeat(1900);
    await guest.write('data/long', long);
    t.equal(await guest.readText('data/long'), long, 'a message longer than the ring goes through it in pieces');
    const paths = Array.from({ length: 100 }, (_, i) => `data/many/${i}`);
    await Promise.all(paths.map((path) => guest.write(path, path)));
    t.strictSame(await Promise.all(paths.map((path) => guest.readText(path))), paths, 'many are in flight at once');

    const log = new EventLog();
    await guest.watch('data/state', log.note);
    t.strictSame(await log.take(1), ['data/state']);
    await control.write(`${HOME}/data/state`, '4');
    t.strictSame(await log.take(1), ['data/state'], 'an event comes though nothing was asked');

    let tries = 0;
    await guest.transaction(async (tx) => {
      const value = await tx.readText('data/greeting');
      if (++tries === 1) await control.write(`${HOME}/data/greeting`, 'goodbye');
      await tx.write('data/copy', value);
    });
    t.equal(tries, 2);
    t.equal(await control.readText(`${HOME}/data/copy`), 'goodbye');
  });
}
