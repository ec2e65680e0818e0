/** SARIF: valid whatever is in it, with the schedule as a code flow and the lines of the driver's file. */
import fc from 'fast-check';
import t from 'tap';
import { formatSarif } from '../../../cli/ci/sarif.js';
import { anyCase, ciCase, HOLDS } from '../../support/ci-cases.js';
import { checkSarif, type Json } from '../../support/sarif.js';

const OPTIONS = { version: '0.1.0', folder: '/home/someone/my drivers', program: 'quiesce' };

t.test('the checker of the rules finds what breaks them', async (t) => {
  const good = JSON.parse(formatSarif([ciCase()], OPTIONS)) as Json;
  checkSarif(good);
  const broken = (from: RegExp, to: string): Json => JSON.parse(JSON.stringify(good).replace(from, to)) as Json;
  t.throws(() => checkSarif(broken(/"version":"2.1.0"/, '"version":"2.2"')), /\/version/);
  t.throws(() => checkSarif(broken(/"startLine":4/, '"startLine":0')), /startLine: expected an integer from 1/);
  t.throws(() => checkSarif(broken(/"ruleIndex":0/, '"ruleIndex":1')), /rule in-step at its index/);
  t.throws(() => checkSarif(broken(/"uri":"mine.ts"/, '"uri":"my file.ts"')), /a URI/);
  t.throws(
    () => checkSarif(broken(/"level":"error","message"/, '"grade":1,"level":"error","message"')),
    /no such property/,
  );
  t.throws(() => checkSarif(broken(/in-step fails after/, 'in-step {0} fails')), /no placeholder/);
});

t.test('a failure points to the last step of the driver, and its flow to the lines that are known', async (t) => {
  const log: unknown = JSON.parse(formatSarif([ciCase(), HOLDS], OPTIONS));
  const at = (startLine: number): object => ({
    physicalLocation: { artifactLocation: { uri: 'mine.ts', uriBaseId: 'SRCROOT' }, region: { startLine } },
  });
  t.match(log, {
    runs: [
      {
        originalUriBaseIds: { SRCROOT: { uri: 'file:///home/someone/my%20drivers/' } },
        results: [
          {
            ruleId: 'in-step',
            level: 'error',
            message: {
              text: /^tpmfront \.\/mine\.ts with tpmback v2 in checkpoint: in-step fails after 3 steps\..*replay q1\.AAAA$/,
            },
            // xs_suspend asks `suspended`, which line 4 declares; publish is declared in line 8 and called in line 5.
            locations: [at(4)],
            codeFlows: [
              {
                threadFlows: [
                  {
                    locations: [
                      {
                        executionOrder: 1,
                        location: { message: { text: 'guest1.tpmfront.transmit/publish' }, ...at(8) },
                      },
                      { executionOrder: 2, location: { message: { text: 'guest1.kernel/xs_suspend' }, ...at(4) } },
                      { executionOrder: 3, location: { message: { text: 'toolstack.run/save_vtpm' } } },
                    ],
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
  t.notMatch(JSON.stringify(log), 'holds in 10 states', 'what holds is no result');
});

t.test('a verdict that should have failed has a rule of its own, and drivers of the zoo no file', async (t) => {
  const entry = ciCase({
    oracle: null,
    summary: 'expected that in-step fails, found: holds',
    schedule: [],
    sources: [],
  });
  const text = formatSarif([entry], OPTIONS);
  checkSarif(JSON.parse(text) as Json);
  t.match(text, '"ruleId": "unexpected-verdict"');
  t.notMatch(text, 'physicalLocation');
});

t.test('a file outside of the folder has its whole address', async (t) => {
  const text = formatSarif([ciCase({ sources: [{ end: 'tpmfront', file: '../a b/mine.ts', text: '' }] })], OPTIONS);
  checkSarif(JSON.parse(text) as Json);
  t.match(text, '"uri": "file:///home/someone/a%20b/mine.ts"');
});

t.test('the same failure keeps its fingerprint when its schedule changes', async (t) => {
  const fingerprint = (text: string): string | undefined => /"quiesceFailure\/v1": "(\w+)"/.exec(text)?.[1];
  const one = fingerprint(formatSarif([ciCase()], OPTIONS));
  t.equal(fingerprint(formatSarif([ciCase({ schedule: [], token: 'q1.B' })], OPTIONS)), one);
  t.not(fingerprint(formatSarif([ciCase({ oracle: 'no-hang' })], OPTIONS)), one);
});

t.test('whatever the texts are, the document is valid', async () => {
  fc.assert(
    fc.property(fc.array(anyCase, { maxLength: 4 }), (cases) => {
      checkSarif(JSON.parse(formatSarif(cases, OPTIONS)) as Json);
    }),
    { numRuns: 200 },
  );
});
