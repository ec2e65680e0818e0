/** A process that adds to a word of shared memory, and sets its bits of another, as often as it is told. */
import { argv } from 'node:process';
import { processAddressSpace, Rights } from '../../../live/memory/address-space.js';
import { native } from '../../../live/memory/native.js';
import { SharedMemory } from '../../../live/memory/shared-memory.js';
import { PAGE_SIZE } from '../../../protocol/memory.js';
import { PLAN } from './spaces.js';

const [, , times = '0', bit = '0'] = argv;
const calls = native();
if (calls === null) throw new Error('expected koffi');
const space = processAddressSpace(calls, PLAN, { guest: 4 });
const memory = new SharedMemory(space);
const frame = PLAN.guest.firstFrame;
space.open(frame, 1, Rights.Store);
for (let i = 0; i < Number(times); i++) {
  Atomics.add(memory.words, (frame * PAGE_SIZE) >>> 2, 1);
  memory.or32(frame * PAGE_SIZE + 4, 1 << Number(bit));
  memory.and32(frame * PAGE_SIZE + 4, ~(1 << Number(bit)));
}
memory.or32(frame * PAGE_SIZE + 8, 1 << Number(bit));
