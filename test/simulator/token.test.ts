import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { fromBase64Url, toBase64Url } from '../../simulator/base64url.js';
import { TPMFRONTS } from '../../simulator/drivers.js';
import type { Schedule } from '../../simulator/schedule.js';
import {
  formatToken,
  type HashBytes,
  looksLikeToken,
  parseToken,
  stepHash,
  USUAL_SESSION,
} from '../../simulator/token.js';

const anySchedule: fc.Arbitrary<Schedule> = fc.record(
  {
    scenario: fc.string({ unit: 'grapheme' }),
    tpmfront: fc.oneof(fc.constantFrom(...TPMFRONTS.map(({ name }) => name)), fc.string()),
    tpmback: fc.oneof(fc.constantFrom('v1', 'v2', 'sequenced'), fc.string({ minLength: 1, maxLength: 300 })),
    session: fc.oneof(fc.constant(USUAL_SESSION), fc.string({ minLength: 1 })),
    commands: fc.option(fc.integer({ min: 1, max: 0xffffffff }), { nil: null }),
    grain: fc.constantFrom('fine', 'coarse'),
    daemon: fc.constantFrom('c', 'c-4.22', 'ocaml'),
    steps: fc.array(fc.string(), { maxLength: 300 }),
  },
  { noNullPrototype: true },
);
const anyBytes = fc.constantFrom<HashBytes>(2, 4);

const SCHEDULE: Schedule = {
  scenario: 'checkpoint',
  tpmfront: 'linux',
  tpmback: 'v2',
  session: USUAL_SESSION,
  commands: null,
  grain: 'fine',
  daemon: 'c',
  steps: ['guest1.user/issue', 'tpm1.execute/complete'],
};

function refusal(token: string): string {
  try {
    parseToken(token);
  } catch (error) {
    if (error instanceof QuiesceError && error.code === 'BAD_SCHEDULE') return error.message;
    throw error;
  }
  return 'accepted';
}

t.test('a token gives the names and the hash of each step again', async () => {
  fc.assert(
    fc.property(anySchedule, anyBytes, (schedule, hashBytes) => {
      const { steps, ...names } = schedule;
      const token = formatToken(schedule, hashBytes);
      assert.deepEqual(parseToken(token), {
        ...names,
        hashBytes,
        hashes: steps.map((step) => stepHash(step, hashBytes)),
      });
      assert.match(token, /^q1\.[A-Za-z0-9_-]+$/);
      assert(looksLikeToken(token));
    }),
    { numRuns: 200 },
  );
});

t.test('the token of a known schedule stays as it is', async (t) => {
  // Tokens are kept in reports: a new format needs a new version, not another meaning of this one.
  t.equal(formatToken(SCHEDULE), 'q1.AAAKY2hlY2twb2ludAVsaW51eAAAAtBTviXhm4hX');
  t.equal(stepHash('guest1.user/issue', 2), 0x53d0);
});

t.test('every change of a character is noticed, and so is every cut', async () => {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ .=';
  fc.assert(
    fc.property(anySchedule, fc.nat(), fc.nat(characters.length - 1), (schedule, place, other) => {
      const token = formatToken(schedule);
      const at = place % token.length;
      const changed = token.slice(0, at) + characters.charAt(other) + token.slice(at + 1);
      if (changed !== token) assert.notEqual(refusal(changed), 'accepted');
      assert.notEqual(refusal(token.slice(0, at)), 'accepted');
    }),
    { numRuns: 300 },
  );
});

t.test('a damaged token is refused with what is wrong', async (t) => {
  const token = formatToken(SCHEDULE);
  t.match(refusal('q2.AAAA'), /expected a token that begins with q1\., found q2\./);
  t.match(refusal(`${token.slice(0, 5)}*${token.slice(6)}`), /expected base64url at character 6, found \*/);
  t.match(refusal('q1.'), /expected a whole token, found 0 bytes/);
  t.match(refusal(token.slice(0, -4)), /another checksum/);
});

/** A token around bytes that no encoder wrote, with the right checksum. */
function forged(...bytes: readonly number[]): string {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const sum = ~crc >>> 0;
  return `q1.${toBase64Url(Uint8Array.from([...bytes, sum, sum >>> 8, sum >>> 16, sum >>> 24]))}`;
}

t.test('a forged token with the right checksum is refused too', async (t) => {
  t.equal(refusal(forged(0, 0, 1, 65, 0, 0, 0, 0)), 'accepted', 'no steps at all');
  t.match(refusal(forged()), /expected a longer token/);
  t.match(refusal(forged(12)), /expected known flags, found 12/);
  t.match(refusal(forged(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), /expected a number up to/);
  t.match(refusal(forged(0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80)), /expected a number up to/);
  t.match(refusal(forged(0, 0, 9, 65)), /expected a longer token/);
  t.match(refusal(forged(0, 0, 1, 0xff, 0, 0, 0, 0)), /expected names in UTF-8/);
  t.match(refusal(forged(0, 0, 1, 65, 0, 0, 0, 3, 1, 2)), /expected 3 steps of 2 bytes, found 2 bytes/);
  fc.assert(
    fc.property(fc.array(fc.nat(255)), (bytes) => {
      refusal(forged(...bytes));
    }),
    { numRuns: 200 },
  );
});

t.test('base64url is that of RFC 4648', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(toBase64Url(bytes), Buffer.from(bytes).toString('base64url'));
      assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
    }),
  );
  t.equal(fromBase64Url('AB*D'), 2);
  t.equal(fromBase64Url('A'), 0, 'six bits are no byte');
  t.equal(fromBase64Url('AB'), 1, 'leftover bits must be zero');
});
