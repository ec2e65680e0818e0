/**
 * Two ends over shared memory, as a frontend and a backend process have them: the doorbell of each, and a ring page.
 */
import { processAddressSpace, Rights } from '../live/memory/address-space.js';
import { Doorbell, DoorbellRinger } from '../live/memory/doorbell.js';
import { native } from '../live/memory/native.js';
import { machinePlan } from '../live/memory/segments.js';
import { SharedMemory } from '../live/memory/shared-memory.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { ringShape } from '../protocol/ring.js';

export const RING = {
  /** Messages of 64 bytes. */
  shape: ringShape({ entrySize: 64 }),
  blockMilliseconds: 100,
};

const PLAN = machinePlan(0);
const PRIVATE_PAGE = 2;
const RING_PAGE = 4;

export interface End {
  readonly doorbell: Doorbell;
  readonly ringer: DoorbellRinger;
  readonly privateAddress: number;
}

export interface OpenEnds {
  readonly memory: SharedMemory;
  readonly front: End;
  readonly back: End;
  readonly ringPage: number;
}

export const Ends = {
  /** Files for both ends, to be inherited as descriptors 4 and 5; null where processes cannot share memory. */
  create(): readonly [guest: number, backend: number] | null {
    const calls = native();
    if (calls === null) return null;
    const bytes = (pages: number): number => pages * PAGE_SIZE;
    return [
      calls.createMemory('bench-guest', bytes(PLAN.guest.pages)),
      calls.createMemory('bench-backend', bytes(PLAN.backend.pages)),
    ];
  },

  open([guest, backend]: readonly [guest: number, backend: number] = [4, 5]): OpenEnds {
    const calls = native();
    if (calls === null) throw new Error('expected koffi');
    const space = processAddressSpace(calls, PLAN, { guest, backend });
    for (const name of ['guest', 'backend'] as const) {
      space.open(PLAN[name].firstFrame, PLAN[name].pages, Rights.Store);
    }
    const end = (name: 'guest' | 'backend'): End => {
      const page = PLAN[name].firstFrame * PAGE_SIZE;
      return {
        doorbell: new Doorbell(space, page),
        ringer: new DoorbellRinger(space, page, null),
        privateAddress: page + PRIVATE_PAGE * PAGE_SIZE,
      };
    };
    return {
      memory: new SharedMemory(space),
      front: end('guest'),
      back: end('backend'),
      ringPage: (PLAN.guest.firstFrame + RING_PAGE) * PAGE_SIZE,
    };
  },
};
