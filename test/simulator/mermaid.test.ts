import t from 'tap';
import { formatMermaid } from '../../simulator/mermaid.js';
import { run } from '../../simulator/run.js';
import type { Trace, TraceStep } from '../../simulator/trace.js';
import { namesOf, worldOf } from '../../simulator/verdict.js';
import { pairingOf } from '../support/pairings.js';

/** The lines that the diagrams are made of, as Mermaid's grammar has them; in a text `#` and `;` only make entities. */
const TEXT = '(?:[^#;<>\\n]|#\\d+;)+';
const PARTICIPANT = '(?:guest|tpmback|tpm)[12]|xenstored|toolstack';
const KINDS = [
  `participant (?:${PARTICIPANT})`,
  `(?:${PARTICIPANT})->>(?:${PARTICIPANT}): ${TEXT}`,
  `Note over (?:${PARTICIPANT})(?:,(?:${PARTICIPANT}))?: ${TEXT}`,
];
const LINE = new RegExp(`^    (?:${KINDS.join('|')})$`);

const STEP: TraceStep = {
  step: 1,
  choice: 'guest1.user/issue',
  actor: 'guest1',
  store: [],
  changes: [],
  violations: [],
  fault: null,
};

function traceOf(tpmfront: string, scenario: string, seed: number): Trace {
  const pairing = pairingOf(tpmfront, scenario);
  const names = namesOf(pairing, { commands: 2 });
  const { holds, oracle, quiescent, steps } = run(worldOf(pairing, names), seed);
  return { header: { trace: 1, seed, ...names }, steps, end: { holds, oracle, quiescent } };
}

const bodyOf = (diagram: string): readonly string[] => diagram.trimEnd().split('\n').slice(4);

t.test('every line of every diagram is one of Mermaid', async (t) => {
  for (const scenario of [
    'clean-migration',
    'backend-restart',
    'toolstack-dies',
    'slow-command',
    'both-copies-run',
    'connect',
  ]) {
    const diagram = formatMermaid(traceOf('linux', scenario, 3));
    t.match(diagram, /^---\ntitle: ".*"\n---\nsequenceDiagram\n/);
    const wrong = bodyOf(diagram).filter((line) => !LINE.test(line));
    t.strictSame(wrong, [], scenario);
  }
});

t.test('participants are declared once, before they are used, in a fixed order', async (t) => {
  const body = bodyOf(formatMermaid(traceOf('sequenced', 'clean-migration', 1)));
  const declared = body.filter((line) => line.startsWith('    participant ')).map((line) => line.slice(16));
  t.strictSame(declared, ['guest1', 'tpmback1', 'tpm1', 'xenstored', 'toolstack', 'guest2', 'tpmback2', 'tpm2']);
  t.strictSame(
    bodyOf(formatMermaid({ ...traceOf('linux', 'checkpoint', 1), steps: [STEP] }))[0],
    '    participant guest1',
  );
});

t.test('what reaches another is an arrow, what stays is a note', async (t) => {
  const diagram = formatMermaid(traceOf('sequenced', 'clean-migration', 1));
  t.match(diagram, /toolstack->>xenstored: WRITE \/local\/domain\/1\/control\/shutdown = suspend/);
  t.match(diagram, /xenstored->>guest1: \d+\. watch shutdown control\/shutdown/);
  t.match(diagram, /guest1->>tpmback1: event \d+ pending/);
  t.match(diagram, /tpmback1->>guest1: ring page 0: state = 2, was 1/);
  t.match(diagram, /Note over guest1: \d+\. kernel\/suspend/);
  t.match(diagram, /nothing more can happen, every oracle holds/);
});

t.test('what would end a statement is written as an entity', async (t) => {
  const write = { client: 'guest1', operation: 'WRITE', path: 'a;b', value: '#1 <script>\nx' } as const;
  const trace = { ...traceOf('linux', 'checkpoint', 1), steps: [{ ...STEP, store: [write], fault: 'Error: a;b' }] };
  const diagram = formatMermaid({ ...trace, end: { holds: false, oracle: 'driver-fault', quiescent: false } });
  t.match(diagram, 'guest1->>xenstored: WRITE a#59;b = #35;1 #60;script#62; x');
  t.match(diagram, 'Note over guest1: Error: a#59;b');
  t.match(diagram, /Note over guest1,xenstored: after step 1: driver-fault fails/);
});

t.test('many arrows of one step become a few', async (t) => {
  const store = Array.from(
    { length: 9 },
    (_, i) => ({ client: 'toolstack', operation: 'RM', path: `/a/${i}`, value: '' }) as const,
  );
  const steps = [{ ...STEP, actor: 'toolstack', choice: 'toolstack.run/remove', store }];
  const body = bodyOf(formatMermaid({ ...traceOf('linux', 'checkpoint', 1), steps }));
  t.equal(body.filter((line) => line.includes('->>')).length, 5);
  t.ok(body.some((line) => line.endsWith('and 5 more')));
});
