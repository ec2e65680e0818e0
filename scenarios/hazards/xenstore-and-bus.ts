/**
 * Failures of xenstore and bus: F36 to F47.
 */
import { MiniOsTpmfront, OnlyOnThreeTpmback } from './designs/mini-os.js';
import { ConnectsTwiceTpmfront, StaleDomidTpmfront } from './designs/resumes.js';
import { type Hazard, notReproduced, tested } from './hazard.js';
import { backOf, design, frontOf, ringDesign } from './worlds.js';

const miniOs = frontOf('quiesce', (services) => new MiniOsTpmfront(services));

export const XENSTORE_AND_BUS: readonly Hazard[] = [
  {
    name: 'F36',
    title: 'A message of the store is partly transferred when the domain is saved: the stream is out of step.',
    source: 'xen 8c364f217a, c70b3e5890',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: ringDesign('a guest that suspends with a request half written', 'suspends-with-open-requests'),
      avoids: ringDesign('Linux, which suspends with nothing open', 'linux'),
    },
  },
  {
    name: 'F37',
    title: "The store's ring is not empty on resume: leftover replies have to be dropped.",
    source: 'xen c70b3e5890',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: ringDesign('a guest that keeps them, with oxenstored', 'keeps-leftovers', { writes: 1, daemon: 'ocaml' }),
      avoids: ringDesign('a guest that drops them', 'linux', { writes: 1, daemon: 'ocaml' }),
    },
  },
  {
    name: 'F38',
    title: 'The guest runs before its connection to the store is introduced again.',
    source: 'xen c70b3e5890',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: ringDesign('a toolstack that lets it run first', 'linux', { introducesLate: true }),
      avoids: ringDesign('a toolstack that introduces it first', 'linux', { introducesLate: false }),
    },
  },
  {
    name: 'F39',
    title: 'Watches that are registered again all fire at once: handlers see unchanged or missing nodes.',
    source: 'Linux drivers/xen/xenbus/xenbus_xs.c',
    known: tested(
      'conformance/save-restore',
      'watches are registered again newest first, and the one on the old backend is dropped',
    ),
    recordings: ['saverestore-idle', 'saverestore-inflight', 'pvh-migrate-idle'],
  },
  {
    name: 'F40',
    title: 'A watch fires more than once: a second connect crashes the frontend.',
    source: 'xen 65a186bbcb',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design(
        'a frontend that connects in any state',
        frontOf('quiesce', (services) => new ConnectsTwiceTpmfront(services)),
        'backend-restart',
      ),
      avoids: design('a frontend that connects in one state only', 'quiesce', 'backend-restart'),
      // Whether a command was executed before its backend died, no driver without numbers can know.
      asked: ['no-hang'],
    },
  },
  {
    name: 'F41',
    title: 'A watch on the path of the old backend fires after the path has changed.',
    source: 'derived',
    known: tested('conformance/loss', 'simulated: the recorded schedule ends the same way'),
    recordings: ['async-sleep-saverestore-inflight'],
  },
  {
    name: 'F42',
    title: 'A state is skipped: 3 is never seen, only 4.',
    source: 'blkback, November 2006',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design('a backend that connects on 3 only', miniOs, 'connect', {
        back: backOf((services) => new OnlyOnThreeTpmback(services)),
      }),
      avoids: design('a backend that connects on 3 or 4', miniOs, 'connect'),
    },
  },
  {
    name: 'F43',
    title: 'physical-device or hotplug-status come late, are missing, or are left over at a reconnection.',
    source: 'xen e1e21c589a',
    known: notReproduced('these are nodes of block devices: see the scenarios of device identity'),
  },
  {
    name: 'F44',
    title: "A backend's domain dies and its device is replaced before the guest notices: the new one stays at 1.",
    source: 'Linux e2dcf9065536',
    known: notReproduced(
      'backends are processes of domain 0 here; their death is a fault, that of their domain is not',
    ),
  },
  {
    name: 'F45',
    title: 'The number of a domain changes on restore: one that was remembered is wrong.',
    source: 'xen docs/designs/non-cooperative-migration.md',
    known: {
      kind: 'explored',
      oracle: 'no-hang',
      shows: design(
        'a frontend that watches the backend of its old number',
        frontOf('quiesce', (services) => new StaleDomidTpmfront(services)),
        'clean-migration',
      ),
      avoids: design('a frontend that asks for its number again', 'quiesce', 'clean-migration'),
    },
  },
  {
    name: 'F46',
    title: 'A second save begins before the guest has rebuilt its lists of pages.',
    source: 'xen 95d3856e97',
    known: notReproduced('lists of pages are the business of PV guests on real hardware; a page here is its number'),
  },
  {
    name: 'F47',
    title: 'A transaction, or a connection of user space to the store, is open across a suspend.',
    source: 'Linux drivers/xen/xenbus/xenbus_xs.c',
    known: tested(
      'xenstore-ring/explore',
      'a suspend waits for the end of a transaction; one that is lost is begun anew',
    ),
  },
];
