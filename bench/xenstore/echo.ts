/**
 * A server that sends back what it gets: what a Node process can do at most over a unix socket. Its argument is the
 * path of the socket. To the load client its echo of a READ looks like a reply.
 */
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => socket.destroy());
}).listen(process.argv[2]);
