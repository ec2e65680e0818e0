/**
 * Hazard 33: vTPM state left behind: the guest migrates, the vTPM does not.
 *
 * Xen's packaged vTPM is a domain of its own, and no save image of the guest includes it. On the target's host the
 * guest meets a TPM that is new. A plain driver notices nothing: it gives its next command to a device in whose PCRs
 * everything before is missing. A driver with numbers compares the device's with its own and refuses, in words, where
 * an administrator can read them.
 */
import t from 'tap';
import { SequencedTpmfront } from '../../frontend/tpmfront/sequenced.js';
import { SequenceNode } from '../../protocol/tpmif-sequence.js';
import { frontendPath } from '../../protocol/xenbus.js';
import type { World } from '../../simulator/world.js';
import { everyState, holds, scenarioOf, shortest, worldOf } from '../support/worlds.js';

const scenario = scenarioOf('clean-migration', { name: 'left-behind' }, { vtpmState: 'left-behind' });

t.test('drivers without numbers go on with a device that has forgotten everything', async (t) => {
  for (const front of ['quiesce', 'linux', 'no-hook', 'ring-handoff']) {
    t.equal(shortest(worldOf({ front, scenario }), ['in-step']).oracle, 'in-step', front);
    const world = worldOf({ front, scenario, commands: 2 });
    const { oracle, steps } = shortest(world, ['exactly-once']);
    t.equal(oracle, 'exactly-once', front);
    t.match(steps.at(-1), /^tpm2\.execute\/complete|^guest2\./, front);
  }
});

const refusal = (world: World): string | null => {
  const [source, target] = world.machine.slots;
  const path = `${frontendPath({ frontend: target.domid, handle: 0 })}/${SequenceNode.Error}`;
  const client = world.machine.clients.find(({ name }, index) => name === 'toolstack' && index > 0);
  return source.exists ? null : (client?.peek(path) ?? null);
};

t.test('sequenced never gives a command to the wrong device: it refuses, and says why', async (t) => {
  const world = worldOf({ front: 'sequenced', scenario });
  const target = world.machine.slots[1];
  const { front } = target.guest;
  const refusals = new Set<string>();
  let wrong = 0;
  let silent = 0;
  let right = 0;
  everyState(world, (end) => {
    if (target.device.state.executed > 0 && !sameChain(world)) wrong++;
    if (!end) return;
    const refused = front instanceof SequencedTpmfront && front.state.refused;
    const words = refusal(world);
    if (refused && words !== null) refusals.add(words);
    else if (sameChain(world)) right++;
    else silent++;
  });
  t.equal(wrong, 0, 'no command is executed on top of a state that lacks others');
  t.equal(silent, 0, 'no end with a wrong state that nobody was told of');
  t.ok(right > 0, 'a guest that migrates before its first command loses nothing');
  t.strictSame([...refusals].sort(), [
    'expected a vTPM that has executed command 1 or the one before, found 0',
    'expected a vTPM that has executed command 2 or the one before, found 0',
  ]);
});

/** Whether the target's device has executed what its guest has issued, or all but the last. */
function sameChain(world: World): boolean {
  const target = world.machine.slots[1];
  const before = world.violations;
  const { journalLength, hashLow, hashHigh } = world.memory;
  world.machine.oracles.executed(target.index);
  const same = world.violations === before;
  world.memory.undo(journalLength, hashLow, hashHigh);
  return same;
}

t.test('when the state moves with the guest, the same driver holds', async (t) => {
  t.ok(holds(worldOf({ front: 'sequenced', scenario: 'clean-migration' })));
  t.ok(holds(worldOf({ front: 'quiesce', scenario: 'clean-migration' })));
});
