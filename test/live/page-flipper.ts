/**
 * A peer of both ends of a ring that stores into the shared pages whatever it likes, from a process of its own, until it is
 * killed: `node page-flipper.js FILE SEED RING...`, with the offsets of the ring pages in the file of the guest's memory.
 */
import { openSync, writeSync } from 'node:fs';
import { argv } from 'node:process';
import { Seeded } from '../../live/soak/seeded.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { SEQUENCE_TRAILER_OFFSET } from '../../protocol/tpmif-sequence.js';
import { TpmifSharedPage } from '../../protocol/tpmif-v2.js';

const [, , path = '', seed = '0', ...rings] = argv;
/** Lengths that are too long, wrap, or are none. */
const LENGTHS = [0xffff_ffff, 0xffff_fff8, 4089, 4096, 4081, 0x7fff_ffff, 0, 9, 10, 0x1_0000];
const random = new Seeded(Number(seed));
const file = openSync(path, 'r+');
const word = Buffer.alloc(4);

function store(page: number, offset: number, value: number, bytes: 1 | 4): void {
  word.writeUInt32LE(value >>> 0);
  writeSync(file, word, 0, bytes, page + offset);
}

for (;;) {
  const page = Number(random.pick(rings));
  switch (random.below(6)) {
    case 0:
      store(page, TpmifSharedPage.offset.length, random.pick(LENGTHS), 4);
      break;
    case 1:
      store(page, TpmifSharedPage.offset.state, random.below(256), 1);
      break;
    case 2:
      store(page, TpmifSharedPage.offset.state, random.below(4), 1);
      break;
    case 3:
      store(page, TpmifSharedPage.offset.locality, random.below(256), 1);
      break;
    case 4:
      store(page, SEQUENCE_TRAILER_OFFSET + 4 * random.below(2), random.below(0x7fff_ffff), 4);
      break;
    default:
      store(page, 4 * random.below(PAGE_SIZE / 4), random.below(0x7fff_ffff), 4);
  }
}
