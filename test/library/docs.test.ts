/** What docs/own-drivers.md and docs/github-workflow.yml say is so. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { exploreCommand } from '../../cli/explore.js';
import { DRIVER_RULES, explore } from '../../library/index.js';

const OWN_DRIVERS = readFileSync('docs/own-drivers.md', 'utf8');

t.test('the driver in the documentation is one, and breaks what its rule protects', async (t) => {
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(OWN_DRIVERS) ?? [];
  const file = join(t.testdir({ 'mine.ts': code }), 'mine.ts');
  t.match(await explore({ scenario: 'checkpoint', commands: 2, tpmfront: file }), { holds: false, oracle: 'in-step' });
});

t.test('every rule is explained, and no other', async (t) => {
  const [, table = ''] = /\| rule \| broken by \|\n\|---\|---\|\n([\s\S]*?)\n\n/.exec(OWN_DRIVERS) ?? [];
  t.strictSame(
    Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, rule]) => rule),
    Object.keys(DRIVER_RULES),
  );
});

t.test('the workflow calls the command with options that it has', async (t) => {
  const workflow = readFileSync('docs/github-workflow.yml', 'utf8');
  t.notMatch(workflow, '\t', 'YAML has no tabs');
  const [, call = ''] = /npx quiesce explore (.*)/.exec(workflow) ?? [];
  const options = Array.from(call.matchAll(/--([\w-]+)/g), ([, name = '']) => name);
  t.strictSame(options, ['tpmfront', 'junit', 'sarif', 'emit-test']);
  for (const name of options) t.ok(Object.hasOwn(exploreCommand.options, name), name);
  t.match(workflow, /sarif_file: quiesce\.sarif/);
});
