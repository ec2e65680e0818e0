import t from 'tap';
import { layerBreaches } from './support/layers.js';
import { blank, importsOf, readSources } from './support/source.js';

/** A substitution in a template literal, of made-up source. */
const hole = (code: string): string => `\${${code}}`;

const breaches = (path: string, text: string): string[] => layerBreaches([{ path, text }]);

t.test('imports go in the direction of the layers, and the pure layers stay pure', async (t) => {
  const sources = readSources(process.cwd());
  t.ok(sources.length > 10, 'the sources are found');
  t.strictSame(layerBreaches(sources), []);
});

t.test('an import against the arrows is found', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['protocol/a.ts', "import { b } from '../hypervisor/b.js';"],
    ['hypervisor/a.ts', "import type { B } from '../xenstore-sim/b.js';"],
    ['xenstore-sim/a.ts', "export * from '../hypervisor/b.js';"],
    ['frontend/a.ts', "import '../backend/b.js';"],
    ['backend/deep/a.ts', "import { b } from '../../frontend/b.js';"],
    ['frontend/a.ts', "const b = await import('../simulator/b.js');"],
    ['simulator/a.ts', "import {\n  b,\n} from '../scenarios/b.js';"],
    ['scenarios/a.ts', "import { b } from '../cli/b.js';"],
    ['hypervisor/a.ts', "import { readFileSync } from 'node:fs';"],
    ['xenstore-sim/a.ts', "import { createServer } from 'net';"],
    ['protocol/a.ts', "import { EventEmitter } from 'eventemitter3';"],
    ['backend/a.ts', "import x from 'eventemitter3-more';"],
    ['protocol/a.ts', "import x from '../elsewhere/b.js';"],
    ['simulator/a.ts', "import { b } from '../xenstore-sim/client/b.js';"],
    ['xenstore-sim/a.ts', "import { b } from './server/b.js';"],
    ['xenstore-sim/a.ts', "import { b } from 'ws';"],
    ['xenstore-sim/a.ts', "import { b } from '../platform/b.js';"],
    ['simulator/a.ts', "import { b } from '../platform/b.js';"],
    ['platform/a.ts', "import { b } from '../hypervisor/b.js';"],
    ['xenstore-sim/client/a.ts', "import { b } from '../../hypervisor/b.js';"],
  ];
  for (const [path, text] of cases) t.equal(breaches(path, text).length, 1, `${path}: ${text}`);
  t.match(breaches('protocol/a.ts', "import { b } from '../hypervisor/b.js';"), [
    'protocol must not import hypervisor',
  ]);
  t.match(breaches('elsewhere/a.ts', ''), ['elsewhere is not a layer']);
});

t.test('an impure name is found where it is code, with its line', async (t) => {
  const names = ['Math.random()', 'Math . random', 'Date.now()', 'new Date()', 'performance.now()', 'setTimeout(f, 1)'];
  for (const text of [
    ...names,
    'process.env',
    'Buffer.from(x)',
    'globalThis.x',
    'setImmediate(f)',
    `\`${hole('Date.now()')}\``,
  ]) {
    t.equal(breaches('simulator/a.ts', text).length, 1, text);
  }
  t.match(breaches('simulator/a.ts', '/*\n*/\nprocess.exit()'), ['simulator/a.ts:3: process']);
});

t.test('what is allowed is left alone', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['frontend/a.ts', "import { a } from './b.js';\nimport { c } from '../protocol/c.js';"],
    ['backend/a.ts', "import { sha256 } from '@noble/hashes/sha2.js';\nimport E from 'eventemitter3';"],
    ['scenarios/a.ts', "import { a } from '../simulator/a.js';\nimport 'node:fs';"],
    ['xenstore-sim/server/a.ts', "import { b } from 'node:net';\nimport { c } from '../store.js';\nsetTimeout(c, 1);"],
    ['xenstore-sim/server/a.ts', "import { b } from '../../platform/b.js';"],
    ['cli/a.ts', "import { a } from '../scenarios/a.js';\nprocess.exit(Date.now());"],
    ['protocol/a.ts', "// process, Date.now()\n/* import x from '../cli/x.js' */"],
    ['protocol/a.ts', `const a = 'Date'; const b = "it's process"; const c = \`Buffer ${hole('a')} Date\`;`],
    ['protocol/a.ts', 'const quote = /[\'"`]/; const slashes = /\\/\\//; // Date'],
    [
      'protocol/a.ts',
      'ring.process(); processed(); const updateDate = 1; interface A { process: number; Date?: string }',
    ],
    ['protocol/a.ts', 'const text = "from \'../cli/b.js\'";'],
    ['protocol/a.ts', "const half = a / b; const word = 'process'; const third = c / d;"],
  ];
  for (const [path, text] of cases) t.strictSame(breaches(path, text), [], text);
});

t.test('blanking keeps every character at its place', async (t) => {
  const template = (c: string, e: string, f: string): string =>
    `\`${hole(`c('${c}')`)}${e}${hole(`\`${f}${hole('g')}\``)}\``;
  const { withStrings, code } = blank(`a('x//y'); // b\n${template('d', 'e', 'f')}; /h'/.test(i) /* j\n */ + k`);
  t.equal(withStrings, `a('x//y');     \n${template('d', 'e', 'f')}; /h'/.test(i)     \n    + k`);
  t.equal(code, `a('    ');     \n${template(' ', ' ', ' ')}; /  /.test(i)     \n    + k`);
  t.strictSame(importsOf(blank("import a from 'b';\nexport { c } from \"./d.js\";\nawait import('e')")), [
    'b',
    './d.js',
    'e',
  ]);
});
