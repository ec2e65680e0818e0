/**
 * The program in docs/block-script.md is run, on a disk of this machine and against a daemon of ours.
 */
import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { identityNodes } from '../backend/device-identity.js';
import { readBlockDevice } from '../cli/block-device.js';
import { XenstoreClient } from '../xenstore-sim/client/index.js';
import { unixSocket } from '../xenstore-sim/client/unix-socket.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { C_4_17, Store } from '../xenstore-sim/index.js';
import { serve } from '../xenstore-sim/server/index.js';

const run = promisify(execFile);
const DIRECTORY = '/local/domain/0/backend/vbd/1/51712';

/** A disk that this process may open. */
function ownDisk(): string | undefined {
  const names = existsSync('/sys/block') ? readdirSync('/sys/block') : [];
  return names.map((name) => `/dev/${name}`).find(mayOpen);
}

function mayOpen(path: string): boolean {
  try {
    if (!statSync(path).isBlockDevice()) return false;
    closeSync(openSync(path, 'r'));
    return true;
  } catch {
    return false;
  }
}

const disk = ownDisk();
const skip = disk === undefined ? 'this process may open no block device' : false;

t.test('the block script of docs/block-script.md publishes the identity of a real disk, once', { skip }, async (t) => {
  const device = disk ?? '';
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync('docs/block-script.md', 'utf8')) ?? [];
  const here = fileURLToPath(new URL('..', import.meta.url));
  const folder = mkdtempSync(join(here, 'docs-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const script = join(folder, 'script.mjs');
  writeFileSync(script, code.replaceAll("from './", "from '../"));

  const socket = join(folder, 'socket');
  const server = await serve(new Daemon(Store.empty(C_4_17)), { unix: { path: socket } });
  t.teardown(() => server.close());
  const client = await XenstoreClient.connect(unixSocket(socket));
  t.teardown(() => client.close());
  await client.mkdir(DIRECTORY);
  const env = { ...process.env, XENSTORED_PATH: socket };
  const attach = (): Promise<unknown> => run(process.execPath, [script, device, DIRECTORY], { env, timeout: 20_000 });

  await attach();
  const { identity, path } = readBlockDevice(device);
  const expected = [...identityNodes(identity, { path }), { path: 'hotplug-status', value: 'connected' }];
  for (const node of expected) t.equal(await client.readText(`${DIRECTORY}/${node.path}`), node.value, node.path);
  t.equal((await client.directory(DIRECTORY)).length, expected.length);

  await client.rm(`${DIRECTORY}/hotplug-status`);
  await attach();
  t.equal(await client.exists(`${DIRECTORY}/hotplug-status`), false, 'the second call writes nothing');
});
