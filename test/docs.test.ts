/**
 * The programs in the documentation are run.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Daemon } from '../xenstore-sim/daemon.js';
import { C_4_17, Store } from '../xenstore-sim/index.js';
import { serve } from '../xenstore-sim/server/index.js';

t.test('the client program of docs/xenstored.md does what it says', async (t) => {
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync('docs/xenstored.md', 'utf8')) ?? [];
  t.match(code, /client.transaction/);
  // Only what is erased stands between the program and JavaScript: one annotation.
  const program = `${code.replace('const seen: string[]', 'const seen')}\nexport { seen, title };\n`;
  const here = fileURLToPath(new URL('..', import.meta.url));
  const folder = mkdtempSync(join(here, 'docs-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'program.mjs');
  writeFileSync(file, program.replaceAll('./xenstore-sim/', '../xenstore-sim/'));

  const server = await serve(new Daemon(Store.empty(C_4_17)), { unix: { path: join(folder, 'socket') } });
  t.teardown(() => server.close());
  const variable = 'XENSTORED_PATH';
  const before = process.env[variable];
  process.env[variable] = join(folder, 'socket');
  try {
    const { seen, title } = (await import(file)) as { seen: string[]; title: string };
    t.equal(title, 'the guest');
    t.strictSame(seen, ['/local/domain/5', '/local/domain/5/title']);
  } finally {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
  }
});
