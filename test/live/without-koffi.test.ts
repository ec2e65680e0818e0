/**
 * The command where koffi is not installed: in a copy of the program whose `node_modules` has all the others.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PcrClient } from '../../live/soak/pcr-client.js';
import type { LiveStatus } from '../../live/toolstack/status.js';
import { processesOf } from '../support/live/live-run.js';

const COMPILED = fileURLToPath(new URL('../../', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../../../node_modules/', import.meta.url));

t.test('parts are threads, and it says so', { timeout: 800_000 }, async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-bare-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const program = `${folder}/program`;
  cpSync(COMPILED, program, { recursive: true, filter: (path) => !path.startsWith(`${COMPILED}test/`) });
  mkdirSync(`${folder}/node_modules`);
  cpSync(`${PACKAGES}../package.json`, `${folder}/package.json`);
  symlinkSync(`${PACKAGES}../scenarios`, `${folder}/scenarios`);
  for (const name of readdirSync(PACKAGES)) {
    if (name !== 'koffi') symlinkSync(`${PACKAGES}${name}`, `${folder}/node_modules/${name}`);
  }
  const directory = `${folder}/run`;
  const live = (...words: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [`${program}/cli/main.js`, 'live', ...words, '--directory', directory], {
      encoding: 'utf8',
    });
  t.teardown(() => void (existsSync(directory) && live('down')));

  const begun = live('up');
  t.equal(begun.status, 0, begun.stderr);
  t.match(begun.stdout, /each part is a thread: koffi, by which processes share memory, is not installed/);
  const status = (): LiveStatus => JSON.parse(live('status', '--json').stdout) as LiveStatus;
  const { parts, tcti, hosts } = status();
  t.equal(parts, 'threads');
  t.strictSame(
    hosts[0]?.parts.map(({ pid }) => pid),
    [0, 0, 0, 0],
  );

  const client = new PcrClient(tcti, false);
  await client.extend();
  for (const part of ['backend', 'guest', 'hypervisor', 'xenstored', 'user']) {
    t.equal(live('kill', part).status, 0, part);
    await client.extend();
    await client.check();
  }
  t.equal(live('migrate').status, 0);
  await client.extend();
  await client.check();
  t.equal(status().owner, 'b');
  t.equal(status().exactlyOnce, true);

  const toolstack = live('kill', 'toolstack');
  t.equal(toolstack.status, 2);
  t.match(toolstack.stderr, /threads of the toolstack/);
  const soak = live('soak');
  t.equal(soak.status, 2);
  t.match(soak.stderr, /koffi/);

  t.equal(live('down').status, 0);
  t.strictSame([existsSync(directory), processesOf(directory)], [false, []]);
});
