/**
 * The library inside Node's own test runner, from a project of its own in which it is installed; and tests that
 * `--emit-test` wrote, which fail until the driver is mended.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { quiesce } from '../support/fake-terminal.js';

const LIBRARY = new URL('../../library/index.js', import.meta.url).href;

const BROKEN = `import { QuiesceTpmfront } from 'quiesce';

export default class Mine extends QuiesceTpmfront {
  override suspended(): boolean {
    return true;
  }
}
`;

/** A project in which `quiesce` is installed. */
function project(files: Readonly<Record<string, string>>): string {
  const folder = t.testdir({
    ...files,
    // Of its own: inside this package 'quiesce' would be this package.
    'package.json': JSON.stringify({ name: 'project', type: 'module' }),
    node_modules: {
      quiesce: {
        'package.json': JSON.stringify({ name: 'quiesce', type: 'module', exports: './index.js' }),
        'index.js': `export * from ${JSON.stringify(LIBRARY)};\n`,
      },
    },
  });
  return resolve(folder);
}

function nodeTest(folder: string, file: string): { readonly status: number | null; readonly stdout: string } {
  // A test that runs inside another one's runner would report to that one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { cwd: folder, encoding: 'utf8', env });
}

t.test('a test of Node explores a driver file beside it', async (t) => {
  const folder = project({
    'mine.ts': BROKEN,
    'mine.test.mjs': `
      import assert from 'node:assert/strict';
      import { test } from 'node:test';
      import { explore, replay, SequencedTpmfront } from 'quiesce';

      const scenario = 'checkpoint';
      test('a class of the library holds', async () => {
        const { holds, complete } = await explore({ scenario, commands: 2, tpmfront: SequencedTpmfront });
        assert.ok(holds && complete);
      });
      test('the file beside does not', async () => {
        const tpmfront = new URL('./mine.ts', import.meta.url);
        const { oracle, token } = await explore({ scenario, commands: 2, tpmfront });
        assert.equal(oracle, 'in-step');
        assert.equal((await replay(token)).oracle, 'in-step');
      });
    `,
  });
  const { status, stdout } = nodeTest(folder, 'mine.test.mjs');
  t.equal(status, 0, stdout);
  t.match(stdout, /ok 1 - a class of the library holds[\s\S]*ok 2 - the file beside does not/);
});

t.test('an emitted test fails with the driver as it is, and passes when it is mended', async (t) => {
  const folder = project({ "it's mine.ts": BROKEN });
  const driver = join(folder, "it's mine.ts");
  mkdirSync(join(folder, 'found'));
  const test = join(folder, 'found', 'in step.test.mjs');
  const argv = ['explore', '--scenario', 'checkpoint', '--commands', '2', '--tpmfront', driver, '--emit-test', test];
  t.match(await quiesce(argv), { status: 1, err: '' });

  const broken = nodeTest(folder, test);
  t.equal(broken.status, 1);
  t.match(
    broken.stdout,
    /not ok 1 - .*it's mine\.ts with v2 in checkpoint: in-step holds[\s\S]*in-step fails after \d+ steps/,
  );

  writeFileSync(driver, BROKEN.replace('return true', 'return super.suspended()'));
  const mended = nodeTest(folder, test);
  t.equal(mended.status, 0, mended.stdout);
  t.match(mended.stdout, /\nok 1 - /);

  // A command that has been handed over may not have been executed yet.
  writeFileSync(driver, BROKEN.replace('return true', 'return !this.transmitTask.running'));
  t.equal(nodeTest(folder, test).status, 1, 'not mended by half');
});

t.test('nothing is written where nothing fails, or where Node would not look for a test', async (t) => {
  const folder = project({ 'mine.ts': BROKEN });
  const scenario = ['explore', '--scenario', 'checkpoint', '--commands', '2'];
  const test = join(folder, 'mine.test.mjs');
  t.match(await quiesce([...scenario, '--emit-test', test]), { status: 0, err: /nothing fails, so .* is not written/ });
  t.match(await quiesce([...scenario, '--emit-test', join(folder, 'mine.txt')]), {
    status: 2,
    err: /--emit-test: expected a file that ends in \.mjs, \.js, \.mts or \.ts, found/,
  });
});
