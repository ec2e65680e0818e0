/**
 * The live system: how fast two processes reach each other over shared memory, against what else there is; what the whole
 * way through frontend, ring and backend adds to a TPM; and for how long a migration stops the guest.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { connect } from '../live/ipc/node-ipc.js';
import { drawPort } from '../live/loopback-ports.js';
import { down, up } from '../live/system.js';
import { control } from '../live/toolstack/control-client.js';
import type { LiveStatus } from '../live/toolstack/status.js';
import { initialiseSharedRing } from '../protocol/ring.js';
import { FrontRing } from '../protocol/ring-front.js';
import { median, print, spread } from './figures.js';
import { Ends, type OpenEnds, RING } from './live-ends.js';
import { LIVE_OPTIONS } from './live-options.js';
import { startProxy } from './live-proxy.js';
import type { Latencies } from './live-tpm-loop.js';

const ROUNDS = 3;
const TRIPS = 10_000;
const MESSAGES = 200_000;
const COMMANDS = 10_000;
const MOVES = 3;
const MEBIBYTES = [0, 16, 64];
const ECHO = new URL('./live-echo.js', import.meta.url);
const CLIENT = fileURLToPath(new URL('./live-tpm-client.js', import.meta.url));

type Descriptors = readonly [guest: number, backend: number];

export async function benchLive(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-bench-'));
  try {
    const descriptors = Ends.create();
    if (descriptors === null) {
      print('The live system: left out, koffi is not installed');
      return;
    }
    await pingPong(folder, descriptors);
    await stream(descriptors);
    await throughTheStack(folder);
    await downtime(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Microseconds of a round trip of 64 bytes, or of nothing but the notification. */
async function pingPong(folder: string, descriptors: Descriptors): Promise<void> {
  print('Two processes, round trip in microseconds');
  const ways: readonly (readonly [string, () => Promise<number>])[] = [
    ['event channel, shared memory', () => doorbellTrip(descriptors)],
    ['postMessage, threads', postMessageTrip],
    ['Unix socket', () => socketTrip(join(folder, 'socket'))],
    ['node-ipc', () => nodeIpcTrip(join(folder, 'ipc'))],
  ];
  const found = ways.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, way]] of ways.entries()) found[i]?.push(await way());
  }
  const base = median(found[0] ?? []);
  for (const [i, [name]] of ways.entries()) {
    const times = found[i] ?? [];
    print(
      `  ${name.padEnd(32)} p50 ${spread(times, (value) => value.toFixed(2))}  ${(median(times) / base).toFixed(1)} x`,
    );
  }
}

/** Messages a second through a ring of Xen's, each copied out, answered and copied back. */
async function stream(descriptors: Descriptors): Promise<void> {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const ends = Ends.open(descriptors);
    const { memory, front, back, ringPage } = ends;
    const ring = new FrontRing(RING.shape, { memory, sharedAddress: ringPage, privateAddress: front.privateAddress });
    initialiseSharedRing(memory, ringPage);
    ring.initialise();
    const child = await echo('ring', '', descriptors);
    await delay(100);
    const copy = front.privateAddress + 1024;
    const begun = process.hrtime.bigint();
    for (let sent = 0, answered = 0; answered < MESSAGES; ) {
      const seen = front.doorbell.count;
      for (; sent < MESSAGES && !ring.isFull(); sent++) {
        memory.copy(copy, ring.requestSlot(), RING.shape.entrySize);
        ring.commitRequest();
      }
      if (ring.push()) back.ringer.ring();
      const waiting = ring.sampleResponses();
      if (waiting < 0) throw new Error('bench: the ring is broken');
      for (let n = waiting; n > 0; n--, answered++) {
        ring.copyResponse(copy);
        ring.consumeResponse();
      }
      if (answered < MESSAGES && (sent === MESSAGES || ring.isFull()) && !ring.finalCheck()) wait(ends, seen);
    }
    rates.push((MESSAGES / Number(process.hrtime.bigint() - begun)) * 1e3);
    await ended(child);
  }
  print(`  ${'ring, 64 bytes there and back'.padEnd(32)} M/s ${spread(rates, (value) => value.toFixed(2))}`);
}

function wait({ front: { doorbell } }: OpenEnds, seen: number): void {
  doorbell.block(seen, RING.blockMilliseconds);
}

async function doorbellTrip(descriptors: Descriptors): Promise<number> {
  const ends = Ends.open(descriptors);
  const child = await echo('doorbell', '', descriptors);
  await delay(100);
  const times = new Float64Array(TRIPS);
  for (let i = 0; i < TRIPS; i++) {
    const seen = ends.front.doorbell.count;
    const begun = process.hrtime.bigint();
    ends.back.ringer.ring();
    while (ends.front.doorbell.count === seen) wait(ends, seen);
    times[i] = Number(process.hrtime.bigint() - begun) / 1000;
  }
  await ended(child);
  return middle(times);
}

async function postMessageTrip(): Promise<number> {
  const worker = new Worker(ECHO, { workerData: ['thread'] });
  const bytes = new Uint8Array(64);
  let answered = (): void => undefined;
  worker.on('message', () => answered());
  const result = await trips((onAnswer) => {
    answered = onAnswer;
    worker.postMessage(bytes);
  });
  await worker.terminate();
  return result;
}

async function socketTrip(path: string): Promise<number> {
  const child = await echo('socket', path);
  const socket = connectSocket(path);
  const bytes = new Uint8Array(64);
  let answered = (): void => undefined;
  socket.on('data', () => answered());
  const result = await trips((onAnswer) => {
    answered = onAnswer;
    socket.write(bytes);
  });
  socket.destroy();
  await ended(child);
  rmSync(path, { force: true });
  return result;
}

async function nodeIpcTrip(path: string): Promise<number> {
  const child = await echo('node-ipc', path);
  let answered = (): void => undefined;
  const peer = await connect(path, { onMessage: () => answered(), onClose() {} });
  const message = 'x'.repeat(58);
  const result = await trips((onAnswer) => {
    answered = onAnswer;
    peer.send(message);
  });
  peer.close();
  await ended(child);
  rmSync(path, { force: true });
  return result;
}

async function trips(send: (onAnswer: () => void) => void): Promise<number> {
  const times = new Float64Array(TRIPS);
  for (let i = 0; i < TRIPS; i++) {
    const begun = process.hrtime.bigint();
    await new Promise<void>((resolve) => send(resolve));
    times[i] = Number(process.hrtime.bigint() - begun) / 1000;
  }
  return middle(times);
}

function middle(times: Float64Array): number {
  return times.sort()[times.length >> 1] ?? Number.NaN;
}

async function echo(mode: string, path: string, descriptors: readonly number[] = []): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fileURLToPath(ECHO), mode, path], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
  });
  await once(child, 'message');
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** PCR_Read from one client, over TCP, through user space, frontend, ring, backend and swtpm, and straight to swtpm. */
async function throughTheStack(folder: string): Promise<void> {
  print('PCR_Read from one client, in microseconds');
  const direct = await startSwtpm(folder, 'direct', 0);
  if (direct === null) {
    print('  left out: swtpm does not start');
    return;
  }
  const directory = join(folder, 'stack');
  const { tcti } = await up(directory, { ...LIVE_OPTIONS, tpm: 'swtpm' });
  const behind = await startSwtpm(folder, 'behind', 1);
  const proxy = await startProxy(0, behind?.port ?? direct.port);
  try {
    const ways: readonly (readonly [string, string])[] = [
      ['straight to swtpm, TCP', String(direct.port)],
      ['a plain Node proxy, TCP', proxy.place],
      ['live: TCTI, front, ring, back', /port=([0-9]+)/.exec(tcti)?.[1] ?? ''],
    ];
    const found = ways.map(() => [] as Latencies[]);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, [, port]] of ways.entries()) found[i]?.push(await client(port));
    }
    const base = median((found[0] ?? []).map(({ p50 }) => p50));
    for (const [i, [name]] of ways.entries()) {
      const rounds = found[i] ?? [];
      const p50 = rounds.map((round) => round.p50);
      const line = (label: string, values: readonly number[], digits: number): string =>
        `${label} ${spread(values, (value) => value.toFixed(digits))}`;
      print(`  ${name.padEnd(32)} ${line('p50', p50, 1)}  added ${(median(p50) - base).toFixed(1)}`);
      print(
        `  ${''.padEnd(32)} ${line(
          'p99',
          rounds.map(({ p99 }) => p99),
          1,
        )}`,
      );
      print(
        `  ${''.padEnd(32)} ${line(
          '/s ',
          rounds.map(({ rate }) => rate),
          0,
        )}`,
      );
    }
  } finally {
    proxy.close();
    await down(directory);
    for (const one of [direct, behind]) one?.child.kill();
  }
}

async function client(port: string): Promise<Latencies> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLIENT, port, String(COMMANDS)]);
  return JSON.parse(stdout) as Latencies;
}

async function startSwtpm(
  folder: string,
  name: string,
  number: number,
): Promise<{ readonly port: number; readonly child: ChildProcess } | null> {
  const state = join(folder, name);
  mkdirSync(state);
  const port = drawPort() + number;
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--server', `type=tcp,port=${port}`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  let failed = false;
  child.once('error', () => {
    failed = true;
  });
  // Its lock is there once it has begun.
  for (let i = 0; i < 400 && !existsSync(join(state, '.lock')) && !failed; i++) await delay(5);
  await delay(50);
  return failed || child.exitCode !== null ? null : { port, child };
}

/** How long the guest stands still, by the size of its memory. */
async function downtime(folder: string): Promise<void> {
  print('A migration, from the stop of the guest to its connection on the other host, in milliseconds');
  for (const mebibytes of MEBIBYTES) {
    const directory = join(folder, `move-${mebibytes}`);
    await up(directory, { ...LIVE_OPTIONS, fillerPages: mebibytes * 256 });
    const times: number[] = [];
    try {
      // The first one starts the other host.
      for (let i = 0; i <= MOVES; i++) {
        const moved = await control(directory, { command: 'migrate' }, { milliseconds: 120_000 });
        if (i > 0) times.push((moved as LiveStatus).downtimeMilliseconds);
      }
    } finally {
      await down(directory);
    }
    print(
      `  ${`${mebibytes} MiB and what the drivers need`.padEnd(32)}     ${spread(times, (value) => value.toFixed(0))}`,
    );
  }
}
