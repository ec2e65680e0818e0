import t from 'tap';
import { MemoryMap } from '../../hypervisor/memory-map.js';
import { layout, u8, u32 } from '../../protocol/layout.js';

const Ring = layout('ring', { producer: u32, state: u8, consumer: u32 });

function map(): MemoryMap {
  const made = new MemoryMap();
  made.add({ owner: 'guest1', name: 'memory', address: 0x2000, size: 0x3000 });
  made.add({ owner: 'guest1', name: 'ring page', address: 0x3000, size: 0x1000, layout: Ring });
  made.add({ owner: 'guest1', name: 'packet', address: 0x3800, size: 16 });
  return made;
}

t.test('an address is described by owner, page and field', async (t) => {
  const made = map();
  t.equal(made.describe(0x3000), 'guest1 ring page: ring.producer');
  t.equal(made.describe(0x3003), 'guest1 ring page: ring.producer', 'any byte of the field');
  t.equal(made.describe(0x3004), 'guest1 ring page: ring.state');
  t.equal(made.describe(0x3008), 'guest1 ring page: ring.consumer');
});

t.test('where no field is known, the byte is told', async (t) => {
  const made = map();
  t.equal(made.describe(0x3005), 'guest1 ring page: byte 5', 'padding');
  t.equal(made.describe(0x300c), 'guest1 ring page: byte 12', 'behind the last field');
  t.equal(made.describe(0x2010), 'guest1 memory: byte 16', 'a region without a layout');
});

t.test('of regions that cover the same byte, the one added last is told', async (t) => {
  const made = map();
  t.equal(made.describe(0x37ff), 'guest1 ring page: byte 2047');
  t.equal(made.describe(0x3800), 'guest1 packet: byte 0');
  t.equal(made.describe(0x380f), 'guest1 packet: byte 15');
  t.equal(made.describe(0x3810), 'guest1 ring page: byte 2064');
});

t.test('an address outside every region belongs to no page', async (t) => {
  const made = map();
  for (const address of [0, 0x1fff, 0x5000]) {
    t.equal(made.find(address), undefined);
    t.equal(made.describe(address), `address 0x${address.toString(16)}, which belongs to no page`);
  }
  t.equal(new MemoryMap().describe(64), 'address 0x40, which belongs to no page');
});

t.test('regions are listed in the order in which they were added, and found by their bytes', async (t) => {
  const made = map();
  t.strictSame(
    made.regions.map(({ name }) => name),
    ['memory', 'ring page', 'packet'],
  );
  t.equal(made.find(0x2000)?.name, 'memory');
  t.equal(made.find(0x4fff)?.name, 'memory');
  t.equal(made.find(0x3fff)?.name, 'ring page');
});
