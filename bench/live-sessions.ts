/**
 * Sessions of unmodified tpm2-tools, each tool a process of its own, through TCTI, frontend, ring and backend to swtpm,
 * against the same tools straight with swtpm.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { drawPort } from '../live/loopback-ports.js';
import { down, up } from '../live/system.js';
import { median, print, spread } from './figures.js';
import { SESSION_INPUTS, TOOL_SESSIONS, type ToolSession } from './tpm-tool-sessions.js';

const ROUNDS = 4;
/** What has been asked for. */
const WANTED = 0.95;

interface Way {
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
    await bothWays(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where a live system has its files unless it is told otherwise: in memory, as XDG_RUNTIME_DIR is. */
function memoryFolder(): string {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  return runtime ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
}

async function bothWays(folder: string): Promise<void> {
  const straight = await startSwtpm(folder);
  const directory = join(folder, 'sessions-live');
  const status = await up(directory, {
    tpm: 'swtpm',
    startup: true,
    xenstore: 'sim',
    tpmfront: 'sequenced',
    tcti: { protocol: 'swtpm', port: 0 },
    fillerPages: 0,
    threads: false,
  });
  try {
    measure(way(folder, 'straight', straight.tcti), way(folder, 'live', status.tcti));
  } finally {
    await down(directory);
    straight.child.kill();
  }
}

function way(folder: string, name: string, tcti: string): Way {
  const own = join(folder, `tools-${name}`);
  mkdirSync(own);
  for (const [file, bytes] of SESSION_INPUTS) writeFileSync(join(own, file), bytes);
  return { tcti, folder: own };
}

/** In turns, so that what else the machine does falls on both. */
function measure(straight: Way, live: Way): void {
  const ratios: number[] = [];
  const seconds = TOOL_SESSIONS.map(() => ({ straight: [] as number[], live: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round++) {
    let [all, allLive] = [0, 0];
    for (const [i, session] of TOOL_SESSIONS.entries()) {
      const first = round % 2 === 0 ? runSession(session, straight) : 0;
      const through = runSession(session, live);
      const direct = round % 2 === 0 ? first : runSession(session, straight);
      all += direct;
      allLive += through;
      // The first round warms up.
      if (round === 0) continue;
      seconds[i]?.straight.push(direct);
      seconds[i]?.live.push(through);
    }
    if (round > 0) ratios.push(all / allLive);
  }
  for (const [i, { name, lines }] of TOOL_SESSIONS.entries()) {
    const { straight: without = [], live: through = [] } = seconds[i] ?? {};
    const ratio = (median(without) / median(through)).toFixed(3);
    const [a, b] = [median(without).toFixed(3), median(through).toFixed(3)];
    print(`  ${name.padEnd(20)} ${String(lines.length).padStart(3)} tools  straight ${a}  live ${b}  ${ratio} x`);
  }
  const result = spread(ratios, (value) => value.toFixed(3));
  print(`  ${'throughput of all, live to straight'.padEnd(36)} ${result} x  wanted ${WANTED.toFixed(2)} x`);
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

async function startSwtpm(folder: string): Promise<{ readonly tcti: string; readonly child: ChildProcess }> {
  const state = join(folder, 'sessions-straight');
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
  return { tcti: `swtpm:host=127.0.0.1,port=${port}`, child };
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
