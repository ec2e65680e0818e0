/**
 * A hypercall that was executed and whose answer was lost, because the hypervisor died before it could give it, or the guest
 * before it could write it down: it is asked for again, and has happened once. The simulator, which gives no port twice for
 * one step, accepts the run.
 */
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { MOVES, story } from '../support/live/led-run.js';

/** Up to the ring page that its frontend grants where it has moved to. */
const TO_RING = [
  ...MOVES,
  'guest2.kernel/gnttab_resume',
  'guest2.kernel/xs_resume',
  'guest2.kernel/dpm_resume',
  'guest2.tpmfront.connect/read_otherend',
];
const ALLOCATES = 'guest2.tpmfront.connect/allocate_ring';
const PUBLISHES = [
  'guest2.tpmfront.connect/publish_nodes',
  'guest2.tpmfront.connect/initialised',
  'guest2.tpmfront.connect/watch_otherend',
  'tpmback2/watches',
];

const dies = (part: string, step: string, call: string): string => `fault/kill ${part} in ${step} after call ${call}`;

t.test('in processes', { skip: native() === null ? 'koffi is not installed' : false, timeout: 300_000 }, async (t) => {
  t.test('the hypervisor gives a port, maps a ring and binds a port, and dies each time', async (t) => {
    const { asks, restarts, taken, end } = await story(t, [
      ...TO_RING,
      dies('hypervisor2', ALLOCATES, 'evtchn_alloc_unbound'),
      ...PUBLISHES,
      dies('hypervisor2', 'tpmback2.connect/map_ring', 'gnttab_map'),
      dies('hypervisor2', 'tpmback2.connect/bind_channel', 'evtchn_bind_interdomain'),
    ]);
    const moved = asks('migrate');
    await taken();
    await moved;
    t.equal(await restarts('hypervisor'), 3);
    await end();
  });

  t.test('the guest dies with the number of its port', async (t) => {
    const { asks, died, taken, end } = await story(t, [
      ...TO_RING,
      dies('guest2', ALLOCATES, 'evtchn_alloc_unbound'),
      'guest2/returns',
    ]);
    const moved = asks('migrate');
    await died();
    await taken();
    await moved;
    const count = await end();
    t.equal(count(ALLOCATES), 2);
  });
});
