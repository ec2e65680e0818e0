/** The real daemons run here, answer over their sockets and rings, and leave nothing behind. */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { encodeFrame, XsType } from '../../protocol/xs-wire.js';
import { Inbox } from '../support/xenstore-inbox.js';
import { startRealDaemon } from './real-daemon.js';
import { DAEMON_KINDS } from './toolbox.js';

for (const kind of DAEMON_KINDS) {
  t.test(`the ${kind} daemon starts, answers, and leaves no process and no file`, async (t) => {
    const daemon = await startRealDaemon(kind);
    const socket = connect(daemon.socketPath);
    socket.write(encodeFrame({ type: XsType.GET_DOMAIN_PATH, requestId: 9, transactionId: 0, payload: '7\0' }));
    const inbox = new Inbox();
    socket.on('data', (piece) => inbox.bytes(piece));
    await inbox.holds(1, false, 2000);
    const reply = { type: XsType.GET_DOMAIN_PATH, requestId: 9, transactionId: 0, payload: '/local/domain/7\0' };
    t.strictSame(inbox.take(), [Buffer.from(encodeFrame(reply)).toString('hex')]);
    const closed = once(socket, 'close');
    await daemon.stop();
    await closed;
    t.notOk(existsSync(daemon.socketPath));
  });
}
