/**
 * Sessions of unmodified tpm2-tools, each tool a process of its own, through TCTI, frontend, ring and backend to swtpm,
 * against the same tools straight with swtpm, and through a single process that only copies.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drawPort } from '../live/loopback-ports.js';
import { native } from '../live/memory/native.js';
import { down, up } from '../live/system.js';
import { median, print, spread } from './figures.js';
import { LIVE_OPTIONS } from './live-options.js';
import { SESSION_INPUTS, TOOL_SESSIONS, type ToolSession } from './tpm-tool-sessions.js';

const ROUNDS = 4;
/**
 * Rounds that do not count. What a part does for a tool it does once in 10 ms, so that its program goes on learning for more
 * than a thousand tools.
 */
const WARM_UP_ROUNDS = 12;
/** What has been asked for. */
const WANTED = 0.95;

/** One Node process in place of the three of the live system, as people would write it and as little as it can do. */
const PEERS = [
  { name: 'one plain Node proxy', kind: 'proxy' },
  { name: 'the least of one Node process', kind: 'least' },
] as const;
const PEER = fileURLToPath(new URL('./live-peer.js', import.meta.url));

interface Way {
  readonly name: string;
  readonly tcti: string;
  readonly folder: string;
}

export async function benchLiveSessions(): Promise<void> {
  print('Sessions of tpm2-tools, seconds for each, each tool a process');
  if (spawnSync('tpm2_pcrread', ['--version']).error !== undefined) {
    print('  left out: tpm2-tools are not installed');
    return;
  }
  const folder = mkdtempSync(join(memoryFolder(), 'quiesce-bench-'));
  try {
    await allWays(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where a live system has its files unless it is told otherwise: in memory, as XDG_RUNTIME_DIR is. */
function memoryFolder(): string {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  return runtime ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
}

async function allWays(folder: string): Promise<void> {
  const ends: (() => unknown)[] = [];
  const started = async (name: string): Promise<Swtpm> => {
    const swtpm = await startSwtpm(folder, name);
    ends.push(() => swtpm.child.kill());
    return swtpm;
  };
  try {
    const straight = await started('straight');
    const directory = join(folder, 'sessions-live');
    const status = await up(directory, { ...LIVE_OPTIONS, tpm: 'swtpm' });
    ends.push(() => down(directory));
    const ways = [way(folder, 'straight', tctiOf(straight.port)), way(folder, 'live', status.tcti)];
    for (const { name, kind } of native() === null ? PEERS.slice(0, 1) : PEERS) {
      const { port, child } = await startPeer(kind, (await started(kind)).port);
      ends.push(() => child.kill());
      ways.push(way(folder, name, tctiOf(port)));
    }
    measure(ways);
    if (ways.length <= PEERS.length + 1) print(`  ${PEERS[1].name} is left out: koffi is not installed`);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

function way(folder: string, name: string, tcti: string): Way {
  const own = join(folder, `tools of ${name}`);
  mkdirSync(own);
  for (const [file, bytes] of SESSION_INPUTS) writeFileSync(join(own, file), bytes);
  return { name, tcti, folder: own };
}

/** In turns, so that what else the machine does falls on all. The first way is what the others are compared with. */
function measure(ways: readonly Way[]): void {
  /** Seconds by way, session and round. */
  const seconds = ways.map(() => TOOL_SESSIONS.map(() => [] as number[]));
  for (let round = 0; round < WARM_UP_ROUNDS; round++)
    for (const each of ways) for (const session of TOOL_SESSIONS) runSession(session, each);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, session] of TOOL_SESSIONS.entries()) {
      for (let turn = 0; turn < ways.length; turn++) {
        const k = (turn + round) % ways.length;
        seconds[k]?.[i]?.push(runSession(session, ways[k] as Way));
      }
    }
  }
  const [straight = [], live = []] = seconds;
  for (const [i, { name, lines }] of TOOL_SESSIONS.entries()) {
    const [a, b] = [median(straight[i] ?? []), median(live[i] ?? [])];
    const times = `straight ${a.toFixed(3)}  live ${b.toFixed(3)}  ${(a / b).toFixed(3)} x`;
    print(`  ${name.padEnd(20)} ${String(lines.length).padStart(3)} tools  ${times}`);
  }
  printAll(ways, seconds);
}

function printAll(ways: readonly Way[], seconds: readonly (readonly (readonly number[])[])[]): void {
  print('Milliseconds a tool, how many more than straight, and the throughput compared with that');
  const tools = TOOL_SESSIONS.reduce((sum, { lines }) => sum + lines.length, 0);
  const rounds = seconds.map((sessions) =>
    Array.from({ length: ROUNDS }, (_, round) => sessions.reduce((sum, each) => sum + (each[round] ?? 0), 0)),
  );
  const [straight = []] = rounds;
  for (const [k, { name }] of ways.entries()) {
    const own = rounds[k] ?? [];
    const milliseconds = ((median(own) * 1000) / tools).toFixed(2).padStart(6);
    const more = ((median(own.map((value, i) => value - (straight[i] ?? 0))) * 1000) / tools).toFixed(2);
    const ratio = spread(
      own.map((value, i) => (straight[i] ?? 0) / value),
      (value) => value.toFixed(3),
    );
    print(`  ${name.padEnd(30)} ${milliseconds}${k === 0 ? '' : `  +${more}  ${ratio.trim()} x`}`);
  }
  print(`  wanted: live ${WANTED.toFixed(2)} x`);
}

/** Seconds. Every tool must succeed. */
function runSession({ name, lines }: ToolSession, { tcti, folder }: Way): number {
  const begun = process.hrtime.bigint();
  for (const [tool = '', ...words] of lines) {
    const { status, stderr } = spawnSync(tool, words, {
      cwd: folder,
      env: { ...process.env, TPM2TOOLS_TCTI: tcti },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${name}: ${tool} ${words.join(' ')}: status ${status}: ${stderr}`);
  }
  return Number(process.hrtime.bigint() - begun) / 1e9;
}

interface Swtpm {
  readonly port: number;
  readonly child: ChildProcess;
}

function tctiOf(port: number): string {
  return `swtpm:host=127.0.0.1,port=${port}`;
}

async function startSwtpm(folder: string, name: string): Promise<Swtpm> {
  const state = join(folder, `sessions-${name}`);
  mkdirSync(state);
  const port = drawPort();
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--server', `type=tcp,port=${port}`],
      ...['--ctrl', `type=tcp,port=${port + 1}`, '--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  for (let i = 0; i < 400 && !(await listens(port)) && child.exitCode === null; i++) await delay(5);
  return { port, child };
}

/** A Node process between the tools and the swtpm of `target`. */
async function startPeer(kind: string, target: number): Promise<Swtpm> {
  const port = drawPort();
  const child = fork(PEER, [kind, String(port), String(target)]);
  // One that could not start is found out by the first tool.
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
  return { port, child };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
