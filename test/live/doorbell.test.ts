/**
 * Whoever rings is heard, however the other side sleeps, and at whatever moment it falls asleep.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { Rights } from '../../live/memory/address-space.js';
import { Doorbell, DoorbellRinger } from '../../live/memory/doorbell.js';
import { fifoBell, fifoListener, threadListener } from '../../live/memory/event-loop-bell.js';
import { native } from '../../live/memory/native.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';

const FRAME = PLAN.guest.firstFrame;
const PAGE = FRAME * PAGE_SIZE;

for (const spaces of testSpaces()) {
  t.test(`${spaces.name}: a ring before sleep is not slept through`, async (t) => {
    const space = spaces.create();
    space.open(FRAME, 1, Rights.Store);
    const doorbell = new Doorbell(space, PAGE);
    const ringer = new DoorbellRinger(space, PAGE, null);
    const seen = doorbell.count;
    t.equal(doorbell.block(seen, 1), false, 'nobody rings');
    ringer.ring();
    const began = performance.now();
    t.equal(doorbell.block(seen, 10_000), true);
    t.ok(performance.now() - began < 5000, 'it did not wait');
    t.equal(doorbell.listen(seen), false);
    t.equal(doorbell.listen(doorbell.count), true);
    doorbell.awake();
  });
}

t.test('threads: a thread that blocks is woken, and so is an event loop', async (t) => {
  const [threads] = testSpaces();
  const space = (threads as NonNullable<typeof threads>).create();
  space.open(FRAME, 1, Rights.Store);
  const doorbell = new Doorbell(space, PAGE);
  const { words, index } = doorbell.place;
  // Rings 20 times, each after a while.
  const source = `
    const { workerData: { words, index } } = require('node:worker_threads');
    for (let i = 0; i < 20; i++) {
      Atomics.wait(words, index - 1, 0, 5);
      Atomics.add(words, index, 1);
      Atomics.notify(words, index);
    }`;
  const first = doorbell.count;
  const worker = new Worker(source, { eval: true, workerData: { words, index } });
  for (let heard = 0; heard < 10; heard++) t.equal(doorbell.block(doorbell.count, 10_000), true);
  let wake = (): void => undefined;
  const listener = threadListener(doorbell, () => wake());
  while (doorbell.count - first < 20) {
    const seen = doorbell.count;
    if (!doorbell.listen(seen)) continue;
    listener.arm(seen);
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    doorbell.awake();
  }
  listener.close();
  await worker.terminate();
});

t.test('processes: an event loop is woken through a pipe that only its user may open', async (t) => {
  const calls = native();
  const spaces = testSpaces().find(({ name }) => name === 'processes');
  if (calls === null || spaces === undefined) {
    t.comment('koffi is not installed');
    t.pass();
    return;
  }
  const folder = mkdtempSync(`${tmpdir()}/quiesce-bell-`);
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = `${folder}/bell`;
  const space = spaces.create();
  space.open(FRAME, 1, Rights.Store);
  const doorbell = new Doorbell(space, PAGE);
  const bell = fifoBell(calls, path);
  const ringer = new DoorbellRinger(space, PAGE, bell);
  ringer.ring();
  t.equal(doorbell.listen(doorbell.count), true);
  t.doesNotThrow(() => ringer.ring(), 'a sleeper whose pipe is not there yet looks at the count when it begins');
  let heard = 0;
  let wake = (): void => undefined;
  const listener = fifoListener(calls, path, () => {
    heard++;
    wake();
  });
  t.equal(statSync(path).mode & 0o777, 0o600);
  for (let i = 0; i < 5; i++) {
    t.equal(doorbell.listen(doorbell.count), true);
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    ringer.ring();
    await woken;
    doorbell.awake();
  }
  t.equal(heard, 5);
  ringer.ring();
  t.equal(heard, 5, 'who is awake is not woken');
  listener.close();
  bell.close();
});
