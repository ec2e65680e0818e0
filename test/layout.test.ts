import t from 'tap';
import { bool, bytes, layout, u8, u16, u32, u64, uint } from '../protocol/layout.js';
import { PAGE_SIZE, readBytes } from '../protocol/memory.js';
import { openMemory } from './support/open-memory.js';

const HERE = PAGE_SIZE;

t.test('fields lie where a C compiler for x86-64 puts them', async (t) => {
  // struct { uint8_t a; uint16_t b; uint8_t c; uint32_t d; uint8_t e; uint64_t f; uint8_t g; }
  const Mixed = layout('mixed', { a: u8, b: u16, c: u8, d: u32, e: u8, f: u64, g: u8 });
  t.strictSame(Mixed.offset, { a: 0, b: 2, c: 4, d: 8, e: 12, f: 16, g: 24 });
  t.equal(Mixed.size, 32, 'padded to the widest alignment');
  t.strictSame(Mixed.fields[1], { name: 'b', offset: 2, size: 2 });
});

t.test('the request of blkif lies as xen/include/public/io/blkif.h compiles', async (t) => {
  const Request = layout('blkif_request', {
    operation: u8,
    nr_segments: u8,
    handle: u16,
    id: u64,
    sector_number: u64,
    seg: bytes(88),
  });
  t.strictSame(Request.offset, { operation: 0, nr_segments: 1, handle: 2, id: 8, sector_number: 16, seg: 24 });
  t.equal(Request.size, 112);
});

t.test('each kind of field stores its bytes little-endian and gives them back', async (t) => {
  const memory = openMemory(1);
  const All = layout('all', { a: u8, b: bool, c: u16, d: u32, e: u64, f: uint(3), g: bytes(6) });
  const view = All.view(memory).at(HERE);
  view.a = 0x1ff;
  view.b = true;
  view.c = 0x10203;
  view.d = 0xdeadbeef;
  view.e = 0x1f_0000_0002;
  view.f = 9;
  t.strictSame(
    [...readBytes(memory, HERE, 20)],
    [0xff, 1, 3, 2, 0xef, 0xbe, 0xad, 0xde, 2, 0, 0, 0, 0x1f, 0, 0, 0, 1, 0, 0, 0],
  );
  t.strictSame([view.a, view.b, view.c, view.d, view.e, view.f], [0xff, true, 0x0203, 0xdeadbeef, 0x1f_0000_0002, 1]);
  t.equal(view.g, HERE + 20, 'bytes give their address');
  view.b = false;
  t.equal(view.b, false);
});

t.test('64 bits hold every whole number a double holds exactly', async (t) => {
  const view = layout('wide', { n: u64 }).view(openMemory(1)).at(HERE);
  for (const n of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    view.n = n;
    t.equal(view.n, n);
  }
});

t.test('a narrow integer wraps, a wide one keeps all 32 bits', async (t) => {
  const view = layout('widths', { one: uint(1), three: uint(3), all: uint(32) })
    .view(openMemory(1))
    .at(HERE);
  view.one = 3;
  view.three = 8;
  view.all = 0xffffffff;
  t.strictSame([view.one, view.three, view.all], [1, 0, 0xffffffff]);
  t.throws(() => uint(0), { name: 'AssertionError' });
  t.throws(() => uint(33), { name: 'AssertionError' });
});

t.test('a view moves, and two views do not disturb each other', async (t) => {
  const memory = openMemory(1);
  const Pair = layout('pair', { left: u32, right: u32 });
  const one = Pair.view(memory).at(HERE);
  const two = Pair.view(memory).at(HERE + Pair.size);
  one.left = 1;
  two.left = 2;
  t.strictSame([one.left, one.base, two.left, two.base], [1, HERE, 2, HERE + 8]);
  t.equal(one.at(HERE + 8), one);
  t.equal(one.left, 2);
});

t.test('a field may not hide a part of the view', async (t) => {
  for (const name of ['at', 'base', 'memory', 'constructor']) {
    t.throws(() => layout('bad', { [name]: u8 }), { name: 'AssertionError', message: /reserved/ });
  }
});
