/**
 * Hazard 38: the guest is unpaused before its store connection is introduced again.
 *
 * C xenstored sets the indices of the ring to 0 at INTRODUCE. What the guest has put in by then is gone, and it waits for
 * the reply. Toolstacks introduce first since the order was changed in Xen.
 */
import t from 'tap';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import { holdsEverywhere, shortestFailure } from '../support/explorable.js';
import { READ_A } from '../support/ring-worlds.js';
import { inOrder } from '../support/worlds.js';

t.test(
  'hazard 38: a guest that runs before it is introduced loses to C what it has put into the ring by then',
  async (t) => {
    const late = { plan: 'migrate', asks: [READ_A], writes: 0, grain: 'chunk', introducesLate: true } as const;
    const { exploration, steps, why } = shortestFailure(new RingWorld({ ...late, daemon: 'c' }), ['no-hang']);
    t.equal(exploration.oracle, 'no-hang');
    t.match(why, /^the (user|kernel) waits/);
    t.ok(inOrder(steps, ['toolstack.run/unpause_first', 'guest2.xb_write/copy', 'toolstack.run/introduce_late']));
    t.ok(holdsEverywhere(new RingWorld({ ...late, daemon: 'c', introducesLate: false })));
    // OCaml finds the bytes where they are, and the event of the binding makes it look.
    t.ok(holdsEverywhere(new RingWorld({ ...late, daemon: 'ocaml' })));
  },
);
