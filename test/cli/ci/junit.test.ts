/** JUnit XML: well-formed whatever is in it, and with the elements, attributes and counts that its readers ask for. */
import fc from 'fast-check';
import t from 'tap';
import { formatJunit } from '../../../cli/ci/junit.js';
import { anyCase, ciCase, HOLDS } from '../../support/ci-cases.js';
import { parseXml, type XmlElement } from '../../support/xml.js';

const UNDECIDED = ciCase({
  ...HOLDS,
  scenario: 'connect',
  outcome: 'undecided',
  summary: 'no failure in 5 states, but',
});

/** What every suite and every case must have, and counts that are right. */
function checkRules(root: XmlElement): void {
  const fail = (why: string): never => {
    throw new Error(why);
  };
  if (root.name !== 'testsuites') fail(`root ${root.name}`);
  const cases = root.children.flatMap((suite) => {
    if (suite.name !== 'testsuite' || !suite.attributes.has('name')) fail('a suite without a name');
    checkCounts(suite, suite.children);
    return suite.children;
  });
  checkCounts(root, cases);
  for (const { name, attributes, children } of cases) {
    if (name !== 'testcase') fail(name);
    for (const needed of ['name', 'classname', 'time']) if (!attributes.has(needed)) fail(`a case without ${needed}`);
    if (children.length > 1) fail('more than one outcome');
    for (const child of children) {
      if (child.name !== 'failure' && child.name !== 'error') fail(child.name);
      if (!child.attributes.has('message') || !child.attributes.has('type')) fail('an outcome without message or type');
    }
  }
}

function checkCounts({ attributes }: XmlElement, cases: readonly XmlElement[]): void {
  const count = (name: string): number => cases.filter(({ children }) => children[0]?.name === name).length;
  const wanted = { tests: cases.length, failures: count('failure'), errors: count('error') };
  for (const [name, number] of Object.entries(wanted))
    if (attributes.get(name) !== String(number)) throw new Error(`${name}: ${attributes.get(name)}, not ${number}`);
  if (!/^\d+\.\d+$/.test(attributes.get('time') ?? '')) throw new Error('time');
}

t.test('a failure, a verdict that holds and one that was not reached', async (t) => {
  const root = parseXml(formatJunit([ciCase(), HOLDS, UNDECIDED], 'quiesce'));
  checkRules(root);
  const [suite] = root.children;
  t.equal(suite?.attributes.get('name'), 'tpmfront ./mine.ts with tpmback v2');
  const [failing, passing, undecided] = suite?.children ?? [];
  t.equal(failing?.attributes.get('file'), './mine.ts');
  t.equal(failing?.children[0]?.attributes.get('message'), 'in-step fails after 3 steps');
  t.match(
    failing?.children[0]?.text,
    /^A snapshot of the domain[\s\S]*\n {5}2 {2}guest1\.kernel\/xs_suspend\n[\s\S]*\nquiesce replay q1\.AAAA$/,
  );
  t.strictSame(passing?.children, []);
  t.match(undecided?.children[0], { name: 'error' });
});

t.test('suites are by subject, each once', async (t) => {
  const other = ciCase({ subject: 'design P' });
  const root = parseXml(formatJunit([ciCase(), other, HOLDS], 'quiesce'));
  t.strictSame(
    root.children.map(({ attributes, children }) => [attributes.get('name'), children.length]),
    [
      ['tpmfront ./mine.ts with tpmback v2', 2],
      ['design P', 1],
    ],
  );
});

t.test('whatever the texts are, the document is well-formed and says them', async (t) => {
  fc.assert(
    fc.property(fc.array(anyCase, { maxLength: 4 }), (cases) => {
      const root = parseXml(formatJunit(cases, 'quiesce'));
      checkRules(root);
      const names = root.children.flatMap(({ children }) => children.map(({ attributes }) => attributes.get('name')));
      const legal = cases.map(({ scenario }) =>
        scenario.replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd'),
      );
      t.strictSame([...names].sort(), [...legal].sort());
    }),
    { numRuns: 200 },
  );
});
