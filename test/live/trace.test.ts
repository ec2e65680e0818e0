/**
 * Live runs, with deaths, suspends and a migration, leave traces that the simulator accepts; and what becomes of a trace
 * that cannot be written.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t, { type Test } from 'tap';
import { readLiveTrace } from '../../library/live-trace.js';
import { native } from '../../live/memory/native.js';
import type { ControlCommand } from '../../live/toolstack/control.js';
import { TraceClock } from '../../live/trace/clock.js';
import { TraceWriter } from '../../live/trace/writer.js';
import { quiesce } from '../support/fake-terminal.js';
import { LiveRun, pause } from '../support/live/live-run.js';

const MODES = native() === null ? ['threads'] : ['processes', 'threads'];
const RUN = { tpmfront: 'sequenced', tpm: 'model', drain: true };

function folder(t: Test): string {
  const made = mkdtempSync(`${tmpdir()}/quiesce-trace-`);
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/**
 * Takes away what a guest has written since it did its last step, but that it began it. One that died in a step, which it
 * may have done, stays as it is.
 */
function cutLastStep(file: string): void {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  if (lines.at(-1)?.includes('"begin":') === true) return;
  // Looking for a command that is not there is no step.
  const isStep = (line: string): boolean => /^\{"at":\d+,"of":\d+,/.test(line);
  const last = lines.findLastIndex(isStep);
  writeFileSync(file, `${lines.slice(0, last).join('\n')}\n`);
}

for (const mode of MODES) {
  const moves = mode === 'processes';
  t.test(`${mode}: deaths, a cancelled suspend${moves ? ', a migration' : ''}`, { timeout: 300_000 }, async (t) => {
    const trace = folder(t);
    const live = await LiveRun.begin({ threads: mode === 'threads', trace });
    let ended = false;
    let answered = 0;
    const traffic = (async () => {
      for (; !ended; answered++) await live.extend();
      await live.extend();
    })();
    const some = async (): Promise<void> => {
      for (const before = answered; answered < before + 2; ) await pause(1);
    };
    await some();
    for (const act of [
      'kill backend',
      'suspend',
      'cancel',
      'kill guest',
      'kill backend',
      ...(moves ? ['migrate'] : []),
    ]) {
      const [command, part] = act.split(' ') as [ControlCommand, string?];
      await live.control(command, part);
      if (act !== 'suspend') await some();
    }
    ended = true;
    await traffic;
    t.same(await live.pcr(), live.expected);
    t.strictSame(await live.end(), { files: false, processes: [] });
    const out = `${trace}/found.schedule`;
    const { status, out: text, err } = await quiesce(['live', 'conform', trace, '--out', out, '--json']);
    const found = JSON.parse(text) as { accepted: boolean; schedule: string[]; refused: unknown; token: string | null };
    t.strictSame([status, err, found.refused], [0, '', null]);
    const { schedule } = found;
    t.equal(schedule.filter((step) => step.startsWith('fault/kill tpmback1')).length, 2);
    t.equal(schedule.filter((step) => step === 'live/guest1 begins anew').length, 1);
    t.equal(schedule.includes('toolstack.run/unpause_target'), moves);
    t.equal(found.token, null, 'no scenario has all of it');
    t.match(readFileSync(out, 'utf8'), `scenario: live${moves ? '' : '-cancelled'}+backend-kills=2`);
    cutLastStep(`${trace}/a-guest.1.jsonl`);
    const cut = await quiesce(['live', 'conform', trace, '--json']);
    t.match(JSON.parse(cut.out), { accepted: true, refused: null }, 'a guest that died before it could tell of a step');
  });
}

t.test('plain traffic: the schedule that is written is one that replay takes', { timeout: 300_000 }, async (t) => {
  const trace = folder(t);
  const live = await LiveRun.begin({ threads: true, trace });
  for (let i = 0; i < 5; i++) await live.extend();
  await live.end();
  const out = `${trace}/found.schedule`;
  const conform = await quiesce(['live', 'conform', trace, '--out', out]);
  t.equal(conform.status, 0);
  t.match(conform.out, 'accepted in live: a schedule of');
  const replayed = await quiesce(['replay', out, '--json']);
  t.equal(replayed.status, 0);
  const { diverged, steps } = JSON.parse(replayed.out) as { diverged: unknown; steps: number };
  t.equal(diverged, null);
  t.match(conform.out, `a schedule of ${steps} steps`);
  const again = await LiveRun.begin({ threads: true, trace }).catch((error: Error) => error);
  t.match(again, { code: 'LIVE_STATE', message: /expected an empty folder/ });
});

t.test('without --trace nothing is written', { timeout: 300_000 }, async (t) => {
  const live = await LiveRun.begin({ threads: true });
  await live.extend();
  t.strictSame(
    readdirSync(live.directory).filter((name) => name.endsWith('.jsonl')),
    [],
  );
  await live.end();
});

t.test('a trace that cannot be written ends there, and says so', async (t) => {
  const trace = folder(t);
  const words = new SharedArrayBuffer(8);
  const clock = TraceClock.ofThreads(words);
  const writer = new TraceWriter(trace, 'a/guest', clock, RUN);
  writer.end(writer.begin('guest1.user/issue'));
  t.equal(new Int32Array(words)[1], 0);
  clock.lose(4);
  t.equal(writer.begin('guest1.user/issue'), 0, 'no moment is left');
  const lines = readFileSync(`${trace}/a-guest.1.jsonl`, 'utf8').split('\n');
  t.equal(lines.length, 4);
  const second = new TraceWriter(trace, 'a/guest', clock, RUN);
  t.equal(second.begin('guest1/boot'), 0);
  t.equal(existsSync(`${trace}/a-guest.2.jsonl`), true, 'another start has another file');
  const file = Buffer.alloc(4096);
  file.writeUInt32LE(3, 4);
  writeFileSync(`${trace}/clock`, file);
  const { parts, lost } = readLiveTrace(trace);
  t.equal(lost, 3);
  t.strictSame(
    parts.map(({ steps }) => steps.map(({ name, end }) => [name, end])),
    [[['guest1.user/issue', Number.POSITIVE_INFINITY]]],
    'an end that may come too late counts as none',
  );
});
