/**
 * The entry of every part of a live host, as a process or as a thread.
 *
 * A part says `ready` once it serves, ends itself after SIGTERM or the message `stop`, and ends with status 1 when it
 * cannot go on; whoever supervises it starts it again.
 */
import { readFileSync } from 'node:fs';
import { argv } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { describe, log } from './files/log.js';
import { native } from './memory/native.js';
import { runBackend } from './parts/backend.js';
import type { MemoryGrant, PartConfig } from './parts/config.js';
import { runGuest } from './parts/guest.js';
import { runHypervisor } from './parts/hypervisor.js';
import { runUser } from './parts/user.js';
import { runXenstored } from './parts/xenstored.js';
import { lockFile, takeLock } from './toolstack/part-lock.js';

/**
 * What a part does for a command is short and always the same, but commands come seldom, and V8 would go on interpreting
 * for hundreds of them. So from some time after its start on it compiles sooner, which takes a half off the time that a
 * command of tpm2-tools takes longer than straight (measured: 0.7 ms with 10000, 0.4 ms with 1500; with 300 it compiles too
 * soon, and again and again). At the start that would only delay it.
 */
const COMPILE_SOONER = '--interrupt-budget=1500';
const STARTED_MILLISECONDS = 2000;

/** What a part tells whoever started it. */
export type PartReport =
  | { readonly ready: Serving }
  /** It was started to wait, and waits. */
  | { readonly held: true };

/** What a part says of itself once it serves. */
export interface Serving {
  readonly url?: string;
  readonly tcti?: string;
}

export interface ThreadData {
  readonly config: PartConfig;
  /** Memory of the hosts, by their names. */
  readonly buffers: { readonly [host: string]: SharedArrayBuffer };
  /** Of the trace. */
  readonly clock: SharedArrayBuffer;
}

type Stop = () => void | Promise<void>;

function fail(error: unknown): never {
  log(describe(error));
  process.exit(1);
}

async function start(config: PartConfig): Promise<{ readonly stop: Stop; readonly ready: Serving }> {
  switch (config.part) {
    case 'hypervisor':
      return { stop: await runHypervisor(config.host, config.memory, config.guarded), ready: {} };
    case 'xenstored': {
      const store = await runXenstored(config.xenstored, fail);
      return { stop: () => store.close(), ready: { url: store.url } };
    }
    case 'backend':
      return { stop: await runBackend(config.host, config.store, config.memory, fail), ready: {} };
    case 'guest':
      return { stop: runGuest(config.host, config.store, config.memory, fail), ready: {} };
    case 'user': {
      const user = await runUser(config.hosts, config.tcti);
      return { stop: () => user.close(), ready: { tcti: user.tcti } };
    }
  }
}

/** A thread gets its memory by the side of its configuration. */
function withBuffers(config: PartConfig, { buffers, clock }: ThreadData): PartConfig {
  const memory = (host: string): MemoryGrant => ({ kind: 'thread', buffer: buffers[host] as SharedArrayBuffer, clock });
  if (config.part === 'xenstored') return config;
  if (config.part === 'user')
    return { ...config, hosts: config.hosts.map(({ host }) => ({ host, memory: memory(host.name) })) };
  return { ...config, memory: memory(config.host.name) };
}

function readConfig(): PartConfig {
  if (isMainThread) return JSON.parse(readFileSync(argv[2] ?? '', 'utf8')) as PartConfig;
  const data = workerData as ThreadData;
  return withBuffers(data.config, data);
}

function tell(report: PartReport): void {
  if (isMainThread) process.send?.(report, () => undefined);
  else parentPort?.postMessage(report);
}

/** Resolves when this message comes. One to stop ends the process, as it has nothing yet that could be ended well. */
function told(word: string): Promise<void> {
  return new Promise((resolve) => {
    const hear = (message: unknown): void => {
      if (message === 'stop') process.exit(0);
      if (message !== word) return;
      process.off('message', hear);
      parentPort?.off('message', hear);
      resolve();
    };
    process.on('message', hear);
    parentPort?.on('message', hear);
  });
}

async function main(): Promise<void> {
  const abandoned = (): never => process.exit(1);
  if (isMainThread) {
    // Whoever has started this process and dies before it serves does not know of it, and neither does a successor.
    if (process.connected !== true) abandoned();
    process.once('disconnect', abandoned);
    const calls = native();
    if (calls !== null) await takeLock(calls, lockFile(argv[2] ?? ''));
  }
  const config = readConfig();
  if ('held' in config && config.held) {
    const go = told('go');
    tell({ held: true });
    await go;
  }
  const { stop, ready } = await start(config);
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    void Promise.resolve(stop()).then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', end);
  // From now on it is known by its lock: the one that has started it may die and be replaced, and the part goes on.
  process.off('disconnect', abandoned);
  process.on('message', (message) => {
    if (message === 'stop') end();
  });
  parentPort?.on('message', (message) => {
    if (message === 'stop') end();
  });
  tell({ ready });
  if (isMainThread) setTimeout(() => setFlagsFromString(COMPILE_SOONER), STARTED_MILLISECONDS).unref();
}

main().catch(fail);
