/**
 * A server that sends back what it gets, written as Node servers usually are: what a unix socket costs there before
 * anything is done. Its argument is the path of the socket. To the load client its echo of a READ looks like a reply.
 */
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => socket.destroy());
}).listen(process.argv[2]);
