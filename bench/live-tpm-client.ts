/**
 * A client in a process of its own: sends the same PCR_Read over one connection, one at a time, and prints the time of
 * each in microseconds as JSON. `node live-tpm-client.js PATH|PORT COMMANDS`
 */
import { connect } from 'node:net';
import { latencies, pcrRead } from './live-tpm-loop.js';

const [path = '', commands = ''] = process.argv.slice(2);
const socket = /^[0-9]+$/.test(path) ? connect(Number(path), '127.0.0.1') : connect(path);
socket.setNoDelay();
await new Promise((resolve) => socket.once('connect', resolve));
let answered: (bytes: Uint8Array) => void = () => undefined;
socket.on('data', (bytes) => answered(bytes));
const ask = (): Promise<Uint8Array> =>
  new Promise((resolve) => {
    answered = resolve;
    socket.write(pcrRead);
  });
process.stdout.write(JSON.stringify(await latencies(ask, Number(commands))));
socket.destroy();
