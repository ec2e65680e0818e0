import fc from 'fast-check';
import t from 'tap';
import type { Domain } from '../../hypervisor/domain.js';
import {
  Channel,
  ChannelState,
  EINVAL,
  ENOSPC,
  type EventChannels,
  FIRST_PORT,
  PORTS_MAX,
} from '../../hypervisor/event-channels.js';
import { ALL_AGENTS, type JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE, readBytes } from '../../protocol/memory.js';
import { bareHost } from '../support/bare-host.js';

const FRONT = 5;
const BACK = 2;

interface Pair {
  readonly memory: JournaledMemory;
  readonly events: EventChannels;
  readonly front: Domain;
  readonly back: Domain;
  readonly other: Domain;
}

function pair(): Pair {
  const { memory, host, domains } = bareHost(3, 2);
  const [front, back, other] = domains as [Domain, Domain, Domain];
  front.create(FRONT);
  back.create(BACK);
  other.create(9);
  return { memory, events: host.events, front, back, other };
}

interface Bound extends Pair {
  readonly frontPort: number;
  readonly backPort: number;
}

/** A channel bound as drivers do it, its first event taken. */
function bound(): Bound {
  const made = pair();
  const { events, front, back } = made;
  const frontPort = events.allocateUnbound(front, BACK);
  const backPort = events.bindInterdomain(back, FRONT, frontPort);
  events.acknowledge(back, backPort);
  return { ...made, frontPort, backPort };
}

/** Shared info as the guest sees it: the bytes that are not zero, by offset. */
function sharedInfo(memory: JournaledMemory, domain: Domain): Record<number, number> {
  const bytes = readBytes(memory, domain.sharedInfo, PAGE_SIZE);
  return Object.fromEntries([...bytes.entries()].filter(([, byte]) => byte !== 0));
}

t.test('the pending bits lie at byte 2048 of shared info, the mask bits at 2560, eight ports a byte', async (t) => {
  const { memory, events, front } = pair();
  for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
    events.raiseSpurious(front, port);
    t.strictSame(sharedInfo(memory, front), { [2048 + (port >> 3)]: 1 << (port & 7) }, `port ${port} pending`);
    events.acknowledge(front, port);
    events.setMask(front, port, true);
    t.strictSame(sharedInfo(memory, front), { [2560 + (port >> 3)]: 1 << (port & 7) }, `port ${port} masked`);
    events.setMask(front, port, false);
    t.strictSame(sharedInfo(memory, front), {});
  }
});

t.test('bits of one port leave those of its neighbours alone', async (t) => {
  const { memory, events, front } = pair();
  for (const port of [7, 8, 15]) events.raiseSpurious(front, port);
  t.strictSame(sharedInfo(memory, front), { 2048: 0x80, 2049: 0x81 });
  events.acknowledge(front, 8);
  t.strictSame(sharedInfo(memory, front), { 2048: 0x80, 2049: 0x80 });
});

t.test('an entry of the table holds state, remote domain and remote port', async (t) => {
  const { memory, front, back, frontPort, backPort } = bound();
  const entry = (domain: Domain, port: number): number[] => [
    ...readBytes(memory, domain.channelTable + port * Channel.size, Channel.size),
  ];
  t.strictSame(entry(front, frontPort).slice(0, 8), [2, 0, BACK, 0, backPort, 0, 0, 0]);
  t.strictSame(entry(back, backPort).slice(0, 8), [2, 0, FRONT, 0, frontPort, 0, 0, 0]);
});

t.test('the ports a process has bound are closed with it, and only those', async (t) => {
  const { memory, events, front, back } = pair();
  const [first, second] = [events.allocateUnbound(front, BACK), events.allocateUnbound(front, BACK)];
  memory.current = 1 << 5;
  const mine = events.bindInterdomain(back, FRONT, first);
  memory.current = 1 << 6;
  const other = events.bindInterdomain(back, FRONT, second);
  memory.current = ALL_AGENTS;
  events.closeOwned(back, 1 << 5);
  t.equal(events.state(back, mine), ChannelState.Closed);
  t.equal(events.state(front, first), ChannelState.Unbound);
  t.equal(events.state(back, other), ChannelState.Interdomain);
});

t.test('ports of the store and the console are not given away', async (t) => {
  const { events, front } = pair();
  const ports = Array.from({ length: PORTS_MAX - FIRST_PORT }, () => events.allocateUnbound(front, BACK));
  t.strictSame(
    ports,
    ports.map((_, i) => 3 + i),
  );
  t.equal(events.allocateUnbound(front, BACK), -ENOSPC, 'and then there are no more');
  t.equal(events.close(front, 8), 0);
  t.equal(events.allocateUnbound(front, BACK), 8, 'until one is freed');
});

t.test('any number of notifications before the handler clears the bit is one event', async (t) => {
  for (const notifications of [1, 2, 100]) {
    const { events, front, back, frontPort, backPort } = bound();
    for (let i = 0; i < notifications; i++) t.equal(events.send(front, frontPort), 0);
    let handled = 0;
    while (events.deliverable(back, backPort)) {
      events.acknowledge(back, backPort);
      handled++;
    }
    t.equal(handled, 1);
  }
});

t.test('a notification after the handler cleared the bit is another event', async (t) => {
  const { events, front, back, frontPort, backPort } = bound();
  events.send(front, frontPort);
  events.acknowledge(back, backPort);
  events.send(front, frontPort);
  t.ok(events.deliverable(back, backPort));
});

t.test('a second notification leaves no trace in memory', async (t) => {
  const { memory, events, front, frontPort } = bound();
  events.send(front, frontPort);
  const stores = memory.journalLength;
  events.send(front, frontPort);
  t.equal(memory.journalLength, stores);
});

t.test('a notification goes to the other end only', async (t) => {
  const { memory, events, front, back, frontPort, backPort } = bound();
  events.send(back, backPort);
  t.ok(events.deliverable(front, frontPort));
  t.strictSame(sharedInfo(memory, back), {});
});

t.test('a notification on an unbound port is accepted and dropped', async (t) => {
  const { memory, events, front, back, other } = pair();
  const port = events.allocateUnbound(front, BACK);
  const stores = memory.journalLength;
  t.equal(events.send(front, port), 0);
  t.equal(memory.journalLength, stores, 'nothing is stored anywhere');
  for (const domain of [front, back, other]) t.strictSame(sharedInfo(memory, domain), {});
});

t.test('a notification on a closed port or on none fails with EINVAL', async (t) => {
  const { events, front, frontPort } = bound();
  events.close(front, frontPort);
  for (const port of [frontPort, FIRST_PORT + 4, PORTS_MAX - 1, PORTS_MAX, 4096, 0, 1, 2, -1])
    t.equal(events.send(front, port), -EINVAL, `port ${port}`);
});

t.test('binding needs a port that is unbound and reserved for the caller', async (t) => {
  const { memory, events, front, back, other, frontPort } = bound();
  const reserved = events.allocateUnbound(front, 9);
  const stores = memory.journalLength;
  t.equal(events.bindInterdomain(back, FRONT, reserved), -EINVAL, 'reserved for another');
  t.equal(events.bindInterdomain(back, FRONT, frontPort), -EINVAL, 'bound already');
  t.equal(events.bindInterdomain(back, FRONT, reserved + 1), -EINVAL, 'closed');
  t.equal(events.bindInterdomain(back, 77, frontPort), -EINVAL, 'of no domain');
  for (const port of [PORTS_MAX, 0, 2, -1])
    t.equal(events.bindInterdomain(back, FRONT, port), -EINVAL, `no port: ${port}`);
  t.equal(memory.journalLength, stores, 'refusals change nothing');
  t.ok(events.bindInterdomain(other, FRONT, reserved) > 0, 'the one it is reserved for binds it');
});

t.test('binding with no port left fails and leaves the other end unbound', async (t) => {
  const { events, front, back } = pair();
  const port = events.allocateUnbound(front, BACK);
  while (events.allocateUnbound(back, 0) > 0);
  t.equal(events.bindInterdomain(back, FRONT, port), -ENOSPC);
  t.equal(events.state(front, port), ChannelState.Unbound);
});

t.test('binding raises an event at the end that binds, and none at the other', async (t) => {
  for (const dropped of [0, 1, 3]) {
    const { memory, events, front, back } = pair();
    const frontPort = events.allocateUnbound(front, BACK);
    for (let i = 0; i < dropped; i++) events.send(front, frontPort);
    const backPort = events.bindInterdomain(back, FRONT, frontPort);
    t.ok(events.deliverable(back, backPort), `after ${dropped} dropped notifications`);
    t.strictSame(sharedInfo(memory, front), {});
    t.equal(events.state(front, frontPort), ChannelState.Interdomain);
    t.equal(events.state(back, backPort), ChannelState.Interdomain);
  }
});

t.test('closing frees the port and turns the other end to unbound without telling it', async (t) => {
  const { memory, events, front, back, frontPort, backPort } = bound();
  t.equal(events.close(back, backPort), 0);
  t.equal(events.state(back, backPort), ChannelState.Closed);
  t.equal(events.state(front, frontPort), ChannelState.Unbound);
  t.strictSame(sharedInfo(memory, front), {}, 'no event');
  t.equal(events.send(front, frontPort), 0, 'notifications are dropped from now on');
  for (const domain of [front, back]) t.strictSame(sharedInfo(memory, domain), {});
  t.equal(events.close(back, backPort), -EINVAL, 'it is closed already');
  for (const port of [0, 2, PORTS_MAX]) t.equal(events.close(back, port), -EINVAL, `no port: ${port}`);
});

t.test('closing takes the pending bit of the port away, and not its mask bit', async (t) => {
  const { memory, events, front, back, frontPort, backPort } = bound();
  events.setMask(back, backPort, true);
  events.send(front, frontPort);
  events.close(back, backPort);
  t.strictSame(sharedInfo(memory, back), { 2560: 1 << backPort });
});

t.test('an event that came before the other end closed is still there', async (t) => {
  const { events, front, back, frontPort, backPort } = bound();
  events.send(front, frontPort);
  events.close(front, frontPort);
  t.ok(events.deliverable(back, backPort));
});

t.test('closing an unbound port touches nobody else', async (t) => {
  const { events, front, back, frontPort, backPort } = bound();
  const unbound = events.allocateUnbound(front, BACK);
  t.equal(events.close(front, unbound), 0);
  t.equal(events.state(front, frontPort), ChannelState.Interdomain);
  t.equal(events.state(back, backPort), ChannelState.Interdomain);
});

t.test('after a close the same end can be bound again, by the domain it was bound to', async (t) => {
  const { events, front, back, other, frontPort, backPort } = bound();
  events.close(back, backPort);
  t.equal(events.bindInterdomain(other, FRONT, frontPort), -EINVAL, 'by nobody else');
  const again = events.bindInterdomain(back, FRONT, frontPort);
  t.equal(again, backPort);
  t.ok(events.deliverable(back, again), 'with the event of every binding');
  t.equal(events.send(front, frontPort), 0);
});

t.test('the port of a dead peer can be bound again', async (t) => {
  const { events, front, back, frontPort } = bound();
  const second = events.allocateUnbound(front, BACK);
  events.bindInterdomain(back, FRONT, second);
  events.closeAll(back);
  back.destroy();
  for (const port of [frontPort, second]) {
    t.equal(events.state(front, port), ChannelState.Unbound);
    t.equal(events.send(front, port), 0, 'nobody is there, and that is no error');
  }
  back.create(BACK);
  for (let port = FIRST_PORT; port < PORTS_MAX; port++)
    t.equal(events.state(back, port), ChannelState.Closed, 'nothing is inherited');
  const port = events.bindInterdomain(back, FRONT, second);
  t.ok(events.deliverable(back, port));
  events.acknowledge(back, port);
  events.send(front, second);
  t.ok(events.deliverable(back, port));
});

t.test('closeAll closes every port of the domain and none of another', async (t) => {
  const { events, front, back, other, frontPort } = bound();
  const kept = events.allocateUnbound(front, 9);
  const far = events.bindInterdomain(other, FRONT, kept);
  events.allocateUnbound(back, FRONT);
  events.closeAll(back);
  for (let port = FIRST_PORT; port < PORTS_MAX; port++) t.equal(events.state(back, port), ChannelState.Closed);
  t.equal(events.state(front, frontPort), ChannelState.Unbound);
  t.equal(events.state(front, kept), ChannelState.Interdomain);
  t.equal(events.state(other, far), ChannelState.Interdomain);
});

t.test('a masked event waits and is delivered when the mask goes', async (t) => {
  const { events, front, back, frontPort, backPort } = bound();
  events.setMask(back, backPort, true);
  events.send(front, frontPort);
  t.notOk(events.deliverable(back, backPort));
  events.setMask(back, backPort, false);
  t.ok(events.deliverable(back, backPort));
});

t.test('an event cleared while masked is gone', async (t) => {
  const { events, front, back, frontPort, backPort } = bound();
  events.setMask(back, backPort, true);
  events.send(front, frontPort);
  events.acknowledge(back, backPort);
  events.setMask(back, backPort, false);
  t.notOk(events.deliverable(back, backPort));
});

t.test('forget clears all pending and mask bits and tells no peer', async (t) => {
  const { memory, events, front, back, frontPort, backPort } = bound();
  for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
    events.raiseSpurious(back, port);
    if (port % 2 === 0) events.setMask(back, port, true);
  }
  events.send(back, backPort);
  events.forget(back);
  t.strictSame(sharedInfo(memory, back), {});
  t.ok(events.deliverable(front, frontPort), 'what was sent before stays sent');
  t.equal(events.state(front, frontPort), ChannelState.Interdomain);
});

t.test('the hypervisor acts whoever runs, and puts the running agent back', async (t) => {
  const { memory, events, front, back, frontPort } = bound();
  memory.current = front.agent;
  t.equal(events.send(front, frontPort), 0);
  t.equal(memory.current, front.agent);
  t.throws(() => memory.read32(back.sharedInfo), { name: 'MemoryFault' }, 'whose rights have not grown');
});

t.test('whatever is called, the two ends of a channel know each other', async () => {
  const call = fc.record({
    what: fc.constantFrom('allocate', 'bind', 'bind', 'close', 'send', 'closeAll'),
    who: fc.nat(2),
    whom: fc.nat(2),
    port: fc.integer({ min: FIRST_PORT, max: FIRST_PORT + 4 }),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const { memory, events, front, back, other } = pair();
      const domains = [front, back, other];
      for (const { what, who, whom, port } of calls) {
        const domain = domains[who] as Domain;
        const peer = domains[whom] as Domain;
        if (what === 'allocate') events.allocateUnbound(domain, peer.domid);
        else if (what === 'bind') events.bindInterdomain(domain, peer.domid, port);
        else if (what === 'close') events.close(domain, port);
        else if (what === 'send') events.send(domain, port);
        else events.closeAll(domain);
      }
      const entry = (domain: Domain, port: number) =>
        Channel.view(memory).at(domain.channelTable + port * Channel.size);
      for (const domain of domains) {
        for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
          const here = entry(domain, port);
          if (here.state !== ChannelState.Interdomain) continue;
          const peer = domains.find(({ domid }) => domid === here.remote_domid);
          if (peer === undefined) return false;
          const there = entry(peer, here.remote_port);
          if (there.state !== ChannelState.Interdomain) return false;
          if (there.remote_domid !== domain.domid || there.remote_port !== port) return false;
        }
      }
      return true;
    }),
  );
});
