/**
 * How much each part of the way to a real TPM adds to its latency, against a client that is connected straight to swtpm;
 * what a checkpoint costs a command; and how long a state takes out of one swtpm and into another.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TctiServer } from '../live/tcti/tcti-server.js';
import { CheckpointedDevice } from '../live/tpm/checkpointed-device.js';
import { SwtpmDevice } from '../live/tpm/swtpm-device.js';
import type { CommandExecutor } from '../live/tpm/vtpm-device.js';
import { QuiesceError } from '../protocol/errors.js';
import { median, print, spread } from './figures.js';
import { startProxy } from './live-proxy.js';
import { benchLiveSessions } from './live-sessions.js';
import { type Latencies, latencies, pcrRead } from './live-tpm-loop.js';

const ROUNDS = 5;
const COMMANDS = 20_000;
const EXTENDS = 1_000;
const MOVES = 20;
const LOCALITY = { locality: 0 };
const CLIENT = fileURLToPath(new URL('./live-tpm-client.js', import.meta.url));

/** PCR_Extend of PCR 16, bank SHA-256, with an empty password. */
const pcrExtend = Uint8Array.from(
  Buffer.from(`80020000004100000182000000100000000940000009000000000000000001000b${'11'.repeat(32)}`, 'hex'),
);

export async function benchLiveTpm(): Promise<void> {
  print('A real TPM: PCR_Read from one client, in microseconds');
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-bench-'));
  try {
    await measure(folder);
    await benchLiveSessions();
  } catch (error) {
    if (!(error instanceof QuiesceError) || error.code !== 'CANNOT_START_TPM') throw error;
    print(`  left out: ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string): Promise<void> {
  const device = await SwtpmDevice.start({ directory: join(folder, 'device'), state: 'new', startup: true });
  const path = join(folder, 'tcti', 'tpm');
  const server = await TctiServer.listen(device, { framing: 'swtpm', address: { kind: 'unix', path } });
  const direct = await startDirect(folder, 'direct');
  const behind = await startDirect(folder, 'behind');
  const proxy = await startProxy(join(folder, 'proxy'), behind.path);
  try {
    const ways: readonly (readonly [string, () => Promise<Latencies>])[] = [
      ['straight to swtpm, Unix socket', () => client(direct.path)],
      ['SwtpmDevice, in process', () => latencies(() => device.execute(pcrRead, LOCALITY), COMMANDS)],
      ['a plain Node proxy, Unix socket', () => client(proxy.place)],
      ['TctiServer, Unix socket', () => client(path)],
    ];
    const found = ways.map(() => [] as Latencies[]);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, [, way]] of ways.entries()) found[i]?.push(await way());
    }
    const base = median((found[0] ?? []).map(({ p50 }) => p50));
    for (const [i, [name]] of ways.entries()) {
      const rounds = found[i] ?? [];
      const p50 = rounds.map((round) => round.p50);
      const added = (median(p50) - base).toFixed(1);
      print(`  ${name.padEnd(32)} p50 ${spread(p50, (value) => value.toFixed(1))}  added ${added}`);
      print(
        `  ${''.padEnd(32)} p99 ${spread(
          rounds.map((round) => round.p99),
          (value) => value.toFixed(1),
        )}`,
      );
      print(
        `  ${''.padEnd(32)} /s  ${spread(
          rounds.map(({ rate }) => rate),
          (value) => value.toFixed(0),
        )}`,
      );
    }
    await measureCheckpoints(folder, device);
    await measureMoves(folder, device);
  } finally {
    proxy.close();
    for (const { child } of [direct, behind]) child.kill();
    await server.close();
    await device.close();
  }
}

async function measureCheckpoints(folder: string, plain: SwtpmDevice): Promise<void> {
  const durable = await CheckpointedDevice.start({ directory: join(folder, 'durable'), state: 'new', startup: true });
  const rates: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, tpm] of [plain, durable].entries()) rates[i]?.push(await extendRate(tpm));
  }
  await durable.close();
  const [without = [], with_ = []] = rates;
  print('A change of state, each answered before the next');
  print(`  ${'PCR_Extend /s, SwtpmDevice'.padEnd(36)} ${spread(without, (value) => value.toFixed(0))}`);
  print(`  ${'PCR_Extend /s, with checkpoints'.padEnd(36)} ${spread(with_, (value) => value.toFixed(0))}`);
  const cost = 1e6 / median(with_) - 1e6 / median(without);
  print(`  ${'a checkpoint, microseconds'.padEnd(36)} ${cost.toFixed(0).padStart(10)}`);
}

async function extendRate(tpm: CommandExecutor): Promise<number> {
  const begun = process.hrtime.bigint();
  for (let i = 0; i < EXTENDS; i++) await tpm.execute(pcrExtend, LOCALITY);
  return (EXTENDS / Number(process.hrtime.bigint() - begun)) * 1e9;
}

async function measureMoves(folder: string, source: SwtpmDevice): Promise<void> {
  const target = await SwtpmDevice.start({ directory: join(folder, 'target'), state: 'new' });
  const out: number[] = [];
  const into: number[] = [];
  for (let i = 0; i < MOVES; i++) {
    const begun = process.hrtime.bigint();
    const state = await source.saveState();
    const saved = process.hrtime.bigint();
    await target.restoreState(state);
    out.push(Number(saved - begun) / 1e6);
    into.push(Number(process.hrtime.bigint() - saved) / 1e6);
  }
  await target.close();
  print('The state of a TPM, in milliseconds');
  print(`  ${'out of one swtpm'.padEnd(36)} ${spread(out, (value) => value.toFixed(2))}`);
  print(`  ${'into another that runs, and checked'.padEnd(36)} ${spread(into, (value) => value.toFixed(2))}`);
}

async function client(path: string): Promise<Latencies> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLIENT, path, String(COMMANDS)]);
  return JSON.parse(stdout) as Latencies;
}

async function startDirect(folder: string, name: string): Promise<{ path: string; child: ChildProcess }> {
  const state = join(folder, name);
  mkdirSync(state);
  const path = join(folder, `${name}-tpm`);
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--server', `type=unixio,path=${path}`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  // The file is there from the moment it listens.
  while (!existsSync(path) && child.exitCode === null) await delay(5);
  return { path, child };
}
