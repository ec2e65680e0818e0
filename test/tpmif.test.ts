import t from 'tap';
import { PAGE_SIZE, readBytes } from '../protocol/memory.js';
import {
  checkSequencedLength,
  nextSequence,
  parseSequence,
  SEQUENCE_NONE,
  SEQUENCE_TRAILER_OFFSET,
  SequenceNode,
  SequenceTrailer,
  sequencedCapacity,
} from '../protocol/tpmif-sequence.js';
import {
  TPMIF_SIZE_MASK,
  TPMIF_TX_RING_SIZE,
  TpmifRingSize,
  TpmifTxRequest32,
  TpmifTxRequest64,
  tpmifPacketSizeMax,
} from '../protocol/tpmif-v1.js';
import {
  checkLength,
  isLegalTransition,
  mayStoreState,
  payloadCapacity,
  payloadOffset,
  TpmifSharedPage,
  TpmifState,
  tpmifStateName,
} from '../protocol/tpmif-v2.js';
import { openMemory } from './support/open-memory.js';

const HERE = PAGE_SIZE;

t.test('v1: an entry lies as the header compiles, for 64 and for 32 bits', async (t) => {
  t.strictSame(TpmifTxRequest64.offset, { addr: 0, ref: 8, unused: 12, size: 14 });
  t.equal(TpmifTxRequest64.size, 16);
  t.strictSame(TpmifTxRequest32.offset, { addr: 0, ref: 4, unused: 8, size: 10 });
  t.equal(TpmifTxRequest32.size, 12);

  const memory = openMemory(1);
  const entry = TpmifTxRequest64.view(memory).at(HERE);
  entry.addr = 0x01_23456789;
  entry.ref = 0x0a0b0c0d;
  entry.size = 4096;
  t.strictSame([...readBytes(memory, HERE, 16)], [0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0, 13, 12, 11, 10, 0, 0, 0, 16]);
});

t.test('v1: the two layouts disagree on every entry but the first address', async (t) => {
  const memory = openMemory(1);
  const written = TpmifTxRequest32.view(memory).at(HERE);
  written.addr = 0x1000;
  written.ref = 8;
  written.size = 10;
  const read = TpmifTxRequest64.view(memory).at(HERE);
  t.strictSame([read.addr, read.ref, read.size], [0x1000 + 8 * 2 ** 32, 10 << 16, 0]);
});

t.test('v1: the ring had 16, 10 and 1 entries, and 10 when the thread was written', async (t) => {
  t.strictSame(Object.values(TpmifRingSize), [16, 10, 1]);
  t.equal(TPMIF_TX_RING_SIZE, 10);
  t.equal(tpmifPacketSizeMax(TPMIF_TX_RING_SIZE), 40960);
  t.strictSame([TPMIF_TX_RING_SIZE * TpmifTxRequest64.size, TPMIF_TX_RING_SIZE * TpmifTxRequest32.size], [160, 120]);
  t.equal(65536 & TPMIF_SIZE_MASK, 0, 'a size has 16 bits');
});

t.test('v2: the page lies as the struct compiles, byte for byte', async (t) => {
  t.strictSame(TpmifSharedPage.offset, { length: 0, state: 4, locality: 5, pad: 6, nr_extra_pages: 7 });
  t.equal(TpmifSharedPage.size, 8);
  const memory = openMemory(1);
  const page = TpmifSharedPage.view(memory).at(HERE);
  page.length = 0x0102;
  page.state = TpmifState.Cancel;
  page.locality = 4;
  page.nr_extra_pages = 255;
  t.strictSame([...readBytes(memory, HERE, 8)], [2, 1, 0, 0, 3, 4, 0, 255]);
});

t.test('v2: the packet starts at 8 + 4n, not at 16 + 4n', async (t) => {
  t.strictSame(
    [0, 1, 255].map((n) => payloadOffset(n)),
    [8, 12, 1028],
  );
  t.strictSame(
    [0, 1, 255].map((n) => payloadCapacity(n)),
    [4088, 4084, 3068],
  );
});

t.test('v2: a packet must end with the page, and no length wraps', async (t) => {
  const cases: readonly (readonly [length: number, extraPages: number, fits: boolean])[] = [
    [0, 0, true],
    [10, 0, true],
    [4088, 0, true],
    [4089, 0, false],
    [4096, 0, false],
    [4084, 1, true],
    [4085, 1, false],
    [3068, 255, true],
    [3069, 255, false],
    [0x7fffffff, 0, false],
    [0x80000000, 0, false],
    [0xfffffff8, 0, false], // 8 + this is 0 in 32 bits
    [0xffffffff, 0, false],
    [0xffffffff, 255, false],
    [-1, 0, false],
    [Number.NaN, 0, false],
  ];
  for (const [length, extraPages, fits] of cases) {
    t.equal(checkLength(length, extraPages), fits, `${length} bytes with ${extraPages} extra pages`);
  }
});

t.test('v2: exactly the transitions of the header are legal', async (t) => {
  // Rows: from. Columns: to IDLE, SUBMIT, FINISH, CANCEL. f: the frontend may, b: the backend may.
  const table = [
    ['', 'f', '', 'f'],
    ['b', '', 'b', 'f'],
    ['', 'f', '', 'f'],
    ['b', '', 'b', 'f'],
  ];
  for (const [from, row] of table.entries()) {
    for (const [to, who] of row.entries()) {
      const name = `${tpmifStateName(from)} -> ${tpmifStateName(to)}`;
      t.equal(isLegalTransition(from, to, 'frontend'), who === 'f', `${name} by the frontend`);
      t.equal(isLegalTransition(from, to, 'backend'), who === 'b', `${name} by the backend`);
    }
  }
  for (let state = 4; state < 256; state++) {
    const legal = isLegalTransition(state, 0, 'backend') || isLegalTransition(0, state, 'frontend');
    if (legal || mayStoreState('frontend', state) || mayStoreState('backend', state)) t.fail(`state ${state}`);
  }
});

t.test('v2: a state tells who cannot have written it', async (t) => {
  const may = (by: 'frontend' | 'backend'): boolean[] => [0, 1, 2, 3].map((state) => mayStoreState(by, state));
  t.strictSame(may('frontend'), [false, true, false, true]);
  t.strictSame(may('backend'), [true, false, true, false]);
  t.strictSame([0, 1, 2, 3, 4].map(tpmifStateName), ['IDLE', 'SUBMIT', 'FINISH', 'CANCEL', 'state 4']);
});

t.test('sequence: the trailer is the last 8 bytes of the page', async (t) => {
  t.equal(SEQUENCE_TRAILER_OFFSET, 4088);
  t.strictSame(SequenceTrailer.offset, { request_sequence: 0, response_sequence: 4 });
  const memory = openMemory(1);
  const trailer = SequenceTrailer.view(memory).at(HERE + SEQUENCE_TRAILER_OFFSET);
  trailer.request_sequence = 0x01020304;
  trailer.response_sequence = 0xfffefdfc;
  t.strictSame([...readBytes(memory, HERE + 4088, 8)], [4, 3, 2, 1, 0xfc, 0xfd, 0xfe, 0xff]);
});

t.test('sequence: the packet shrinks by the trailer', async (t) => {
  t.strictSame([sequencedCapacity(), sequencedCapacity(1)], [4080, 4076]);
  t.ok(checkSequencedLength(4080));
  for (const length of [4081, 4088, 0xffffffff]) t.notOk(checkSequencedLength(length), `${length}`);
  t.ok(checkSequencedLength(4076, 1));
  t.notOk(checkSequencedLength(4077, 1));
});

t.test('sequence: numbers follow each other without a gap and wrap at their width', async (t) => {
  const seen = [SEQUENCE_NONE];
  for (let i = 0; i < 10; i++) seen.push(nextSequence(seen.at(-1) ?? 0, 3));
  t.strictSame(seen, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2]);
  t.equal(nextSequence(0xffffffff), 0);
  t.equal(nextSequence(0x7fffffff), 0x80000000);
});

t.test('sequence: the node reads back, and nonsense is no number', async (t) => {
  t.strictSame(SequenceNode, { Feature: 'feature-sequence', Executed: 'sequence-executed', Error: 'sequence-error' });
  t.strictSame(
    ['0', '7', '4294967295'].map((text) => parseSequence(text)),
    [0, 7, 4294967295],
  );
  for (const text of [null, undefined, '', '-1', '1.0', ' 1', '1\n', '0x1', '4294967296', '99999999999']) {
    t.equal(parseSequence(text), null, JSON.stringify(text));
  }
  t.strictSame([parseSequence('7', 3), parseSequence('8', 3)], [7, null]);
});
