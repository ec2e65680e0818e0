/** `quiesce fuzz` in processes of its own: threads, signals, and a corpus that survives them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** Threads start slowly on a machine with other work. */
t.setTimeout(120_000);

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const ONE = ['--scenario', 'checkpoint', '--session', 'ima_extends', '--daemon', 'c', '--commands', '1', '--json'];
const SMALL = ['fuzz', '--tpmfront', 'linux', ...ONE];

t.test('the report has the same bytes whatever the number of workers', async (t) => {
  const report = (workers: string): string => {
    const argv = [PROGRAM, ...SMALL, '--runs', '600', '--workers', workers];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    t.match({ status, stderr }, { status: 1, stderr: '' });
    return stdout;
  };
  const one = report('1');
  t.equal(report('2'), one);
  t.match(JSON.parse(one), { runs: 600, failures: [{ oracle: String, proof: String }] });
});

const MINE = "import { LinuxTpmfront } from 'quiesce';\nexport default class Mine extends LinuxTpmfront {}\n";

for (const [workers, own] of [
  ['1', false],
  ['2', false],
  // The command then runs in a thread, which gets no signals of its own.
  ['1', true],
  ['2', true],
] as const) {
  const what = own ? ' and a driver file' : '';
  t.test(
    `a signal ends the campaign, which reports and keeps its corpus, with ${workers} workers${what}`,
    async (t) => {
      const folder = t.testdir({ 'mine.mjs': MINE, corpus: {} });
      const corpus = join(folder, 'corpus');
      const driver = own ? join(folder, 'mine.mjs') : 'linux';
      const argv = [
        PROGRAM,
        'fuzz',
        '--tpmfront',
        driver,
        ...ONE,
        '--time',
        '10m',
        '--corpus',
        corpus,
        '--workers',
        workers,
      ];
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
      while (child.exitCode === null && readdirSync(corpus).length === 0)
        await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill('SIGINT');
      const [status] = await closed;
      t.equal(status, 1);
      t.match(stderr, /^quiesce fuzz: stopped after \d+ runs\n$/);
      const { corpus: kept, failures } = JSON.parse(stdout) as { corpus: number; failures: readonly unknown[] };
      t.ok(failures.length > 0);
      t.ok(readdirSync(corpus).length >= kept, 'everything it knew lies in the folder');
      t.strictSame(
        readdirSync(corpus).filter((name) => !/^[0-9a-f]{16}\.token$/.test(name)),
        [],
        'and nothing else',
      );
    },
  );
}
