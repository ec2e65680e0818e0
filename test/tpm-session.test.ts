import fc from 'fast-check';
import t from 'tap';
import { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { digestMemory, digestWords } from '../protocol/digest.js';
import { QuiesceError } from '../protocol/errors.js';
import { writeBytes } from '../protocol/memory.js';
import { parseSession, type SessionEntry } from '../protocol/tpm/session.js';
import { recordedSession, SESSION_FILES, sessionText } from './support/sessions.js';
import { toHex } from './support/tpm-engine.js';

const STARTUP = {
  session: 's',
  seq: 0,
  locality: 0,
  cc: 'Startup',
  rc: 0,
  elapsed_us: 475,
  command: '80010000000c000001440000',
  response: '80010000000a00000000',
};
const EXTEND_REFUSED = {
  ...STARTUP,
  seq: 1,
  cc: 'PCR_Reset',
  rc: 0x907,
  command: '80020000001b0000013d0000000000000009400000090000000000',
  response: '80010000000a00000907',
};

const parse = (...records: readonly unknown[]) =>
  parseSession('dir/s.jsonl', records.map((record) => JSON.stringify(record)).join('\n'));

/** What the parser says of a text, or '' when it accepts it. Anything but a QuiesceError is a failure of the test. */
function complaint(file: string, text: string): string {
  try {
    parseSession(file, text);
    return '';
  } catch (error) {
    if (!(error instanceof QuiesceError) || error.code !== 'BAD_SESSION') throw error;
    return error.message;
  }
}

t.test('all recorded sessions parse', async (t) => {
  // Counts of lines and of response codes other than 0, as the recording tool reported them.
  const expected: Readonly<Record<string, readonly [number, number]>> = {
    auth_failures: [79, 6],
    boot_measure: [37, 1],
    capabilities: [19, 1],
    context_juggling: [203, 1],
    create_sign_verify: [101, 2],
    ek_ak_credential: [75, 1],
    hierarchy_clear: [64, 3],
    hmac_sessions: [83, 1],
    ima_extends: [63, 0],
    localities: [65, 22],
    nv_counter_bits: [128, 3],
    nv_plain: [92, 3],
    primary_keys: [78, 1],
    quote_check: [79, 1],
    random_hash: [28, 0],
    rsa_crypt: [99, 1],
    seal_policy_pcr: [88, 2],
  };
  const found = SESSION_FILES.map((file) => {
    const { name, entries } = parseSession(file, sessionText(file));
    return [name, [entries.length, entries.filter((entry) => entry.responseCode !== 0).length]];
  });
  t.strictSame(Object.fromEntries(found), expected);
});

t.test('an entry holds the bytes in every form', async (t) => {
  const entry = parse(STARTUP).entries[0] as SessionEntry;
  t.equal(toHex(entry.command), STARTUP.command);
  t.equal(toHex(entry.response), STARTUP.response);
  t.strictSame(
    [...entry.commandWords],
    [0x00000180, 0x00000c00, 0x00004401].map((word) => word | 0),
  );
  t.strictSame([...entry.responseWords], [0x00000180, 0x00000a00, 0]);
  t.equal(entry.commandDigest, digestWords(entry.commandWords, 12));
  t.equal(entry.responseDigest, digestWords(entry.responseWords, 10));
  t.match(entry, { sequence: 0, locality: 0, name: 'Startup', code: 0x144, responseCode: 0, elapsedMicroseconds: 475 });
  const memory = new JournaledMemory(2);
  memory.protect(1, -1);
  writeBytes(memory, 0x1010, entry.command);
  t.equal(digestMemory(memory, 0x1010, 12), entry.commandDigest);
});

t.test('what is harmless is accepted', async (t) => {
  const line = JSON.stringify(STARTUP);
  for (const text of [line, `${line}\n`, `${line}\r\n\r\n  \n`]) t.equal(complaint('s.jsonl', text), '');
  t.equal(complaint('C:\\x\\s.jsonl', line), '');
  t.equal(complaint('s', line), '');
  t.equal(
    complaint('s.jsonl', JSON.stringify({ ...STARTUP, later: true, command: STARTUP.command.toUpperCase() })),
    '',
  );
  t.equal(parse(STARTUP, EXTEND_REFUSED).entries.length, 2);
});

t.test('every broken input is refused, naming file, line, expectation and finding', async (t) => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ ...EXTEND_REFUSED, session: 'other' }, /expected session "s", as in line 1, found other/],
    [{ ...EXTEND_REFUSED, session: '' }, /expected session "s", as in line 1, found $/],
    [{ ...EXTEND_REFUSED, session: undefined }, /a string in session, found nothing/],
    [{ ...EXTEND_REFUSED, session: 1 }, /a string in session, found 1/],
    [{ ...EXTEND_REFUSED, seq: 2 }, /expected seq 1, found 2/],
    [{ ...EXTEND_REFUSED, seq: '1' }, /an integer from 0 to \d+ in seq, found 1/],
    [{ ...EXTEND_REFUSED, seq: 1.5 }, /in seq, found 1.5/],
    [{ ...EXTEND_REFUSED, locality: 5 }, /from 0 to 4 in locality, found 5/],
    [{ ...EXTEND_REFUSED, locality: -1 }, /in locality, found -1/],
    [{ ...EXTEND_REFUSED, locality: null }, /in locality, found null/],
    [{ ...EXTEND_REFUSED, cc: 'PCR_Rest' }, /the name of a command in cc, found PCR_Rest/],
    [{ ...EXTEND_REFUSED, cc: 'constructor' }, /the name of a command in cc/],
    [{ ...EXTEND_REFUSED, cc: 'PCR_Read' }, /command code 0x17e, as cc says, found 0x13d/],
    [{ ...EXTEND_REFUSED, rc: 0x100000000 }, /in rc, found 4294967296/],
    [{ ...EXTEND_REFUSED, rc: 0x908 }, /response code 0x908, as rc says, found 0x907/],
    [{ ...EXTEND_REFUSED, elapsed_us: -1 }, /in elapsed_us, found -1/],
    [{ ...EXTEND_REFUSED, elapsed_us: undefined }, /in elapsed_us, found nothing/],
    [{ ...EXTEND_REFUSED, command: 17 }, /a string in command, found 17/],
    [{ ...EXTEND_REFUSED, command: EXTEND_REFUSED.command.slice(1) }, /pairs of hexadecimal digits in command/],
    [{ ...EXTEND_REFUSED, command: EXTEND_REFUSED.command.replace('3d', 'xd') }, /hexadecimal digits in command/],
    [{ ...EXTEND_REFUSED, command: '80010000' }, /10 to 4096 bytes in command, found 4/],
    [{ ...EXTEND_REFUSED, command: '00'.repeat(4097) }, /10 to 4096 bytes in command, found 4097/],
    [
      { ...EXTEND_REFUSED, command: `${EXTEND_REFUSED.command}00` },
      /a command of 27 bytes, as its size field says, found 28/,
    ],
    [
      { ...EXTEND_REFUSED, command: EXTEND_REFUSED.command.replace('8002', '8003') },
      /tag 0x8001 or 0x8002, found 0x8003/,
    ],
    [{ ...EXTEND_REFUSED, response: `${EXTEND_REFUSED.response}00` }, /a response of 10 bytes.* found 11/],
    [{ ...EXTEND_REFUSED, response: '80010000000b0000090700' }, /an error response of 10 bytes, found 11/],
    [{ ...EXTEND_REFUSED, response: '80020000000a00000907' }, /a response with tag 0x8001, found 0x8002/],
    [{ ...EXTEND_REFUSED, rc: 0, response: '80010000000a00000000' }, /a response with tag 0x8002, found 0x8001/],
    [[EXTEND_REFUSED], /a JSON object, found \[/],
    [null, /a JSON object, found null/],
  ];
  for (const [record, expected] of cases) {
    const text = `${JSON.stringify(STARTUP)}\n${JSON.stringify(record)}`;
    const message = complaint('dir/s.jsonl', text);
    t.match(message, expected);
    t.match(message, /^dir\/s\.jsonl:2: expected .*, found /);
    t.ok(message.length < 200, 'a message does not quote at length');
  }
});

t.test('a file that is no list of lines is refused', async (t) => {
  for (const text of ['', '\n', ' \r\n\n'])
    t.match(complaint('s.jsonl', text), /^s\.jsonl: expected one line at least, found none/);
  const line = JSON.stringify(STARTUP);
  t.match(complaint('s.jsonl', `\n${line}`), /^s\.jsonl:1: expected a JSON object/);
  t.match(complaint('s.jsonl', `${line}\n\n${line}`), /^s\.jsonl:2: expected a JSON object/);
  t.match(complaint('s.jsonl', line.slice(0, -1)), /^s\.jsonl:1: expected a JSON object/);
  t.match(complaint('s.jsonl', `[${line}]`), /^s\.jsonl:1: expected a JSON object/);
});

t.test('a session has the name that its lines have, whatever the file is called', async (t) => {
  const line = JSON.stringify(STARTUP);
  const second = JSON.stringify(EXTEND_REFUSED);
  for (const file of ['s.jsonl', 'renamed.jsonl', '/tmp/copy of s', '']) {
    t.equal(parseSession(file, line).name, 's');
    t.equal(parseSession(file, `${line}\n${second}`).entries.length, 2);
  }
  const other = JSON.stringify({ ...EXTEND_REFUSED, session: 'renamed' });
  t.match(
    complaint('renamed.jsonl', `${line}\n${other}`),
    /^renamed\.jsonl:2: expected session "s", as in line 1, found renamed$/,
  );
  t.match(complaint('s.jsonl', line.replace('"s"', '7')), /^s\.jsonl:1: expected a string in session, found 7/);
  const long = 'x'.repeat(5000);
  const message = complaint('s.jsonl', `${JSON.stringify({ ...STARTUP, session: long })}\n${second}`);
  t.match(message, /^s\.jsonl:2: expected session "x{40}…", as in line 1, found s$/);
});

t.test('the recorded sessions are named as their files', async (t) => {
  for (const file of SESSION_FILES) t.equal(`${parseSession(file, sessionText(file)).name}.jsonl`, file);
});

t.test('entries know whether they changed the state', async (t) => {
  const changed = (name: string, sequence: number) => recordedSession(name).entries[sequence]?.changesState;
  t.equal(changed('boot_measure', 0), true, 'Startup');
  t.equal(changed('boot_measure', 1), true, 'PCR_Extend with a password');
  t.equal(changed('boot_measure', 8), false, 'GetCapability');
  t.equal(changed('boot_measure', 17), false, 'PCR_Read');
  t.equal(changed('boot_measure', 33), false, 'PCR_Reset refused');
  t.equal(changed('nv_plain', 19), true, 'NV_Read under an HMAC session, whose nonce rolls');
  t.equal(changed('nv_plain', 70), false, 'NV_DefineSpace of a defined index');
  t.equal(changed('auth_failures', 12), false, 'NV_Write answered RETRY');
  t.equal(changed('auth_failures', 13), true, 'the same NV_Write executed');
  t.equal(changed('auth_failures', 22), true, 'NV_Read with a wrong password that counts');
  t.equal(changed('auth_failures', 49), false, 'NV_Read during lockout');
});

t.test('a session is recognised in any place of the authorisation area', async (t) => {
  const entry = (area: string): boolean => {
    const body = `00000009${area}`;
    const size = (10 + body.length / 2).toString(16).padStart(8, '0');
    const command = `8002${size}0000017e${body}`;
    const record = { ...STARTUP, cc: 'PCR_Read', command, response: '80020000000a00000000' };
    return (parse(record).entries[0] as SessionEntry).changesState;
  };
  t.equal(entry('400000090000000000'), false, 'a password');
  t.equal(entry('020000000000010000'), true, 'an HMAC session');
  t.equal(entry('030000000000010000'), true, 'a policy session');
  t.equal(entry('40000009'), true, 'an area that ends too early');
  t.equal(entry('40000009ffff000000'), true, 'a nonce that reaches beyond the area');
  t.equal(entry('40000009000600ffff'), true, 'a password that reaches beyond the area');
});

t.test('no text makes the parser throw anything but its own error', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void complaint('s.jsonl', text)));
  fc.assert(fc.property(fc.json(), (text) => void complaint('s.jsonl', text)));
  const member = fc.constantFrom(...Object.keys(STARTUP));
  fc.assert(
    fc.property(
      member,
      fc.jsonValue(),
      (name, value) => void complaint('s.jsonl', JSON.stringify({ ...STARTUP, [name]: value })),
    ),
  );
});

t.test('nor does a valid file with a few bytes changed, cut out or doubled', async (t) => {
  const text = sessionText('localities.jsonl');
  let refused = 0;
  const edit = fc.record({ at: fc.nat(text.length - 1), remove: fc.nat(3), insert: fc.string({ maxLength: 3 }) });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let broken = text;
      for (const { at, remove, insert } of edits) broken = broken.slice(0, at) + insert + broken.slice(at + remove);
      if (complaint('localities.jsonl', broken) !== '') refused++;
    }),
  );
  t.ok(refused > 50, `most are refused: ${refused}`);
});
