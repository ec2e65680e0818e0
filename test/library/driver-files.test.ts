/**
 * Driver files: each way to write a wrong one is refused with file and rule, and each way to write a right one is taken.
 */
import { join } from 'node:path';
import t from 'tap';
import { loadTpmback, loadTpmfront } from '../../library/driver-file.js';
import type { DriverRule } from '../../library/driver-rules.js';
import { explore } from '../../library/index.js';
import { QuiesceError } from '../../protocol/errors.js';

const IMPORT = "import { QuiesceTpmfront, TpmbackV2, SequencedTpmfront, RingHandoffTpmfront } from 'quiesce';\n";
const driver = (body: string): string => `${IMPORT}export default class Mine extends QuiesceTpmfront { ${body} }\n`;

interface Wrong {
  readonly why: string;
  readonly file?: string;
  readonly text: string;
  readonly rule: DriverRule;
  /** The place after the file's name, then the message. */
  readonly message: RegExp;
}

const WRONG: readonly Wrong[] = [
  {
    why: 'a class that is not closed',
    text: 'export default class {\n',
    rule: 'compiles',
    message: /^:[12]:\d+: .*eof/i,
  },
  {
    why: 'the same in JavaScript',
    file: 'mine.mjs',
    text: 'export default class {\n',
    rule: 'compiles',
    message: /^:[12]:\d+: .*eof/i,
  },
  { why: 'types that cannot be erased', text: '\n  enum A { B }\n', rule: 'compiles', message: /^:2:3: .*enum/ },
  {
    why: 'a parameter property',
    text: 'export default class { constructor(private a: number) {} }',
    rule: 'compiles',
    message: /^:1:\d+: .*parameter property/i,
  },
  {
    why: 'a module beside it that does not compile',
    text: "import { a } from './helper.js'; export default a;",
    rule: 'compiles',
    message: /helper\.ts:1:\d+: /,
  },
  { why: 'a throw at the top', text: "\nthrow new Error('early');", rule: 'loads', message: /^:2:7: .*Error: early/ },
  { why: 'a throw of nothing', text: 'throw null;', rule: 'loads', message: /^: loading it throws null/ },
  {
    why: 'an import of nothing',
    text: "import './absent.js';",
    rule: 'loads',
    message: /Cannot find module .*absent\.js/,
  },
  {
    why: 'a name the library does not have',
    text: "import { Nothing } from 'quiesce'; export default Nothing;",
    rule: 'loads',
    message: /does not provide an export named 'Nothing'/,
  },
  { why: 'no default export', text: 'export const a = 1;', rule: 'shape', message: /^: expected a class .*found none/ },
  { why: 'a number', text: 'export default 42;', rule: 'shape', message: /found 42/ },
  {
    why: 'a function',
    text: 'export default () => 1;',
    rule: 'shape',
    message: /found a function, write \{ create: it \}/,
  },
  { why: 'an object without create', text: 'export default {};', rule: 'shape', message: /an object without create/ },
  {
    why: 'an option misspelt',
    text: 'export default { create: () => null, drian: true };',
    rule: 'shape',
    message: /expected only create, tpmback, drain, patient, summary; found drian/,
  },
  {
    why: 'an option of the wrong type',
    text: "export default { create: () => null, drain: 'yes' };",
    rule: 'shape',
    message: /drain: expected a boolean, found a string/,
  },
  {
    why: 'a backend that there is not',
    text: "export default { create: () => null, tpmback: 'v3' };",
    rule: 'shape',
    message: /there is no tpmback 'v3'; known: v1, v2, sequenced/,
  },
  {
    why: 'a create that gives nothing',
    text: 'export default { create: () => null };',
    rule: 'shape',
    message: /to give a driver/,
  },
  {
    why: 'a driver without a callback',
    text: 'export default { create: () => ({ accepts() {} }) };',
    rule: 'shape',
    message: /expected a driver with the method submit, found undefined/,
  },
  {
    why: 'a constructor that throws',
    text: driver("constructor(s) { super(s); throw new Error('no'); }"),
    rule: 'shape',
    message: /^:2:\d+: making the driver throws Error: no/,
  },
  {
    why: 'a callback that waits',
    text: driver('async suspend() {}'),
    rule: 'shape',
    message: /suspend: .*an async one/,
  },
  {
    why: 'tasks of its own making',
    text: driver('tasks = [{}];'),
    rule: 'shape',
    message: /expected tasks to be a list of the library's Task/,
  },
  {
    why: 'a state that is too large',
    text: driver('layout = { fields: [], size: 4096 };'),
    rule: 'memory',
    message: /expected a state of at most 4092 bytes, found 4096/,
  },
  {
    why: 'a throw on the way to being connected',
    text: driver("publishNodes() { throw new Error('nodes'); }"),
    rule: 'connects',
    message: /do not get connected: Error: nodes; --scenario connect explores how/,
  },
  {
    why: 'a task that goes round in a circle',
    text: driver("watchOtherend() { return 'watch_otherend'; }"),
    rule: 'connects',
    message: /do not come to rest: guest1\.tpmfront\.connect\/watch_otherend/,
  },
  {
    why: 'a condition that throws',
    text: driver("suspended() { throw new Error('never'); }"),
    rule: 'throws',
    message: /^:2:\d+: it throws Error: never/,
  },
  {
    why: 'a field of the object',
    text: driver('seen = 0; submit(c) { super.submit(c); if (++this.seen > 2) this.state.held = true; }'),
    rule: 'memory',
    message: /step \d+ of a trial, guest1\.user\/issue, led to another state when it was taken again/,
  },
  {
    why: 'a private field',
    text: driver('#seen = 0; suspended() { this.#seen++; return this.#seen % 3 > 0 && super.suspended(); }'),
    rule: 'memory',
    message: /step \d+ of a trial/,
  },
  {
    why: 'a variable of the module',
    text: `let made = 0;\n${driver('mine = ++made; submit(c) { super.submit(c); this.state.ring_ref = this.mine; }')}`,
    rule: 'memory',
    message: /taken in a second world/,
  },
  {
    why: 'chance',
    text: driver('suspended() { return Math.random() < 0.5 && super.suspended(); }'),
    rule: 'memory',
    message: /step \d+ of a trial/,
  },
  {
    why: 'a clock',
    text: driver('submit(c) { super.submit(c); this.state.ring_ref = Number(process.hrtime.bigint() & 0xffffn); }'),
    rule: 'memory',
    message: /step \d+ of a trial, guest1\.user\/issue, led to another state/,
  },
];

t.test('each way to write a wrong driver file is refused with the file and the rule', async (t) => {
  for (const { why, file = 'mine.ts', text, rule, message } of WRONG) {
    const folder = t.testdir({ [file]: text, 'helper.ts': 'export const a: = 1;' });
    const path = join(folder, file);
    const error: unknown = await explore({ scenario: 'checkpoint', commands: 3, tpmfront: path }).then(
      (verdict) => verdict,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof QuiesceError)) {
      t.fail(`${why}: no QuiesceError`, { error });
      continue;
    }
    t.equal(error.code, 'BAD_DRIVER', why);
    if (!message.source.includes('helper')) t.ok(error.message.startsWith(path), `${why}: the file stands first`);
    t.match(error.message.replace(path, ''), message, why);
    t.match(error.message, `(rule '${rule}': `, why);
  }
});

t.test('what the trial does not reach is found when the failure is taken again', async (t) => {
  // More often than the trial asks, and less often than an exploration of all commands does.
  const text = driver('#asked = 0; suspended() { return ++this.#asked > 400 || super.suspended(); }');
  const file = join(t.testdir({ 'mine.ts': text }), 'mine.ts');
  await t.rejects(explore({ scenario: 'checkpoint', tpmfront: file }), {
    code: 'BAD_DRIVER',
    message:
      /: a schedule of \d+ steps to a failure of in-step, taken again, is not possible at step \d+ \(rule 'memory'/,
  });
});

t.test('a file that cannot be read, or is no module, is wrong usage', async (t) => {
  const folder = t.testdir({ 'mine.txt': '', folder: {} });
  const usage = { code: 'USAGE' };
  await t.rejects(loadTpmfront(join(folder, 'absent.ts')), {
    ...usage,
    message: /cannot read .*absent\.ts: no such file/,
  });
  await t.rejects(loadTpmfront(join(folder, 'folder')), { ...usage, message: /cannot read .*folder: .* directory/ });
  await t.rejects(loadTpmfront(join(folder, 'mine.txt')), { ...usage, message: /ends in \.ts, \.mts, \.js or \.mjs/ });
  await t.rejects(loadTpmfront('a\nb.ts'), { ...usage, message: /expected a printable file name, found "a\\nb\.ts"/ });
});

t.test('a driver file is a module in either language, with modules of its own', async (t) => {
  const body =
    "import { held } from './parts/held.js';\nexport default class extends QuiesceTpmfront { suspend() { held(this); } }\n";
  const folder = t.testdir({
    'typed.ts': IMPORT + body.replace('suspend()', 'override suspend(): void'),
    'typed.mts': IMPORT + body,
    'plain.js': IMPORT + body,
    'plain.mjs': IMPORT + body,
    parts: { 'held.ts': 'export function held(d: { state: { held: boolean } }): void { d.state.held = true; }\n' },
  });
  const zoo = await explore({ scenario: 'checkpoint', commands: 2, tpmfront: 'quiesce' });
  for (const name of ['typed.ts', 'typed.mts', 'plain.js', 'plain.mjs']) {
    const file = join(folder, name);
    const { holds, complete, states, tpmfront } = await explore({
      scenario: 'checkpoint',
      commands: 2,
      tpmfront: file,
    });
    t.match({ holds, complete, states, tpmfront }, { holds: true, complete: true, states: zoo.states, tpmfront: file });
  }
});

t.test('what goes with a driver comes from the one it extends, or from the object it stands in', async (t) => {
  const folder = t.testdir({
    'sequenced.ts': `${IMPORT}export default class extends SequencedTpmfront {}`,
    'handoff.ts': `${IMPORT}export default class extends RingHandoffTpmfront {}`,
    'object.ts': `${IMPORT}export default { create: (s: never) => new QuiesceTpmfront(s), drain: true, tpmback: 'sequenced' };`,
    'back.ts': `${IMPORT}export default class extends TpmbackV2 { constructor(s: never) { super(s, false); } }`,
  });
  t.match(await loadTpmfront(join(folder, 'sequenced.ts')), { tpmback: 'sequenced', drain: false, patient: false });
  t.match(await loadTpmfront(join(folder, 'handoff.ts')), { tpmback: 'v2', drain: true, patient: false });
  t.match(await loadTpmfront(join(folder, 'object.ts')), { tpmback: 'sequenced', drain: true, patient: false });
  const tpmback = join(folder, 'back.ts');
  t.match(await loadTpmback(tpmback), { name: tpmback, ring: 'v2' });
  const ask = { scenario: 'checkpoint', commands: 2, tpmfront: 'quiesce' } as const;
  const { states } = await explore({ ...ask, tpmback });
  t.equal(states, (await explore({ ...ask, tpmback: 'v2' })).states, 'a copy of v2 is v2');
  await t.rejects(explore({ ...ask, tpmfront: 'wait-loop', tpmback }), {
    code: 'USAGE',
    message: /speaks the v1 ring/,
  });
});
