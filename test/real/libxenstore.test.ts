/**
 * A C program on libxenstore prints the same with every store.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { startQuiesceServer } from './quiesce-server.js';
import { startRealDaemon } from './real-daemon.js';
import { compileC, DAEMON_KINDS } from './toolbox.js';

const EXPECTED = readFileSync('test/real/libxenstore-client.expected.txt', 'latin1');

/** What the program prints with the store at `socketPath`. It ends after 10 s. */
async function output(socketPath: string): Promise<string> {
  const program = compileC('test/real/libxenstore-client.c', '-lxenstore');
  const child = spawn(program, {
    env: { XENSTORED_PATH: socketPath },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 10_000,
    killSignal: 'SIGKILL',
  });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return code === 0 ? text : `${text}status ${code}`;
}

for (const kind of DAEMON_KINDS) {
  t.test(`a C program on libxenstore and the real ${kind} daemon`, async (t) => {
    const daemon = await startRealDaemon(kind);
    t.teardown(() => daemon.stop());
    t.equal(await output(daemon.socketPath), EXPECTED);
  });
}

for (const kind of DAEMON_KINDS) {
  t.test(`a C program on libxenstore and quiesce xenstored --daemon ${kind}`, async (t) => {
    const server = await startQuiesceServer(kind);
    t.teardown(() => server.stop());
    t.equal(await output(server.socketPath), EXPECTED);
  });
}
