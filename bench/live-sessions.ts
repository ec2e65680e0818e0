/**
 * Sessions of unmodified tpm2-tools, each tool a process of its own, through TCTI, frontend, ring and backend to swtpm,
 * against the same tools straight with swtpm, and through a single process that only copies.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { SESSION_INPUTS, TOOL_SESSIONS, type ToolLine, type ToolSession } from './tpm-tool-sessions.js';

const ROUNDS = 8;
/**
 * Rounds that do not count. What a part does for a tool it does once in 10 ms, so that its program goes on learning for more
 * than a thousand tools.
 */
const WARM_UP_ROUNDS = 8;
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
  for (let round = 0; round < WARM_UP_ROUNDS; round++)
    for (const each of ways) for (const session of TOOL_SESSIONS) runSession(session, each);
  /** By way, session and round. */
  const taken = ways.map(() => TOOL_SESSIONS.map(() => [] as Taken[]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, session] of TOOL_SESSIONS.entries()) {
      for (let turn = 0; turn < ways.length; turn++) {
        const k = (turn + round) % ways.length;
        taken[k]?.[i]?.push(runSession(session, ways[k] as Way));
      }
    }
  }
  const keys = keySeconds(taken);
  const seconds = taken.map((sessions) => sessions.map((rounds, i) => rounds.map(({ own }) => own + (keys[i] ?? 0))));
  const [straight = [], live = []] = seconds;
  for (const [i, { name, lines }] of TOOL_SESSIONS.entries()) {
    const [a, b] = [median(straight[i] ?? []), median(live[i] ?? [])];
    const times = `straight ${a.toFixed(3)}  live ${b.toFixed(3)}  ${(a / b).toFixed(3)} x`;
    print(`  ${name.padEnd(20)} ${String(lines.length).padStart(3)} tools  ${times}`);
  }
  print('Milliseconds a tool, how many more than straight, and the throughput compared with that');
  printAll(ways, seconds);
  print('The same without the tools that find an RSA key');
  printAll(
    ways,
    taken.map((sessions) => sessions.map((rounds) => rounds.map(({ own }) => own))),
  );
  print(`  wanted: live ${WANTED.toFixed(2)} x`);
}

/**
 * For each session what its tools take that find an RSA key. How long each of them takes is for chance to decide and the
 * seed of the TPM, and no matter of the way: so it is the mean of all ways, that a few lucky keys do not hide all else.
 */
function keySeconds(taken: readonly (readonly (readonly Taken[])[])[]): readonly number[] {
  return TOOL_SESSIONS.map((_, i) => {
    const all = taken.flatMap((sessions) => sessions[i] ?? []);
    return all.reduce((sum, { keys }) => sum + keys, 0) / all.length;
  });
}

function printAll(ways: readonly Way[], seconds: readonly (readonly (readonly number[])[])[]): void {
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
}

/** Seconds. */
interface Taken {
  /** Of the tools that find an RSA key. */
  readonly keys: number;
  /** Of all others. */
  readonly own: number;
}

function runSession({ name, lines }: ToolSession, way: Way): Taken {
  let [keys, own] = [0, 0];
  for (const line of lines) {
    const seconds = runTool(name, line, way);
    if (line.chance) keys += seconds;
    else own += seconds;
  }
  return { keys, own };
}

/** Seconds. A tool must succeed or be refused, as it was when it was recorded. */
function runTool(session: string, { tool, words, refused }: ToolLine, { tcti, folder }: Way): number {
  const given = words.map((word) =>
    word.startsWith('@') ? readFileSync(join(folder, word.slice(1))).toString('hex') : word,
  );
  const begun = process.hrtime.bigint();
  const { status, stderr } = spawnSync(tool, given, {
    cwd: folder,
    env: { ...process.env, TPM2TOOLS_TCTI: tcti },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  if ((status !== 0) !== refused)
    throw new Error(
      `${session}: ${tool} ${given.join(' ')}: status ${status}, expected ${refused ? 'another' : 0}: ${stderr}`,
    );
  return seconds;
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
