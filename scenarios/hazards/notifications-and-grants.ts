/**
 * Failures of notifications and grants: F48 to F52.
 */
import { EarlyTpmfront, SilentBindTpmback } from './designs/early.js';
import { FreesAtSuspendTpmfront } from './designs/frees-at-suspend.js';
import { type Hazard, notReproduced, tested } from './hazard.js';
import { backOf, design, frontOf } from './worlds.js';

const early = frontOf('quiesce', (services) => new EarlyTpmfront(services));

export const NOTIFICATIONS_AND_GRANTS: readonly Hazard[] = [
  {
    name: 'F48',
    title: 'A notification before the peer has bound is dropped; only the event at the bind mends it.',
    source: 'xen common/event_channel.c',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design('a bind that raises no event', early, 'connect', {
        back: backOf((services) => new SilentBindTpmback(services)),
      }),
      avoids: design("Xen's bind", early, 'connect'),
    },
  },
  {
    name: 'F49',
    title: 'The peer closes its port at suspend: later notifications succeed and vanish.',
    source: 'xen common/event_channel.c',
    known: tested(
      'hypervisor/event-channels',
      'closing frees the port and turns the other end to unbound without telling it',
    ),
  },
  {
    name: 'F50',
    title: 'The second look before going to sleep is left out: both sides wait.',
    source: 'xen include/public/io/ring.h',
    known: tested(
      'hazards/hazard-50-second-check',
      'a consumer that does not look again after arming the event sleeps on an item',
    ),
  },
  {
    name: 'F51',
    title: 'The page of a ring is freed while the backend still maps it.',
    source: 'XSA-396',
    known: {
      kind: 'explored',
      oracle: 'driver-fault',
      shows: design(
        'a driver that frees it though ending the access failed',
        frontOf('no-hook', (services) => new FreesAtSuspendTpmfront(services, false)),
        'cancelled-suspend',
      ),
      avoids: design(
        'a driver that keeps it until ending succeeds',
        frontOf('no-hook', (services) => new FreesAtSuspendTpmfront(services, true)),
        'cancelled-suspend',
      ),
    },
  },
  {
    name: 'F52',
    title: 'Old grant references are used after a restore, while a slow backend of the new host maps by number.',
    source: 'derived',
    known: notReproduced(
      'a backend maps only when the state of the new device says so; that numbers come again is O14',
    ),
    recordings: ['saverestore-idle'],
  },
];
