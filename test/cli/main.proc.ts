/** The compiled program in processes of its own: exit status, what is on which stream, and readers that go away. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

function quiesce(...argv: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [PROGRAM, ...argv], {
    encoding: 'utf8',
    // As on a continuous integration server, but not on GitHub's, where standard error has annotations.
    env: { ...process.env, FORCE_COLOR: '1', CI: '1', GITHUB_ACTIONS: '' },
  });
}

const HOLDS = ['explore', '--scenario', 'checkpoint', '--commands', '2'];
const FAILS = [...HOLDS, '--tpmfront', 'linux'];

t.test('the exit status says what was found', async (t) => {
  t.match(quiesce(...HOLDS), { status: 0, stderr: '' });
  t.match(quiesce(...FAILS), { status: 1, stderr: '' });
  t.match(quiesce(...HOLDS, '--max-states', '20'), { status: 2, stderr: /^quiesce explore: the bound of 20 states/ });
  t.match(quiesce('explore', '--scenario', 'x'), {
    status: 2,
    stdout: '',
    stderr: /^quiesce explore: there is no scenario 'x'/,
  });
  t.match(quiesce('replay', 'q1.AAAA'), { status: 2, stdout: '', stderr: /^quiesce replay: [^\n]+\n$/ });
});

t.test('what is piped is plain, and JSON is one document and nothing else', async (t) => {
  t.notMatch(quiesce(...FAILS).stdout, '\u001b');
  const { stdout, stderr } = quiesce(...FAILS, '--json');
  t.match(JSON.parse(stdout), { holds: false, oracle: 'in-step' });
  t.equal(stderr, '');
  const check = quiesce('check', '--commands', '1', '--json');
  t.match(JSON.parse(check.stdout), { version: /^\d+\.\d+\.\d+$/, session: 'ima_extends', verdicts: { length: 56 } });
  t.equal(check.stderr, '');
});

t.test('a reader that goes away is no error', async (t) => {
  const child = spawn(process.execPath, [PROGRAM, 'run', '--scenario', 'clean-migration', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.destroy();
  const [status] = await once(child, 'close');
  t.equal(status, 0);
  t.equal(stderr, '');
});
