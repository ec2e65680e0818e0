/** Cases for the tests of the outputs for continuous integration: usual ones, and ones with any text in any place. */
import fc from 'fast-check';
import type { CiCase } from '../../cli/ci/case.js';
import { ORACLE_NAMES } from '../../simulator/world-state.js';

export const MINE = [
  "import { QuiesceTpmfront } from 'quiesce';", // 1
  '',
  'export default class Mine extends QuiesceTpmfront {', // 3
  '  override suspended(): boolean {', // 4
  '    publish();',
  '    return true;',
  '  }',
  '  publish(): void {', // 8
  '    super.publish();',
  '  }',
  '}',
].join('\n');

export function ciCase(more: Partial<CiCase> = {}): CiCase {
  return {
    subject: 'tpmfront ./mine.ts with tpmback v2',
    scenario: 'checkpoint',
    seconds: 0.25,
    outcome: 'fails',
    summary: 'in-step fails after 3 steps',
    oracle: 'in-step',
    fault: null,
    schedule: ['guest1.tpmfront.transmit/publish', 'guest1.kernel/xs_suspend', 'toolstack.run/save_vtpm'],
    token: 'q1.AAAA',
    sources: [{ end: 'tpmfront', file: './mine.ts', text: MINE }],
    diagram: () => '---\ntitle: "x"\n---\nsequenceDiagram\n    participant guest1\n',
    ...more,
  };
}

export const HOLDS: CiCase = ciCase({
  outcome: 'passes',
  summary: 'holds in 10 states',
  oracle: null,
  schedule: [],
  token: null,
  diagram: () => null,
});

/** Text with everything in it that one of the formats gives a meaning to, and anything else. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        ...'<>&"\'%:,|`*_[]{}()\\\n\r\t\u0000\u001b\ufffe\ud800#;-!$ ',
        ']]>',
        '::',
        '{0}',
        '](1)',
        '```',
      ),
    )
    .map((parts) => parts.join('')),
);

export const anyCase: fc.Arbitrary<CiCase> = fc
  .record({
    subject: anyText,
    scenario: anyText,
    summary: anyText,
    fault: fc.option(anyText),
    schedule: fc.array(anyText, { maxLength: 4 }),
    token: fc.option(anyText),
    outcome: fc.constantFrom('passes', 'fails', 'undecided'),
    oracle: fc.constantFrom(null, ...ORACLE_NAMES),
    file: fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !name.includes('\0')),
    text: anyText,
    diagram: fc.option(anyText),
  })
  .map(({ file, text, diagram, ...fields }) =>
    ciCase({ ...fields, sources: [{ end: 'tpmfront', file: `./${file}.ts`, text }], diagram: () => diagram }),
  );
