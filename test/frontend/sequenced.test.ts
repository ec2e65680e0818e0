/** What the sequenced frontend does with a backend that answers under the wrong number. */
import t from 'tap';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import { SEQUENCE_TRAILER_OFFSET, SequenceTrailer } from '../../protocol/tpmif-sequence.js';
import { backOf, holds, shortest, worldOf } from '../support/worlds.js';

/** Answers the second command under the number of the first, as a response left over would be. */
class LateNumbers extends TpmbackV2 {
  override respond(): ReturnType<TpmbackV2['respond']> {
    const next = super.respond();
    const { memory, host } = this.services;
    const trailer = SequenceTrailer.view(memory).at(host.grants.address(this.state.handle) + SEQUENCE_TRAILER_OFFSET);
    if (trailer.request_sequence === 2) trailer.response_sequence = 1;
    return next;
  }
}

const back = backOf('sequenced', (services) => new LateNumbers(services, true));

t.test('a response under another number is not taken: its user waits', (t) => {
  const world = worldOf({ front: 'sequenced', back, scenario: 'cancelled-suspend' });
  t.equal(shortest(world).oracle, 'no-hang');
  t.equal(world.machine.slots[0].guest.user.position, 2);
  t.end();
});

t.test('nobody is given that response', (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', back, scenario: 'cancelled-suspend' }), ['right-answer', 'exactly-once']));
  t.end();
});
