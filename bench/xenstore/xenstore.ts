/**
 * The xenstore's part of the benchmark: our daemon beside the real ones under the same load, and what a request costs
 * inside. What is not installed is left out, with a message.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingParts } from '../../test/real/toolbox.js';
import { print } from '../figures.js';
import { benchClient } from './client.js';
import { benchGrowth } from './growth.js';
import { compileLoad } from './load.js';
import { type Peer, startEcho, startOurs, startReal } from './peers.js';
import { benchSockets } from './sockets.js';

export async function benchXenstore(): Promise<void> {
  await underLoad();
  const inside = fileURLToPath(new URL('./inside.js', import.meta.url));
  spawnSync(process.execPath, ['--expose-gc', inside], { stdio: 'inherit' });
}

async function underLoad(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-bench-'));
  const peers: Peer[] = [];
  try {
    const program = compileLoad(folder);
    if (program === undefined) {
      print('daemons under load: left out, there is no cc to compile the load client with');
      return;
    }
    peers.push(await startOurs(folder));
    const missing = missingParts();
    if (missing.length === 0) peers.push(...(await startReal()));
    else print(`the real daemons: left out, there is no ${missing.join(', ')}`);
    const daemons = [...peers];
    const echo = await startEcho(folder);
    peers.push(echo);
    benchSockets(program, daemons, echo);
    print('');
    await benchClient(program, daemons);
    print('');
    benchGrowth(program, daemons);
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(folder, { recursive: true });
  }
}
