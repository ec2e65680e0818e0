/** A signal to a command that has a live system of its own ends that too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { processesOf } from '../support/live/live-run.js';

t.setTimeout(300_000);

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

for (const [what, signals] of [
  ['the first one after the round, with a verdict', 1],
  ['the second one at once', 2],
] as const) {
  t.test(`live soak: ${what}`, { skip: native() === null && 'koffi is not installed' }, async (t) => {
    const folder = mkdtempSync(`${tmpdir()}/quiesce-soak-`);
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const directory = `${folder}/run`;
    const argv = [PROGRAM, 'live', 'soak', '--minutes', '60', '--seed', '3', '--directory', directory];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const closed = once(child, 'close');
    const until = async (holds: () => boolean): Promise<void> => {
      while (child.exitCode === null && !holds()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(() => /^ *1 /m.test(stdout));
    child.kill('SIGINT');
    if (signals === 2) {
      await until(() => stderr.includes('another signal'));
      child.kill('SIGINT');
    }
    const [status, signal] = await closed;
    if (signals === 1) t.match({ status, stdout }, { status: 0, stdout: /holds {2}\d+ rounds/ });
    // A round that ended between the two signals ends the command as after one.
    else t.ok(signal === 'SIGINT' || status === 0, `${status} ${signal}`);
    t.strictSame(processesOf(directory), []);
  });
}
