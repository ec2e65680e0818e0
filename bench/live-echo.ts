/**
 * The other side of each way between two processes, in a process or thread of its own: it sends back what comes.
 * `node live-echo.js doorbell|ring` with the memory as descriptors 4 and 5, `socket PATH`, `node-ipc PATH`.
 */
import { createServer } from 'node:net';
import { argv } from 'node:process';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { listen } from '../live/ipc/node-ipc.js';
import { BackRing } from '../protocol/ring-back.js';
import { Ends, RING } from './live-ends.js';

const [mode = '', path = ''] = isMainThread ? argv.slice(2) : (workerData as readonly string[]);

/** A reply to each ring, for ever; whoever has started this process ends it. */
function doorbell(): never {
  const { back, front } = Ends.open();
  for (let seen = 0; ; ) {
    while (back.doorbell.count === seen) {
      back.doorbell.block(seen, RING.blockMilliseconds);
    }
    seen = back.doorbell.count;
    front.ringer.ring();
  }
}

function ring(): never {
  const { memory, back, front, ringPage } = Ends.open();
  const own = new BackRing(RING.shape, { memory, sharedAddress: ringPage, privateAddress: back.privateAddress });
  const copy = back.privateAddress + 1024;
  own.attach();
  for (;;) {
    const seen = back.doorbell.count;
    while (own.recheck()) {
      own.copyRequest(copy);
      own.consumeRequest();
      memory.copy(copy, own.responseSlot(), RING.shape.entrySize);
      own.commitResponse();
      if (!own.recheck() && own.push()) front.ringer.ring();
    }
    if (!own.finalCheck()) back.doorbell.block(seen, RING.blockMilliseconds);
  }
}

switch (mode) {
  case 'doorbell':
    process.send?.('ready');
    // The message goes out before the thread is taken.
    setTimeout(doorbell, 50);
    break;
  case 'ring':
    process.send?.('ready');
    setTimeout(ring, 50);
    break;
  case 'socket':
    createServer((socket) => void socket.on('data', (piece) => socket.write(piece))).listen(path, () =>
      process.send?.('ready'),
    );
    break;
  case 'node-ipc':
    await listen(path, (peer) => ({ onMessage: (message) => peer.send(message), onClose() {} }));
    process.send?.('ready');
    break;
  default:
    parentPort?.on('message', (message) => parentPort?.postMessage(message));
}
