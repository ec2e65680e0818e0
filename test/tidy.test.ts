import t from 'tap';
import { readSources, type SourceFile } from './support/source.js';
import { tidyBreaches } from './support/tidy.js';

/** Breaches of a file that somebody imports. */
const breaches = (path: string, text: string): string[] => {
  const user: SourceFile = { path: 'cli/main.ts', text: `import '../${path.replace(/\.ts$/, '.js')}';` };
  return tidyBreaches([user, { path, text }]);
};

t.test('the sources are tidy', async (t) => {
  t.strictSame(tidyBreaches(readSources(process.cwd())), []);
});

t.test('each breach is found, with its line', async (t) => {
  t.match(breaches('protocol/a.ts', `\n${'x'.repeat(141)}`), ['protocol/a.ts:2: longer']);
  t.strictSame(breaches('protocol/a.ts', 'x'.repeat(140)), []);
  t.match(breaches('protocol/a.ts', `// TO${'DO'}: later`), ['protocol/a.ts:1: left unfinished']);
  t.match(breaches('test/a.ts', `/* FIX${'ME'} */`), ['test/a.ts:1: left unfinished']);
  t.match(breaches('test/a.ts', "t.only('one', f)"), ['test/a.ts:1: runs only part']);
  t.match(breaches('test/a.ts', "t.test.skip ('one', f)"), ['test/a.ts:1: runs only part']);
  t.match(breaches('test/a.test.ts', 't.setTimeout(5)'), ['test/a.test.ts:1: sets the time limit of all tests']);
  t.match(breaches('frontend/a.ts', 'a();\nconsole.log(b)'), ['frontend/a.ts:2: prints']);
  t.strictSame(breaches('cli/a.ts', 'console.log(b)'), []);
  t.strictSame(breaches('frontend/a.ts', "a('console.log'); // .only("), []);
});

t.test('the limits on the length of files hold', async (t) => {
  t.strictSame(breaches('protocol/a.ts', 'x\n'.repeat(400)), []);
  t.match(breaches('protocol/a.ts', 'x\n'.repeat(401)), ['protocol/a.ts: 401 lines']);
  const many = [1, 2, 3].map((n) => ({ path: `test/a${n}.ts`, text: 'x\n'.repeat(128 + n) }));
  t.match(tidyBreaches(many), ['the median file has 130 lines']);
});

t.test('a file outside test that nobody imports is found', async (t) => {
  const lonely: SourceFile = { path: 'protocol/deep/a.ts', text: '' };
  t.strictSame(tidyBreaches([lonely]), ['protocol/deep/a.ts: imported by nobody']);
  const users: readonly SourceFile[] = [
    { path: 'test/b.test.ts', text: "import { a } from '../protocol/deep/a.js';" },
    { path: 'test/b.test.ts', text: "new Worker(new URL('../protocol/deep/a.js', import.meta.url))" },
    { path: 'test/b.test.ts', text: "const a = await import('../protocol/deep/a.js');" },
  ];
  for (const user of users) t.strictSame(tidyBreaches([lonely, user]), [], user.text);
  t.equal(tidyBreaches([lonely, { path: 'test/b.test.ts', text: "// import '../protocol/deep/a.js'" }]).length, 1);
});
