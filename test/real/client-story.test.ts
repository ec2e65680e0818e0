/**
 * Our client against the real daemons: the same story that the simulated ones are told.
 */
import t from 'tap';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { unixSocket } from '../../xenstore-sim/client/unix-socket.js';
import { clientStory } from '../support/xenstore-client-story.js';
import { startQuiesceServer } from './quiesce-server.js';
import { startRealDaemon } from './real-daemon.js';
import { DAEMON_KINDS } from './toolbox.js';

for (const kind of DAEMON_KINDS) {
  t.test(`our client and the real ${kind} daemon`, async (t) => {
    const daemon = await startRealDaemon(kind);
    t.teardown(() => daemon.stop());
    const connect = () => XenstoreClient.connect(unixSocket(daemon.socketPath));
    await clientStory(t, connect, kind, { createDomain: (domid) => daemon.machine.createDomain(domid) });
  });
}

for (const kind of DAEMON_KINDS) {
  t.test(`our client and quiesce xenstored --daemon ${kind}`, async (t) => {
    const server = await startQuiesceServer(kind);
    t.teardown(() => server.stop());
    const connect = () => XenstoreClient.connect(unixSocket(server.socketPath));
    // There is no hypervisor: a domain is there once it is introduced.
    await clientStory(t, connect, kind, { createDomain: () => undefined });
  });
}
