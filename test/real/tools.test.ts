/**
 * The recorded session of the command line tools, with the real tools: against the real daemons, which shows that
 * recording and replay are right, and against `quiesce xenstored`.
 */
import t from 'tap';
import { toolSession } from '../support/tool-session.js';
import { playTools } from './play-tools.js';
import { startQuiesceServer } from './quiesce-server.js';
import { startRealDaemon } from './real-daemon.js';
import { runTool } from './run-tool.js';
import { DAEMON_KINDS } from './toolbox.js';

for (const kind of DAEMON_KINDS) {
  t.test(`xenstore-utils and the real ${kind} daemon: as recorded, to the byte`, async (t) => {
    const daemon = await startRealDaemon(kind);
    t.teardown(() => daemon.stop());
    if (kind === 'ocaml') await runTool(['xenstore-write', '/tool/xenstored', ''], daemon.socketPath);
    t.strictSame(await playTools(toolSession(kind), daemon.socketPath, 'exact'), []);
  });
}

for (const kind of DAEMON_KINDS) {
  t.test(`xenstore-utils and quiesce xenstored --daemon ${kind}: as recorded, to the byte`, async (t) => {
    const server = await startQuiesceServer(kind);
    t.teardown(() => server.stop());
    if (kind === 'ocaml') await runTool(['xenstore-write', '/tool/xenstored', ''], server.socketPath);
    t.strictSame(await playTools(toolSession(kind), server.socketPath, 'free'), []);
  });
}
