import fc from 'fast-check';
import t from 'tap';
import {
  formatIdentitySchedule,
  formatIdentityToken,
  hasDesign,
  identityOfToken,
  parseIdentitySchedule,
} from '../../simulator/block-identity/schedule.js';
import { parseToken, stepHash } from '../../simulator/token.js';

const HEAD = 'quiesce schedule 1\nscenario: device-identity/07\n';

t.test('what is written is read again', async (t) => {
  const step = fc.stringMatching(/^[a-z0-9.]+\/[a-z_]+( [a-z0-9:]+)?$/);
  fc.assert(
    fc.property(fc.constantFrom('P', 'I', 'O'), fc.array(step, { maxLength: 5 }), (design, steps) => {
      const schedule = { scenario: 'device-identity/07', design: design as 'P', steps };
      const text = formatIdentitySchedule(schedule);
      t.ok(hasDesign(text));
      t.strictSame(parseIdentitySchedule('f', text), schedule);
      const token = parseToken(formatIdentityToken(schedule, 2));
      t.strictSame(identityOfToken(token), { scenario: schedule.scenario, design });
      t.strictSame(
        token.hashes,
        steps.map((name) => stepHash(name, 2)),
      );
    }),
    { numRuns: 50 },
  );
});

t.test('what is malformed is refused, with the line', async (t) => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['', /^f:1: expected the line 'quiesce schedule 1', found nothing$/],
    [`${HEAD}design: X\n\n`, /^f:3: expected P, I, O for design, found "X"$/],
    [`${HEAD}tpmfront: linux\n\n`, /^f:3: expected a header \(scenario, design, daemon\) or an empty line/],
    [`${HEAD}\nstep\n`, /^f:3: expected a header line for design before the empty line/],
    [`${HEAD}design: I\ndesign: I\n\n`, /^f:4: expected design once/],
  ];
  for (const [text, message] of refused)
    t.throws(() => parseIdentitySchedule('f', text), { code: 'BAD_SCHEDULE', message }, text);
  t.throws(() => formatIdentitySchedule({ scenario: 's', design: 'I', steps: ['#'] }), { code: 'BAD_SCHEDULE' });
});

t.test('a schedule of vTPM drivers has no design, not even in a step', async (t) => {
  t.notOk(hasDesign('quiesce schedule 1\nscenario: checkpoint\n\ndesign: I\n'));
  t.ok(hasDesign('quiesce schedule 1\r\nscenario: device-identity/01\r\ndesign: I\r\n\r\n'));
});

t.test('a token whose design is none is refused', async (t) => {
  const token = parseToken(formatIdentityToken({ scenario: 'device-identity/01', design: 'P', steps: [] }, 4));
  t.throws(() => identityOfToken({ ...token, tpmfront: 'linux' }), {
    code: 'BAD_SCHEDULE',
    message: 'replay token: expected design P, I, O, found linux',
  });
});
