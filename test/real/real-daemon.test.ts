/** The real daemons run here, answer over their sockets and rings, and leave nothing behind. */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { encodeFrame, XsType } from '../../protocol/xs-wire.js';
import { startRealDaemon } from './real-daemon.js';
import { DAEMON_KINDS } from './toolbox.js';

for (const kind of DAEMON_KINDS) {
  t.test(`the ${kind} daemon starts, answers, and leaves no process and no file`, async (t) => {
    const daemon = await startRealDaemon(kind);
    const socket = connect(daemon.socketPath);
    socket.write(encodeFrame({ type: XsType.GET_DOMAIN_PATH, requestId: 9, transactionId: 0, payload: '7\0' }));
    const [reply] = await once(socket, 'data');
    t.equal(Buffer.from(reply).toString('latin1', 16), '/local/domain/7\0');
    const closed = once(socket, 'close');
    await daemon.stop();
    await closed;
    t.notOk(existsSync(daemon.socketPath));
  });
}
