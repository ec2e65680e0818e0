/** Shards of a campaign whose driver breaks a rule only now and then: in the threads of a worker, and alone. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type CampaignConfiguration, corpusDigest } from '../../campaign/configuration.js';
import { WatchedThreads } from '../../campaign/watched-threads.js';
import { filesOf } from '../../campaign/worlds.js';

/** Threads start slowly on a machine with other work. */
t.setTimeout(170_000);

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

const driver = (body: string): string =>
  `import { QuiesceTpmfront } from 'quiesce';
let count = 0;
export default class Mine extends QuiesceTpmfront {
  override suspendCancelled(): void {
    ${body}
    super.suspendCancelled();
  }
}
`;

const folder = t.testdir({
  'endless.ts': driver('if (this.state.command > 1) for (;;);'),
  'memory.ts': driver(`if (this.state.command > 1 && count++ % 2 === 0) {
      this.state.held = true;
      return;
    }`),
  // Spoils what the program counts with, where no trial of the driver sees it.
  'spoils.ts': `Object.assign(Math, { log: null });\n${driver('')}`,
});

const CANCELLED = ['--scenario', 'cancelled-suspend', '--commands', '4', '--runs', '1500'];

function configurationOf(file: string | undefined): CampaignConfiguration {
  const worlds = { scenario: 'cancelled-suspend', commands: 4, ...(file === undefined ? {} : { tpmfront: file }) };
  return {
    version: '0',
    build: '0'.repeat(64),
    seed: 1,
    runs: 1500,
    shards: 1,
    checkAll: false,
    worlds,
    files: filesOf(worlds),
    corpus: corpusDigest([]),
  };
}

t.test('a step that never ends ends its shard, with the file and the rule, and no other', async (t) => {
  const threads = new WatchedThreads(2);
  t.teardown(() => threads.close());
  const endless = { configuration: configurationOf(join(folder, 'endless.ts')), tokens: [], shard: 0 };
  const healthy = { configuration: configurationOf(undefined), tokens: [], shard: 0 };
  const [stuck, done] = await Promise.allSettled([threads.run(endless, 1e6), threads.run(healthy, 1e6)]);
  t.match(stuck, {
    status: 'rejected',
    reason: {
      code: 'BAD_DRIVER',
      message: /endless\.ts: suspendCancelled has not ended after 5 s \(rule 'ends': every step ends\)$/,
    },
  });
  t.match(done, { status: 'fulfilled', value: { kind: 'result', runs: 1500 } });
  t.match(await threads.run(healthy, 1e6), { kind: 'result', runs: 1500 }, 'another thread has taken its place');
});

t.test('a shard that takes too long is given up', async (t) => {
  const threads = new WatchedThreads(1);
  t.teardown(() => threads.close());
  const configuration = { ...configurationOf(undefined), runs: 50_000_000 };
  await t.rejects(threads.run({ configuration, tokens: [], shard: 0 }, 0.05), {
    message: 'it was not done after 0.05 s',
  });
});

t.test(
  'threads that are closed with a shard at work end with it, and leave the process nothing to wait for',
  async (t) => {
    const configuration = { ...configurationOf(undefined), runs: 50_000_000 };
    const program = `
    import { WatchedThreads } from ${JSON.stringify(new URL('../../campaign/watched-threads.js', import.meta.url).href)};
    const threads = new WatchedThreads(1);
    const shard = threads.run(${JSON.stringify({ configuration, tokens: [], shard: 0 })}, 1e6);
    setTimeout(() => threads.close(), 100);
    await shard.then(() => console.log('done'), () => console.log('given up'));
  `;
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      // It ends by itself, or never.
      timeout: 100_000,
    });
    t.strictSame({ status, signal, stdout, stderr }, { status: 0, signal: null, stdout: 'given up\n', stderr: '' });
  },
);

t.test('one shard alone: a driver that keeps state outside its memory, or never ends a step, is named', async (t) => {
  const result = join(folder, 'result.json');
  const shard = (file: string, ...more: readonly string[]): ReturnType<typeof quiesce> =>
    quiesce('campaign', '--tpmfront', join(folder, file), ...CANCELLED, '--shard', '0/1', '--result', result, ...more);
  const endless = shard('endless.ts');
  t.equal(endless.status, 2);
  t.match(endless.stderr, /endless\.ts: suspendCancelled has not ended after 5 s \(rule 'ends': every step ends\)\n$/);
  t.notOk(existsSync(result), 'a shard that did not end leaves no result');

  // What a shard finds is no fault of the shard: the merge says it.
  t.equal(shard('memory.ts', '--check-determinism').status, 0);
  const merged = quiesce('merge', result);
  t.equal(merged.status, 3);
  t.match(
    (merged.stdout + merged.stderr).replaceAll(/\n(?=\S)/g, ' '),
    /memory\.ts: a run that is taken\s+twice is not the same both times \(rule\s+'memory': /,
  );
});

t.test('a shard in which the program itself fails ends with 3, and leaves no result', async (t) => {
  const result = join(folder, 'none.json');
  const place = ['--shard', '0/1', '--result', result];
  const { status, stderr } = quiesce('campaign', '--tpmfront', join(folder, 'spoils.ts'), ...CANCELLED, ...place);
  t.equal(status, 3);
  t.match(
    stderr,
    /^quiesce campaign: this is a fault of quiesce itself, please report it:\nTypeError: Math\.log is not a function\n/,
  );
  t.notOk(existsSync(result));
});

function quiesce(...argv: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [PROGRAM, ...argv], { encoding: 'utf8', timeout: 120_000 });
}
