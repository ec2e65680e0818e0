/**
 * The state streams of the real daemons, and what becomes of streams that are broken.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { readStateStream } from '../../xenstore-sim/state/read-stream.js';
import type { StateRecord, StateStream } from '../../xenstore-sim/state/records.js';
import { writeStateStream } from '../../xenstore-sim/state/write-stream.js';
import { anyStream } from '../support/xenstore-state.js';

interface Recorded {
  readonly daemon: string;
  readonly records_type_offset_len: readonly (readonly [type: string, offset: number, length: number])[];
  readonly hex: string;
}

const recordings = readFileSync('test/recordings/xenstore-state.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const HEADER_BYTES = 16;

/** The records of `bytes`, or the message of the error; anything else that is thrown fails the test. */
function attempt(bytes: Uint8Array): StateStream | string {
  try {
    return readStateStream(bytes);
  } catch (error) {
    if (error instanceof QuiesceError && error.code === 'BAD_STATE_STREAM') return error.message;
    throw error;
  }
}

t.test('each record of the recorded streams is read, and written with the same bytes', async (t) => {
  t.equal(recordings.length, 2);
  recordings.forEach(({ daemon, hex, records_type_offset_len: listed }, i) => {
    const bytes = bytesOf(hex);
    const stream = readStateStream(bytes);
    t.equal(stream.version, i + 1, daemon);
    t.strictSame(
      [...stream.records.map(({ type }) => type), 'END'],
      listed.map(([type]) => type),
    );
    stream.records.forEach((record, at) => {
      const [, offset = 0, length = 0] = listed[at] ?? [];
      const written = writeStateStream({ version: stream.version, records: [record] });
      const [body, END] = [written.subarray(HEADER_BYTES, -8), written.subarray(-8)];
      t.equal(hexOf(body), hexOf(bytes.subarray(offset, offset + 8 + length)), `${record.type} at ${offset}`);
      t.equal(hexOf(END), '0'.repeat(16));
    });
    t.equal(hexOf(writeStateStream(stream)), hex, `all of ${daemon}`);
  });
});

t.test('the fields of recorded records are those the daemon had', async (t) => {
  const [old, recent] = recordings.map(({ hex }) => readStateStream(bytesOf(hex)).records) as [
    StateRecord[],
    StateRecord[],
  ];
  const ring = { kind: 'ring', domid: 1, target: 0x7ff4, port: 0x3e9 } as const;
  const guest = { type: 'CONNECTION_DATA', connection: 4, transport: ring, input: '', output: '', partialReply: 0 };
  t.strictSame(old[0], { type: 'GLOBAL_DATA', socket: 3, eventChannels: 6 });
  t.strictSame(old[2], {
    ...guest,
    connection: 2,
    transport: { kind: 'socket', descriptor: 7 },
    output: '\0\0\0\0\x0e\0\0\0\0\0\0\0\x03\0\0\0OK\0',
    uniqueId: null,
  });
  t.strictSame(old[7], { ...guest, uniqueId: null });
  t.strictSame(recent[8], { ...guest, uniqueId: 0x22291an });
  t.strictSame(old[6], { type: 'WATCH_DATA', connection: 3, path: 'rel/path', token: 'reltok' });
  const node = { type: 'NODE_DATA', connection: 0, transaction: 0, access: 0 };
  t.strictSame(old[18], {
    ...node,
    permissions: [
      { access: 'n', domid: 1, stale: false },
      { access: 'r', domid: 0, stale: false },
      { access: 'b', domid: 0, stale: false },
    ],
    path: '/local/domain/1/data/k',
    value: 'value-1',
  });
  const control = { access: 'n', domid: 0, stale: false };
  t.strictSame(old[19], { ...node, permissions: [control], path: '/bin', value: '\x00\x01\xff' });
  t.match(recent[20], { path: '@releaseDomain', permissions: [control, { access: 'r', domid: 32757 }] });
  const values = { nodes: 1000, watches: 128, outstanding: 20, memory: 2621440, 'soft-memory': 2097152 };
  const more = {
    transactions: 10,
    'transaction-nodes': 1024,
    'node-permissions': 5,
    'path-max': 2048,
    'node-size': 2048,
  };
  const quotas = Object.entries({ ...values, ...more }).map(([name, value]) => ({ name, value }));
  t.strictSame(recent[1], { type: 'GLOBAL_QUOTA_DATA', perDomain: quotas, global: [] });
  t.strictSame(recent[23], {
    type: 'DOMAIN_DATA',
    domid: 1,
    features: 14,
    quotas: [{ name: 'nodes', value: 77 }, ...quotas.slice(1)],
  });
});

t.test('a stream of any records is read as it was written', async () => {
  fc.assert(
    fc.property(anyStream, (stream) => {
      deepStrictEqual(readStateStream(writeStateStream(stream)), stream);
    }),
  );
});

/** A stream of version 2 with the bodies `records` (type, length field, body in hex). */
function streamOf(
  records: readonly (readonly [type: number, length: number, hex: string])[],
  bigEndian = false,
): Uint8Array {
  const words = (...numbers: number[]): string => {
    const bytes = Buffer.alloc(4 * numbers.length);
    numbers.forEach((number, i) => {
      if (bigEndian) bytes.writeUInt32BE(number, 4 * i);
      else bytes.writeUInt32LE(number, 4 * i);
    });
    return bytes.toString('hex');
  };
  const header = `${Buffer.from('xenstore').toString('hex')}00000002${bigEndian ? '00000001' : '00000000'}`;
  return bytesOf([header, ...records.map(([type, length, hex]) => words(type, length) + hex), words(0, 0)].join(''));
}

t.test('a stream with a big-endian body is read', async (t) => {
  const node = '00000002 00000003 0003 0002 0003 0001 6e00 0102 2f6100 7631 00000000000000'.replaceAll(' ', '');
  const connection = '00000002 0000 0001 0005 7ff4 00000007 0001 0000 00000001 61 62 000000000000 0000000100000002';
  const stream = readStateStream(
    streamOf(
      [
        [2, 40, connection.replaceAll(' ', '')],
        [5, 32, node],
      ],
      true,
    ),
  );
  t.strictSame(stream.records, [
    {
      type: 'CONNECTION_DATA',
      connection: 2,
      transport: { kind: 'ring', domid: 5, target: 0x7ff4, port: 7 },
      input: 'a',
      output: 'b',
      partialReply: 0,
      uniqueId: 0x100000002n,
    },
    {
      type: 'NODE_DATA',
      connection: 2,
      transaction: 3,
      access: 3,
      permissions: [{ access: 'n', domid: 0x102, stale: false }],
      path: '/a',
      value: 'v1',
    },
  ]);
});

t.test('a length that does not count the padding is read as well', async (t) => {
  const watch = '04000000 0300 0200 2f6100 7400 000000'.replaceAll(' ', '');
  const expected = [{ type: 'WATCH_DATA', connection: 4, path: '/a', token: 't' }];
  for (const length of [13, 16]) t.strictSame(readStateStream(streamOf([[3, length, watch]])).records, expected);
});

t.test('watches with depth are read as specified, and as C xenstored 4.22.0 writes them', async (t) => {
  const specified = '04000000 0300 0200 0100 0000 2f6100 7400 00000000000000'.replaceAll(' ', '');
  const record = { type: 'WATCH_DATA_EXTENDED', connection: 4, path: '/a', token: 't' };
  t.strictSame(readStateStream(streamOf([[8, 24, specified]])).records, [{ ...record, depth: 1 }]);
  // The length counts 12 bytes before the path, 8 are there. Where 13 and 17 bytes are rounded up, 8 bytes are missing.
  const short = '04000000 0300 0200 2f6100 7400 000000'.replaceAll(' ', '');
  const other = '04000000 0300 0100 2f6200 00 00000000'.replaceAll(' ', '');
  t.strictSame(
    readStateStream(
      streamOf([
        [8, 24, short],
        [8, 16, other],
        [8, 24, specified],
      ]),
    ).records,
    [
      { ...record, depth: 0xffff },
      { ...record, path: '/b', token: '', depth: 0xffff },
      { ...record, depth: 1 },
    ],
  );
});

t.test('no watch with depth is taken for one of C xenstored 4.22.0, nor the other way round', async () => {
  const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b'), maxLength: 12 });
  const watch = fc.record({
    path: text.map((rest) => `/${rest}`),
    token: text,
    depth: fc.constantFrom(0, 1, 0x2f, 0x2f2f, 0x612f),
  });
  const watches = fc.array(fc.tuple(watch, fc.boolean()), { maxLength: 4 });
  const hexText = (string: string): string => Buffer.from(`${string}\0`, 'latin1').toString('hex');
  const half = (value: number): string => hexOf(new Uint8Array([value, value >> 8]));
  fc.assert(
    fc.property(watches, (list) => {
      const bytes = streamOf(
        list.map(([{ path, token, depth }, short]) => {
          const lengths = `01000000${half(path.length + 1)}${half(token.length + 1)}`;
          const body = `${lengths}${short ? '' : `${half(depth)}0000`}${hexText(path)}${hexText(token)}`;
          const length = Math.ceil((path.length + token.length + 14) / 8) * 8;
          return [8, length, body.padEnd(Math.ceil(body.length / 16) * 16, '0')];
        }),
      );
      const found = readStateStream(bytes).records.map((record) =>
        'depth' in record ? record : { path: '', token: '', depth: -1 },
      );
      deepStrictEqual(
        found.map(({ path, token, depth }) => [path, token, depth]),
        list.map(([{ path, token, depth }, short]) => [path, token, short ? 0xffff : depth]),
      );
    }),
    { numRuns: 1000 },
  );
});

t.test('a broken stream is refused with the offset, what was expected and what was found', async (t) => {
  const good = bytesOf(recordings[0]?.hex ?? '');
  const patched = (at: number, ...values: number[]): Uint8Array => {
    const copy = good.slice();
    copy.set(values, at);
    return copy;
  };
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(0), /byte 0: expected the word xenstore, 8 bytes, found 0 bytes/],
    [patched(0, 0x58), /byte 0: expected the word "xenstore", found "Xenstore"/],
    [patched(11, 3), /byte 8: expected version 1 or 2, found 3/],
    [patched(15, 2), /byte 12: expected flags 0 .* found 2/],
    [patched(16, 9), /byte 16: expected a record type from 0 to 8, found 9/],
    [patched(16, 8), /byte 16: expected a record type of version 1, found type 8/],
    [patched(24, 0xfe, 0xff, 0xff, 0xff), /byte 24: expected a descriptor or -1, found -2/],
    [patched(20, 4), /byte 28: expected the descriptor for event channels, 4 bytes, found 0 bytes/],
    [patched(20, 24), /byte 32: expected the end of the record, found 16 bytes more/],
    [
      patched(20, 0, 0, 0, 0x80),
      /byte 20: expected a length of at most 864, to the end of the stream, found 2147483648/,
    ],
    [patched(40, 0), /byte 40: expected the number of a connection, found 0/],
    [patched(44, 2), /byte 44: expected connection type 0 \(ring\) or 1 \(socket\), found 2/],
    [patched(58, 1), /byte 58: expected a partial reply within the 0 bytes of output, found 1/],
    [patched(60, 0, 0, 0, 0xff), /byte 64: expected unsent output, 4278190080 bytes, found 0 bytes/],
    [patched(164, 0), /byte 168: expected a path with its nul, found a length of 0/],
    [patched(164, 6), /byte 168: expected a path of 6 bytes that ends with its first nul, found "\/local"/],
    [patched(340, 4), /byte 340: expected access bits 1 \(read\) and 2 \(written\), found 4/],
    [patched(342, 0xff, 0xff), /byte 344: expected 65535 permissions, of 4 bytes at least, found 24 bytes/],
    [patched(344, 0x78), /byte 344: expected the permission n, r, w or b, found "x"/],
    [patched(345, 2), /byte 345: expected flags 0 or 1 \(stale\) of a permission, found 2/],
    [patched(884, 8), /byte 884: expected length 0 of the END record, found 8/],
    [good.subarray(0, 880), /byte 880: expected the type of a record, 4 bytes, found 0 bytes/],
    [new Uint8Array([...good, 0]), /byte 888: expected nothing after the END record, found 1 bytes/],
    [
      streamOf([[6, 8, '02000000 01000000'.replace(' ', '')]]),
      /byte 28: expected 2 quotas with name, of 5 bytes at least, found 4 bytes/,
    ],
    [
      streamOf([[6, 16, '01000000 01000000 6162636465666768'.replaceAll(' ', '')]]),
      /byte 32: expected the name of a quota of 8 bytes/,
    ],
  ];
  for (const [bytes, message] of cases) t.match(attempt(bytes), message, String(message));
});

t.test('each stream that is cut short is refused', async (t) => {
  for (const { hex } of recordings) {
    const bytes = bytesOf(hex);
    for (let length = 0; length < bytes.length; length++) {
      if (typeof attempt(bytes.subarray(0, length)) !== 'string') t.fail(`${length} bytes were enough`);
    }
  }
  t.pass('all lengths');
});

t.test('random bytes and damaged streams give records or BAD_STATE_STREAM', async () => {
  const originals = recordings.map(({ hex }) => bytesOf(hex));
  const header = originals.map((bytes) => bytes.subarray(0, HEADER_BYTES));
  const noise = fc
    .tuple(fc.constantFrom(...header), fc.uint8Array({ maxLength: 300 }))
    .map(([head, tail]) => new Uint8Array([...head, ...tail]));
  const change = fc.record({ at: fc.nat(1500), value: fc.nat(255), cut: fc.nat(20), keep: fc.boolean() });
  const damaged = fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([bytes, changes]) => {
      let result = bytes.slice();
      for (const { at, value, cut, keep } of changes) {
        const where = HEADER_BYTES + (at % (result.length - HEADER_BYTES));
        if (keep) result[where] = value;
        else result = new Uint8Array([...result.subarray(0, where), ...result.subarray(where + cut)]);
      }
      return result;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), noise, damaged), (bytes) => {
      const found = attempt(bytes);
      if (typeof found === 'string') return /^state stream, byte \d+: expected .+, found .+/.test(found);
      // Whatever was accepted can be written, and read again.
      deepStrictEqual(readStateStream(writeStateStream(found)), found);
      return true;
    }),
    { numRuns: 2000 },
  );
});
