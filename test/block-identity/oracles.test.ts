/** Each oracle of the device identity fails where something is wrong that it is there for, and says what. */
import t from 'tap';
import { XenbusState } from '../../protocol/xenbus.js';
import { DomainIs } from '../../simulator/block-identity/host.js';
import type { GuestParts } from '../../simulator/block-identity/machine.js';
import { type Design, type IdentitySetting, USUAL_SETTING } from '../../simulator/block-identity/setting.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { CHOICES_MAX, explore } from '../../simulator/explore/explore.js';
import type { OracleName } from '../../simulator/world-state.js';

/** The world where nothing but faults is left to happen, or until `stop` holds. */
function settled(
  design: Design,
  setting: Partial<IdentitySetting> = {},
  stop: (next: string) => boolean = () => false,
) {
  const world = new IdentityWorld(design, { ...USUAL_SETTING, ...setting });
  const choices = new Int32Array(CHOICES_MAX);
  for (;;) {
    const count = world.enumerate(choices);
    const next = choices.subarray(0, count).find((choice) => !world.isFault(choice));
    if (next === undefined || stop(world.describe(next))) break;
    world.step(next);
  }
  const [guest] = world.machine.guests as [GuestParts];
  return { world, guest, store: guest.toolstack.place.store, paths: guest.toolstack.place.paths };
}

function judged(world: IdentityWorld): { failed: OracleName | undefined; fault: string | null } {
  world.quiescent();
  return { failed: world.failed, fault: world.lastFault };
}

const badNumber = (number: 'one' | 'junk' | 'empty') => ({ script: { ...USUAL_SETTING.script, number } });

t.test('a world that has come to a good end is judged good', async (t) => {
  for (const design of ['P', 'I', 'O'] as const)
    t.match(judged(settled(design).world), { failed: undefined, fault: null });
});

t.test('right-device: what is behind the open device changes, or it was meant for reading', async (t) => {
  const swapped = settled('I', { others: [{ action: 'swap', when: 'opened' }] });
  swapped.world.step(swappedChoice(swapped.world));
  t.match(
    { failed: swapped.world.failed, fault: swapped.world.lastFault },
    { failed: 'right-device', fault: 'blkback1 exposes dm-0, which is another device than was meant' },
  );
  const written = settled('I', { others: [{ action: 'change-medium', when: 'any' }] });
  written.world.machine.host.truth(1).meant_writable = false;
  written.world.machine.host.truth(1).also_meant = written.world.machine.host.truth(1).meant;
  written.guest.backend.state.exposed = false;
  written.world.step(choiceOf(written.world, 'blkback1.connect/expose'));
  t.match(
    { failed: written.world.failed, fault: written.world.lastFault },
    { fault: 'blkback1 exposes dm-0 for writing' },
  );
});

t.test('no-leak: a device is open, or attached, for nobody', async (t) => {
  const open = settled('I');
  open.world.machine.host.truth(1).domain = DomainIs.Absent;
  t.match(judged(open.world), { failed: 'no-leak', fault: 'blkback1 has dm-0 open for a guest that does not run' });
  const attached = settled('I', { source: 'file' });
  attached.store.remove(attached.paths.node.Node);
  t.match(judged(attached.world), { failed: 'no-leak', fault: 'loop0 stays attached, and nobody knows' });
});

t.test('refusal-shown: silence, another state, no error node', async (t) => {
  const silent = settled('P', badNumber('empty'));
  t.match(judged(silent.world), { failed: 'refusal-shown', fault: 'blkback1 neither opens its device nor refuses it' });
  const state = settled('P', badNumber('one'));
  state.store.write(state.paths.node.State, String(XenbusState.InitWait));
  t.match(judged(state.world), { failed: 'refusal-shown', fault: 'blkback1 has refused its device in state 2' });
  const mute = settled('P', badNumber('one'));
  t.match(mute.store.peek(mute.paths.error), /^22 physical-device: expected two numbers/);
  mute.store.remove(mute.paths.error);
  t.match(judged(mute.world), { failed: 'refusal-shown', fault: 'blkback1 does not say why it refuses' });
});

t.test('no-hang: a script that nobody limits waits for ever for a device that is refused', async (t) => {
  const waits = { order: 'dfs', oracles: ['no-hang'] } as const;
  const orphan = new IdentityWorld('O', { ...USUAL_SETTING, ...badNumber('junk'), toolstackKill: true });
  t.match(explore(orphan, waits), { oracle: 'no-hang' }, 'its toolstack is dead');
  t.match(
    judged(settled('O', { plan: 'udev', ...badNumber('junk') }).world),
    { failed: 'no-hang' },
    'it was run by udev',
  );
  const held = settled('P', { plan: 'remove', ...badNumber('empty') });
  t.match(judged(held.world), { failed: 'no-hang', fault: 'the toolstack waits in in_use' });
  t.match(
    explore(new IdentityWorld('O', { ...USUAL_SETTING, ...badNumber('junk') }), waits),
    { oracle: null },
    '40 s end it',
  );
});

t.test('a refusal names what was expected and what was found, and nothing is exposed', async (t) => {
  const others = [
    { action: 'remove', when: 'written' },
    { action: 'create', when: 'written' },
  ] as const;
  const { world, store, paths, guest } = settled('I', { others }, (next) => next === 'blkback1.watch/open');
  for (const name of ['remove volume A', 'make another volume']) world.step(choiceOf(world, `fault/others ${name}`));
  for (const name of ['open', 'compare']) world.step(choiceOf(world, `blkback1.watch/${name}`));
  t.match(store.peek(paths.error), /^19 expected device fd:0, diskseq a, found fd:0, diskseq b, /);
  t.equal(store.peek(paths.node.State), String(XenbusState.Closing));
  t.equal(store.peek(paths.described), null);
  t.equal(guest.backend.state.exposed, false);
  t.match(guest.backend.opening.state, { descriptor: 0, taken: false, refused: true });
});

t.test('the nodes are withdrawn before the device is let go', async (t) => {
  const { store, paths } = settled('I', { plan: 'remove', source: 'file' }, (next) => next === 'script1.remove/open');
  t.equal(store.peek(paths.node.PhysicalDevice), null);
  t.equal(store.peek(paths.node.Identity), null);
  t.not(store.peek(paths.node.State), null, 'the directory is still there');
});

function choiceOf(world: IdentityWorld, name: string): number {
  const choices = new Int32Array(CHOICES_MAX);
  const found = choices.subarray(0, world.enumerate(choices)).find((choice) => world.describe(choice) === name);
  return found ?? -1;
}

function swappedChoice(world: IdentityWorld): number {
  return choiceOf(world, 'fault/others put other contents behind volume A');
}
