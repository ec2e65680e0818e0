/**
 * `down` leaves no process, socket or file behind, whatever has died before; and takes nothing that is not its own.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { native } from '../../live/memory/native.js';
import { down, up } from '../../live/system.js';
import { lockFile, readHolder } from '../../live/toolstack/part-lock.js';
import { LiveRun, processesOf } from '../support/live/live-run.js';

const PROCESS = { timeout: 240_000 };
const PARTS = ['hypervisor', 'xenstored', 'backend', 'guest'];

const locksOf = (hosts: string, others: readonly string[]): readonly string[] => [
  ...[...hosts].flatMap((host) => PARTS.map((part) => `${host}/${part}.json`)),
  ...others,
];

/** What is killed at once, or stopped for good: nobody is left who could do anything about it. */
const DEATHS: { readonly [what: string]: { readonly parts: readonly string[]; readonly signal: NodeJS.Signals } } = {
  'the toolstack': { parts: ['toolstack'], signal: 'SIGKILL' },
  'the toolstack and the hypervisor that would start it again': {
    parts: ['a/hypervisor.json', 'toolstack'],
    signal: 'SIGKILL',
  },
  'all but the toolstack': { parts: locksOf('ab', ['user.json']), signal: 'SIGKILL' },
  everything: { parts: locksOf('ab', ['user.json', 'toolstack']), signal: 'SIGKILL' },
  'all but the user': { parts: locksOf('ab', ['toolstack']), signal: 'SIGKILL' },
  'a toolstack that hangs': { parts: ['toolstack'], signal: 'SIGSTOP' },
  'parts that hang': { parts: locksOf('ab', ['user.json']), signal: 'SIGSTOP' },
};

for (const [what, { parts, signal }] of Object.entries(DEATHS)) {
  t.test(`${signal}: ${what}`, PROCESS, async (t: Test) => {
    if (native() === null) {
      t.comment('koffi is not installed');
      t.pass();
      return;
    }
    const { directory } = await LiveRun.begin();
    for (const part of parts) {
      const holder = readHolder(lockFile(`${directory}/${part}`));
      if (holder !== null) process.kill(holder.pid, signal);
    }
    await down(directory, 3000);
    t.strictSame([existsSync(directory), processesOf(directory)], [false, []]);
    rmSync(directory.replace(/\/run$/, ''), { recursive: true });
  });
}

t.test(
  'a part that was started a moment before everything died, and has no lock yet, is gone too',
  PROCESS,
  async (t) => {
    if (native() === null) {
      t.comment('koffi is not installed');
      t.pass();
      return;
    }
    const { directory } = await LiveRun.begin();
    for (const part of locksOf('ab', ['user.json', 'toolstack'])) {
      const holder = readHolder(lockFile(`${directory}/${part}`));
      if (holder !== null) process.kill(holder.pid, 'SIGKILL');
    }
    const entry = fileURLToPath(new URL('../../live/part-main.js', import.meta.url));
    const late = spawn(process.execPath, [entry, `${directory}/a/guest.json`], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    late.kill('SIGSTOP');
    await down(directory, 1000);
    t.strictSame([existsSync(directory), processesOf(directory)], [false, []]);
    late.kill('SIGKILL');
    rmSync(directory.replace(/\/run$/, ''), { recursive: true });
  },
);

t.test('after a migration both hosts are gone', PROCESS, async (t) => {
  const live = await LiveRun.begin({ threads: native() === null });
  await live.control('migrate');
  await live.control('suspend');
  t.strictSame(await live.end(), { files: false, processes: [] });
});

t.test('a folder with anything else in it is left alone', async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-other-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(`${folder}/thesis`, 'words');
  const options = {
    tpm: 'model',
    startup: true,
    xenstore: 'sim',
    tpmfront: 'sequenced',
    fillerPages: 0,
    threads: true,
    tcti: { protocol: 'swtpm', port: 0 },
  } as const;
  await t.rejects(up(folder, options), { code: 'LIVE_STATE', message: /to be empty/ });
  await t.rejects(down(folder), { code: 'LIVE_STATE' });
  t.strictSame(readdirSync(folder), ['thesis']);
  await t.rejects(down(`${folder}/none`), { code: 'LIVE_STATE' });
  mkdirSync(`${folder}/open`, { mode: 0o755 });
  await t.rejects(up(`${folder}/open`, options), { code: 'LIVE_STATE', message: /closed to others/ });
  t.strictSame(readdirSync(folder).sort(), ['open', 'thesis']);
});
