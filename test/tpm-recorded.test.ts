import fc from 'fast-check';
import t from 'tap';
import { digestOfEntries, RecordedState, recordedEngine } from '../backend/tpm/recorded.js';
import { bigEndian16, readResponseHeader } from '../protocol/tpm/header.js';
import type { Session, SessionEntry } from '../protocol/tpm/session.js';
import { recordedSession, SESSION_FILES } from './support/sessions.js';
import { EngineBench, fromHex, toHex } from './support/tpm-engine.js';

const sessions: readonly Session[] = SESSION_FILES.map((file) => recordedSession(file.replace('.jsonl', '')));

const entryOf = (session: Session, sequence: number): SessionEntry => session.entries[sequence] as SessionEntry;
const bench = (session: Session): EngineBench => new EngineBench(recordedEngine(session));

function play(device: EngineBench, entries: readonly SessionEntry[]): void {
  for (const entry of entries) device.send(entry.command, entry.locality);
}

function digest(device: EngineBench): { low: number; high: number } {
  const state = RecordedState.view(device.memory).at(device.stateAddress);
  return { low: state.digestLow, high: state.digestHigh };
}

const cursor = (device: EngineBench): number => RecordedState.view(device.memory).at(device.stateAddress).cursor;

t.test('every session replays to its recorded answers', async (t) => {
  for (const session of sessions) {
    const device = bench(session);
    const wrong = session.entries.filter(
      ({ command, response, locality }) => toHex(device.send(command, locality)) !== toHex(response),
    );
    t.strictSame(wrong, [], session.name);
    t.equal(cursor(device), session.entries.length, session.name);
    t.strictSame(digest(device), digestOfEntries(session.entries), session.name);
    t.equal(device.engine.name, `recorded:${session.name}`);
  }
});

t.test('the digest changes exactly when an entry changes state', async (t) => {
  for (const session of sessions) {
    const device = bench(session);
    for (const entry of session.entries) {
      const before = digest(device);
      device.send(entry.command, entry.locality);
      const changed = before.low !== digest(device).low || before.high !== digest(device).high;
      if (changed !== entry.changesState) t.fail(`${session.name} ${entry.sequence}`);
    }
  }
});

/** What a client sends again by itself: the TPM asked for it. */
const RETRY = 0x922;

t.test('one command sent twice shows in the digest if it changes state, and only then', async (t) => {
  for (const session of sessions) {
    const expected = digestOfEntries(session.entries);
    for (const entry of session.entries) {
      const device = bench(session);
      play(device, session.entries.slice(0, entry.sequence + 1));
      const again = toHex(device.send(entry.command, entry.locality));
      play(device, session.entries.slice(entry.sequence + 1));
      const equal = digest(device).low === expected.low && digest(device).high === expected.high;
      if (entry.responseCode === RETRY) {
        t.equal(again, toHex(entryOf(session, entry.sequence + 1).response), 'after RETRY the same bytes are executed');
        t.notOk(equal, `${session.name} ${entry.sequence}: and by the client once more`);
        continue;
      }
      if (again !== toHex(entry.response)) t.fail(`${session.name} ${entry.sequence}: another answer`);
      if (equal === entry.changesState) t.fail(`${session.name} ${entry.sequence} replayed`);
    }
  }
});

t.test('one command dropped shows in the digest if it changes state, and only then', async (t) => {
  for (const session of sessions) {
    const expected = digestOfEntries(session.entries);
    for (const entry of session.entries) {
      const device = bench(session);
      play(device, [...session.entries.slice(0, entry.sequence), ...session.entries.slice(entry.sequence + 1)]);
      const equal = digest(device).low === expected.low && digest(device).high === expected.high;
      // If the first send of two is dropped, the second meets the RETRY, and the command is never executed.
      const lost = entry.changesState || entry.responseCode === RETRY;
      if (equal === lost) t.fail(`${session.name} ${entry.sequence} dropped`);
    }
  }
});

t.test('the order of executions shows', async (t) => {
  const session = recordedSession('ima_extends');
  const [startup, first, second] = session.entries as [SessionEntry, SessionEntry, SessionEntry];
  const device = bench(session);
  play(device, [startup, second, first]);
  t.notSame(digest(device), digestOfEntries([startup, first, second]));
  t.strictSame(digest(device), digestOfEntries([startup, second, first]));
});

t.test('equal bytes at several localities are told apart', async (t) => {
  const session = recordedSession('localities');
  const extend = session.entries.filter(({ name, command }) => name === 'PCR_Reset' && command[13] === 0x14);
  t.strictSame(
    extend.map(({ locality, responseCode }) => [locality, responseCode]),
    [
      [0, 0x907],
      [1, 0x907],
      [2, 0],
      [3, 0x907],
      [4, 0x907],
    ],
    'the recording: PCR 20 can be reset at locality 2 only',
  );
  for (const { command, locality, responseCode } of extend)
    t.equal(bench(session).code(command, locality), responseCode);
});

t.test('a command recorded at one locality only is answered at any', async (t) => {
  const session = recordedSession('ima_extends');
  const device = bench(session);
  t.equal(device.code(entryOf(session, 0).command, 3), 0);
  t.equal(cursor(device), 1);
});

t.test('the cursor follows the client forward and back', async (t) => {
  const session = recordedSession('nv_plain');
  const device = bench(session);
  // NV_ReadPublic of one index: 8 to 10 before the first write, 16 on after it, when the attribute WRITTEN is set.
  const before = entryOf(session, 8);
  const after = entryOf(session, 16);
  t.equal(toHex(before.command), toHex(after.command));
  play(device, session.entries.slice(0, 9));
  for (const expected of [10, 11, 11, 11]) {
    t.equal(toHex(device.send(before.command)), toHex(before.response), 'the last answer again, not a later one');
    t.equal(cursor(device), expected);
  }
  play(device, [entryOf(session, 12)]);
  t.equal(toHex(device.send(before.command)), toHex(after.response), 'the nearest one after the cursor');
  t.equal(cursor(device), 17);
  t.equal(toHex(device.send(entryOf(session, 2).command)), toHex(entryOf(session, 2).response), 'one before it');
  t.equal(cursor(device), 3);
});

t.test('a state blob with an impossible cursor does no harm', async (t) => {
  const session = recordedSession('ima_extends');
  const device = bench(session);
  RecordedState.view(device.memory).at(device.stateAddress).cursor = 0xffffffff;
  t.equal(device.code(entryOf(session, 5).command), 0);
  t.equal(cursor(device), 6);
});

t.test('what the session does not hold gets a general answer', async (t) => {
  const answers = (command: string): string => toHex(bench(recordedSession('localities')).send(fromHex(command)));
  t.equal(answers('80010000'), '80010000000a00000142', 'shorter than a header');
  t.equal(answers('80010000000b0000017e'), '80010000000a00000142', 'size field too large');
  t.equal(answers('8001000000090000017e'), '80010000000a00000142', 'size field too small');
  t.equal(answers('80030000000a0000017e'), '80010000000a00000084', 'unknown tag');
  t.equal(answers('80010000000a000001ff'), '80010000000a00000143', 'unknown command');
  t.equal(answers('80010000000a00000181'), '80010000000a00000143', 'ReadClock');
  t.equal(answers('8001000000160000017a00000006000001000000007f'), '80010000001300000000000000000600000000');
  t.equal(answers('8001000000160000017a00000100000001000000007f'), '80010000000a000001c4');
});

t.test('GetRandom beyond the session gives bytes that move on', async (t) => {
  const device = bench(recordedSession('localities'));
  const random = (count: number): string => {
    const request = fromHex(`80010000000c0000017b${count.toString(16).padStart(4, '0')}`);
    const response = device.send(request);
    t.match(readResponseHeader(response), { tag: 0x8001, code: 0, size: response.length });
    t.equal(bigEndian16(response, 10), response.length - 12);
    return toHex(response.slice(12));
  };
  for (const [asked, given] of [
    [0, 0],
    [1, 1],
    [33, 33],
    [64, 64],
    [65, 64],
    [0xffff, 64],
  ] as const) {
    t.equal(random(asked).length, given * 2);
  }
  t.not(random(32), random(32));
  t.equal(new Set([1, 2, 3, 4].map(() => random(8))).size, 4);
});

t.test('any bytes get a well-formed answer', async () => {
  const device = bench(recordedSession('localities'));
  const body = fc.uint8Array({ maxLength: 40 });
  const code = fc.integer({ min: 0x110, max: 0x1a0 });
  fc.assert(
    fc.property(body, code, fc.boolean(), fc.nat(4), (body, code, framed, locality) => {
      const size = 10 + body.length;
      const command = framed ? Uint8Array.of(0x80, 0x01, 0, 0, 0, size, 0, 0, code >>> 8, code & 0xff, ...body) : body;
      const response = device.send(command, locality);
      return response.length >= 10 && readResponseHeader(response).size === response.length;
    }),
  );
});

t.test('a command next to other bytes in its last word is the same command', async (t) => {
  // 27 bytes: the word that holds the last three holds one more byte that is not part of the command.
  const session = recordedSession('localities');
  const device = bench(session);
  play(device, session.entries.slice(0, 4));
  const { command, response } = entryOf(session, 4);
  t.equal(command.length, 27);
  device.memory.write32(0x1000 + 24, 0xffffffff);
  t.equal(toHex(device.send(command)), toHex(response));
  t.equal(cursor(device), 5);
});
