/** GitHub Actions: annotations on lines of their own, and a summary in which no text becomes markup. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { annotations, stepSummary } from '../../../cli/ci/github.js';
import { anyCase, ciCase, HOLDS } from '../../support/ci-cases.js';
import { quiesce } from '../../support/fake-terminal.js';

t.test('an annotation stands at the line of the last step of the driver', async (t) => {
  t.equal(
    annotations([ciCase(), HOLDS], 'quiesce'),
    '::error file=mine.ts,line=4,title=quiesce%3A checkpoint%3A in-step fails after 3 steps::' +
      'tpmfront ./mine.ts with tpmback v2%0A' +
      'A snapshot of the domain after command n holds the device after command n.%0Aquiesce replay q1.AAAA\n',
  );
  t.match(annotations([ciCase({ outcome: 'undecided' })], 'quiesce'), /^::warning /);
});

t.test('no text breaks out of its annotation', async (t) => {
  fc.assert(
    fc.property(anyCase, (entry) => {
      const text = annotations([{ ...entry, outcome: 'fails' }], 'quiesce');
      const [, properties = ''] = /^::error ([^\n\r]*?)::[^\n\r]*\n$/.exec(text) ?? [];
      t.match(properties.split(','), [/^file=/, /^line=[1-9]\d*$/, /^title=/]);
      t.notMatch(properties, ':');
    }),
    { numRuns: 200 },
  );
});

t.test('the summary has the table, the diagram, the schedule and the command', async (t) => {
  const text = stepSummary('explore', [HOLDS, ciCase()], 'quiesce');
  t.match(text, /^## quiesce explore: 1 of 2 not as it must be\n\n\|/);
  t.match(text, '| ok | checkpoint |');
  t.match(text, /\n```mermaid\n---\ntitle: "x"\n---\nsequenceDiagram\n {4}participant guest1\n```\n/);
  t.match(text, '\n2. guest1.kernel/xs_suspend\n');
  t.match(text, '\nquiesce replay q1.AAAA\n');
  t.match(stepSummary('check', [HOLDS], 'quiesce'), /^## quiesce check: all is well\n/);
  const fenced = ciCase({ diagram: () => 'a\n```\nb' });
  t.match(stepSummary('explore', [fenced], 'quiesce'), '\n````mermaid\na\n```\nb\n````\n');
  const long = ciCase({ diagram: () => 'x'.repeat(50_001) });
  t.notMatch(stepSummary('explore', [long], 'quiesce'), 'mermaid', 'GitHub draws no longer ones');
});

t.test('no text breaks the table, or leaves its fence', async (t) => {
  fc.assert(
    fc.property(anyCase, (entry) => {
      const lines = stepSummary('explore', [{ ...entry, outcome: 'fails' }], 'quiesce').split('\n');
      const row = lines[4] ?? '';
      t.equal(row.replace(/\\./g, '').split('|').length, 6, 'four cells');
      t.notMatch(row, /[<>]/);
      const outside: string[] = [];
      let fence = '';
      for (const line of lines) {
        const [run = ''] = /^`{3,}/.exec(line) ?? [];
        if (fence === '' && run !== '') fence = run;
        else if (fence !== '' && line === fence) fence = '';
        else if (fence === '') outside.push(line);
      }
      t.equal(fence, '', 'every fence is closed');
      for (const line of outside) t.notMatch(line.replace(/\\./g, ''), /[<>`]/);
    }),
    { numRuns: 200 },
  );
});

t.test('on GitHub all of it is on, and standard output stays what it is', async (t) => {
  const folder = t.testdir({ 'summary.md': 'before\n' });
  const file = (name: string): string => join(folder, name);
  const argv = ['explore', '--scenario', 'checkpoint', '--commands', '2', '--tpmfront', 'linux', '--json'];
  const quiet = await quiesce(argv);
  t.equal(quiet.err, '');
  const environment = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file('summary.md') };
  const outputs = ['--junit', file('junit.xml'), '--sarif', file('quiesce.sarif')];
  const { status, out, err } = await quiesce([...argv, ...outputs], { environment });
  t.match({ status, out }, { status: 1, out: quiet.out });
  t.match(
    err,
    /^::error title=quiesce%3A checkpoint%3A in-step fails after \d+ steps::tpmfront linux with tpmback v2%0A/,
  );
  t.match(
    readFileSync(file('summary.md'), 'utf8'),
    /^before\n## quiesce explore: 1 of 1[\s\S]*```mermaid\n---\ntitle: "checkpoint: .*linux.* with .*v2"/,
  );
  t.match(readFileSync(file('junit.xml'), 'utf8'), '<failure message="in-step fails after');
  t.match(readFileSync(file('quiesce.sarif'), 'utf8'), '"ruleId": "in-step"');
  const flagged = await quiesce([...argv, '--github']);
  t.equal(flagged.err, err, 'the flag does the same elsewhere');
  const lost = await quiesce([...argv, '--github'], { environment: { GITHUB_STEP_SUMMARY: file('no/where.md') } });
  t.match(lost, { status: 1, err: /cannot write the step summary: ENOENT/ });
  t.match(await quiesce([...argv, '--junit', file('no/where.xml')]), { status: 2, err: /cannot write .*no such file/ });
});
