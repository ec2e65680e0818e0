/** What a restart of a xenstored keeps and what it loses, with each kind of daemon. */
import t from 'tap';
import { DomainNode } from '../../protocol/xenbus.js';
import { findScenario } from '../../scenarios/find-scenario.js';
import { DAEMONS } from '../../simulator/world-options.js';
import { holds, runUntil, take, worldOf } from '../support/worlds.js';

const SCENARIO = findScenario('clean-migration+store-restarts=1');

for (const daemon of DAEMONS) {
  t.test(`${daemon}: nodes stay, each watch fires once, events that waited are gone`, async (t) => {
    const world = worldOf({ front: 'quiesce', scenario: SCENARIO, daemon });
    const [{ guestStore, backend }] = world.machine.slots;
    const quiet = ['fault/', `${backend.name}/watches`, 'guest1.xenwatch', 'guest1.kernel'];
    t.ok(runUntil(world, () => guestStore.hasEvent, quiet));
    const before = guestStore.peek(DomainNode.ControlShutdown);
    t.equal(before, 'suspend');
    take(world, 'fault/restart xenstored on hostA');
    t.equal(guestStore.peek(DomainNode.ControlShutdown), 'suspend');
    const events: string[] = [];
    for (; guestStore.hasEvent; guestStore.takeEvent()) {
      const event = guestStore.nextEvent();
      events.push(`${event?.token} ${event?.path}`);
    }
    t.strictSame(events, [`shutdown ${DomainNode.ControlShutdown}`, 'otherend /local/domain/0/backend/vtpm/1/0/state']);
    t.ok(backend.store.hasEvent);
  });

  t.test(`${daemon}: quiesce holds when it is restarted at any moment`, async (t) => {
    t.ok(holds(worldOf({ front: 'quiesce', scenario: SCENARIO, daemon, commands: 1 })));
  });
}
