/**
 * Security rules made of advisories, those that concern TPM, rings, grants, event channels and the bus: S1 to S30 and
 * S41 to S43. The rules between, S31 to S40, are about xenstored alone and have tests of their own by the numbers of their
 * advisories; of those about its ring, S17, S18 and S40 are here.
 */
import { believingBack, believingFront, HOSTILE_BACK, HOSTILE_FRONT } from '../block-hostile.js';
import { type Hazard, notReproduced, tested } from './hazard.js';
import { blockDesign, design } from './worlds.js';

const RING = 'xen include/public/io/ring.h';
const SERIES = 'Linux, series of J. Gross on untrusted backends, 2021';
const TPMFRONT = 'Linux drivers/char/tpm/xen-tpmfront.c, mini-os tpmback.c';

const CAREFUL_BACK = blockDesign('a blkback that does what it has checked, in a copy', HOSTILE_FRONT);
const CAREFUL_FRONT = blockDesign('a blkfront that goes by its private copies', HOSTILE_BACK);

export const SECURITY: readonly Hazard[] = [
  {
    name: 'S1',
    title: 'A backend uses the length it has checked, also when the peer changes it in between.',
    source: 'XSA-155',
    known: {
      kind: 'explored',
      oracle: 'driver-fault',
      shows: blockDesign(
        'a blkback that has checked one copy of a request and does another',
        believingBack('reads-again'),
      ),
      avoids: CAREFUL_BACK,
    },
  },
  {
    name: 'S2',
    title: 'A request producer too far ahead stops the ring: nothing is processed.',
    source: RING,
    known: {
      kind: 'explored',
      oracle: 'stray-memory',
      shows: blockDesign(
        'a blkback that takes what the producer says there is',
        believingBack('believes-the-producer'),
      ),
      avoids: CAREFUL_BACK,
    },
  },
  {
    name: 'S3',
    title: 'A response producer too far ahead disables the device: the ring is not walked.',
    source: SERIES,
    known: {
      kind: 'explored',
      oracle: 'stray-memory',
      shows: blockDesign(
        'a blkfront that takes what the producer says there is',
        believingFront('believes-the-producer'),
      ),
      avoids: CAREFUL_FRONT,
    },
  },
  {
    name: 'S4',
    title: 'A response to a request that was never made is rejected.',
    source: SERIES,
    known: {
      kind: 'explored',
      oracle: 'stray-memory',
      shows: blockDesign(
        'a blkfront that takes every number for that of a request in flight',
        believingFront('believes-the-number'),
      ),
      avoids: CAREFUL_FRONT,
    },
  },
  {
    name: 'S5',
    title: 'A response is read once: what happens to the entry afterwards does not matter.',
    source: SERIES,
    known: {
      kind: 'explored',
      oracle: 'stray-memory',
      shows: blockDesign(
        'a blkfront that looks a response up where it lies, and then copies it',
        believingFront('looks-in-place'),
      ),
      avoids: CAREFUL_FRONT,
    },
  },
  {
    name: 'S6',
    title: 'A request is never read back from the ring page.',
    source: SERIES,
    known: {
      kind: 'explored',
      oracle: 'stray-memory',
      shows: blockDesign(
        'a blkfront that reads the grant of a request back from the ring',
        believingFront('ends-what-the-page-says'),
      ),
      avoids: CAREFUL_FRONT,
    },
  },
  {
    name: 'S7',
    title: 'What a peer stores leads to an error state, never to an assertion.',
    source: SERIES,
    known: {
      kind: 'explored',
      oracle: 'driver-fault',
      shows: blockDesign('a blkback that holds twelve segments for impossible', believingBack('asserts')),
      avoids: CAREFUL_BACK,
    },
  },
  {
    name: 'S8',
    title: 'v1: the granted frame is the private one, whatever the backend makes of the address in the page.',
    source: 'xen 634febdae7; derived',
    known: notReproduced('the simulated v1 driver has one data page and never loads its address from the ring page'),
  },
  {
    name: 'S9',
    title: 'v1: the frontend frees the reference that it remembers, not the one in the page.',
    source: 'tpmfront, 2006; derived',
    known: notReproduced('the simulated v1 driver keeps its reference in its own page and has no other'),
  },
  {
    name: 'S10',
    title: 'v1: a size that grows between allocation and copy is bounded by the allocation.',
    source: 'tpmback, 2006; derived',
    known: tested('oracles/double-fetch', 'a length that is checked and read again is caught, by name, in that step'),
  },
  {
    name: 'S11',
    title: 'v1: the packet that is executed is the one that was checked.',
    source: 'tpmback, 2006; derived',
    known: tested(
      'oracles/double-fetch',
      'the 2006 backend checks a header and copies the packet later: two steps, which the detector cannot see',
    ),
  },
  {
    name: 'S12',
    title: 'v2: a length that does not fit or wraps is refused at both ends.',
    source: TPMFRONT,
    known: tested('hostile-peer', 'a request of ... bytes is refused, and the device never sees it'),
  },
  {
    name: 'S13',
    title: 'v2: the number of extra pages that counts is a private copy.',
    source: 'derived from xen-tpmfront.c',
    known: notReproduced('the drivers here use no extra pages, and never load their number'),
  },
  {
    name: 'S14',
    title: 'v2: a state byte that means nothing is neither idle nor finished.',
    source: TPMFRONT,
    known: tested('hostile-peer', 'a state byte that means nothing is neither an answer nor the end of a command'),
  },
  {
    name: 'S15',
    title: 'v2: a state that the other end may not write is noticed.',
    source: 'xen include/public/io/tpmif.h',
    known: tested('tpmif', 'v2: a state tells who cannot have written it'),
  },
  {
    name: 'S16',
    title: 'Indices that cannot be give no number of bytes below zero or above the size of the ring.',
    source: 'XSA-86',
    known: tested('xenstore-ring/page', 'no pair of indices makes a queue touch anything but its buffer'),
  },
  {
    name: 'S17',
    title: 'The server of a ring of the store never copies more than the ring holds.',
    source: 'XSA-38',
    known: tested('xenstore-xsa-frames', 'XSA-38: a queue that is filled to the last byte stays within its bytes'),
  },
  {
    name: 'S18',
    title: 'A ring of the store that is full to its last byte is processed, not taken for empty.',
    source: 'xen eeddfad1b3',
    known: tested('xenstore-ring/hostile', 'a ring full to its last byte is served (XSA-38)'),
  },
  {
    name: 'S19',
    title: 'Nothing of the kernel is left in padding and unused tail of a shared page.',
    source: 'XSA-216, XSA-403',
    known: notReproduced('pages of a world begin zeroed, and no oracle asks what a peer could read'),
  },
  {
    name: 'S20',
    title: 'A page is neither freed nor used again while ending its access fails.',
    source: 'XSA-396',
    known: tested(
      'hypervisor/grant-table',
      'access cannot be ended while the other side maps, and the attempt changes nothing',
    ),
  },
  {
    name: 'S21',
    title: 'Only the result of ending an access counts, not the question before it.',
    source: 'XSA-396',
    known: tested('hypervisor/grant-table', 'a grant that is mapped between the question and the end is not ended'),
  },
  {
    name: 'S22',
    title: 'The reading and writing flags stay set while a mapping pins the entry.',
    source: 'XSA-230',
    known: tested('hypervisor/grant-table', 'the reading and writing flags are set while the grant is mapped'),
  },
  {
    name: 'S23',
    title: 'A map or unmap that may not be has the right status and changes nothing.',
    source: 'xen include/public/grant_table.h',
    known: tested('hypervisor/grant-table', 'a mapping that is refused has the right status and changes nothing'),
  },
  {
    name: 'S24',
    title: 'A backend survives a mapping that fails.',
    source: 'CVE-2021-26931',
    known: {
      kind: 'explored',
      oracle: 'stray-memory',
      shows: blockDesign('a blkback that does not ask whether a page was mapped', believingBack('ignores-the-map')),
      avoids: CAREFUL_BACK,
    },
  },
  {
    name: 'S25',
    title: 'A guest that floods a backend with events does not keep it busy for ever.',
    source: 'XSA-332',
    known: tested(
      'hypervisor/event-channels',
      'any number of notifications before the handler clears the bit is one event',
    ),
  },
  {
    name: 'S26',
    title: 'A backend that sends events for nothing changes nothing in its frontend.',
    source: 'XSA-391',
    known: {
      kind: 'explored',
      oracle: 'right-answer',
      shows: design('the 2006 driver takes any event for its response', 'wait-loop', 'spurious-event'),
      avoids: design('Linux looks at the state byte', 'linux', 'spurious-event'),
    },
  },
  {
    name: 'S27',
    title: 'A port that was valid once stays so for whoever has checked it; guests of 32 bits get none from 1024 on.',
    source: 'XSA-338, XSA-342',
    known: notReproduced('a domain has 16 ports, and a hypercall runs whole'),
  },
  {
    name: 'S28',
    title: 'A reset of event channels beside send, bind and close leaves no channel half open.',
    source: 'XSA-343',
    known: tested('hypervisor/event-channels', 'whatever is called, the two ends of a channel know each other'),
  },
  {
    name: 'S29',
    title: 'Closing thousands of ports does not hold the processor.',
    source: 'XSA-344',
    known: notReproduced('a domain has 16 ports, and hypercalls take no time'),
  },
  {
    name: 'S30',
    title: 'A state that is written 100,000 times leaves a bounded number of watch events.',
    source: 'XSA-349',
    known: tested(
      'xenstore-xsa-peers',
      '...: a frontend that changes a watched node very fast leaves the backend ... events (XSA-349)',
    ),
  },
  {
    name: 'S40',
    title: 'The server of a ring reads both indices once, checks them, and uses only the copies.',
    source: 'xen tools/xenstored/domain.c',
    known: tested('xenstore-ring/hostile', 'indices that change while the daemon looks at them do not lead it astray'),
  },
  {
    name: 'S41',
    title: 'A backend that closes after a resume, before queues are made again, finds a frontend that accepts "none".',
    source: 'CVE-2024-53240',
    known: notReproduced('netfront is not simulated, and a vTPM has no queues'),
  },
  {
    name: 'S42',
    title: 'Two changes of state at once tear the frontend down once.',
    source: 'CVE-2026-43249',
    known: notReproduced(
      'changes of state are handled by one thread here, one after the other, and no driver is removed',
    ),
  },
  {
    name: 'S43',
    title: 'Indices found in a restored ring are checked before they are trusted.',
    source: 'derived from ring.h',
    known: tested('ring', 'attaching refuses indices that cannot belong together, and stores nothing'),
  },
];
