/**
 * Guests that do with their ring page what they like: the daemon stays whole, tells why it stops serving them, and serves
 * everybody else.
 */
import fc from 'fast-check';
import t from 'tap';
import { LINUX } from '../../frontend/xenstore-ring/rules.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { XenstoreInterface, XS_RING_BYTES } from '../../protocol/xs-ring.js';
import { binaryString, encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { explore } from '../../simulator/explore/explore.js';
import { type HostileStore, RingWorld } from '../../simulator/xenstore-ring/world.js';
import { type DaemonName, POLICIES } from '../../xenstore-sim/index.js';
import { type PagePeer, RingPages } from '../support/ring-page-daemon.js';
import { READ_A } from '../support/ring-worlds.js';

const DAEMONS: readonly DaemonName[] = ['c', 'c-4.22', 'ocaml'];

interface Bench {
  readonly pages: RingPages;
  readonly bad: PagePeer;
  readonly good: PagePeer;
  /** Sends a request of the control domain; returns the frames it got since. */
  control(type: number, payload: string): readonly XsFrame[];
}

/** Two guests, 1 and 2, each with a home of its own, and a client at the socket. */
function bench(name: DaemonName): Bench {
  const pages = new RingPages(name, POLICIES[name]);
  const { daemon } = pages;
  const socket = daemon.connect(0);
  const control = (type: number, payload: string): readonly XsFrame[] => {
    const frames: XsFrame[] = [];
    const decoder = new FrameDecoder();
    if (payload !== '') {
      daemon.receive(socket, encodeFrame({ type, requestId: 0, transactionId: 0, payload }));
    }
    pages.pump((connection, bytes) => {
      if (connection === socket) decoder.push(bytes, (frame) => frames.push(frame));
    });
    return frames;
  };
  for (const domid of [1, 2]) {
    daemon.domainCreated(domid);
    control(XsType.INTRODUCE, [domid, 100, 3, ''].join('\0'));
    pages.introduce(domid);
    control(XsType.MKDIR, `/local/domain/${domid}\0`);
    control(XsType.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
    control(XsType.WRITE, `/local/domain/${domid}/k\0value`);
    control(XsType.SET_PERMS, `/local/domain/${domid}/k\0n${domid}\0`);
  }
  return { pages, bad: pages.peer(1), good: pages.peer(2), control };
}

const read = (path: string, requestId = 1): Uint8Array =>
  encodeFrame({ type: XsType.READ, requestId, transactionId: 0, payload: `${path}\0` });

/** Whether guest 2 gets an answer. */
function servesTheOther({ pages, good }: Bench): boolean {
  good.put(read('k', 77));
  pages.pump();
  const found: XsFrame[] = [];
  new FrameDecoder().push(good.take(), (frame) => found.push(frame));
  return found.length === 1 && found[0]?.requestId === 77 && found[0].payload === 'value';
}

t.test('a ring full to its last byte is served (XSA-38)', async (t) => {
  for (const name of DAEMONS) {
    const made = bench(name);
    const { pages, bad } = made;
    // 56 requests of 18 bytes and one of 16: 1024 bytes.
    const bytes = new Uint8Array(XS_RING_BYTES);
    for (let i = 0; i < 56; i++) bytes.set(read('k', i), 18 * i);
    bytes.set(encodeFrame({ type: 999, requestId: 56, transactionId: 0, payload: '' }), 18 * 56);
    t.equal(bad.put(bytes), XS_RING_BYTES);
    t.equal(bad.put(Uint8Array.of(1)), 0, 'and not a byte more goes in');
    const found: XsFrame[] = [];
    const decoder = new FrameDecoder();
    for (let i = 0; i < 20; i++) {
      pages.pump();
      decoder.push(bad.take(), (frame) => found.push(frame));
    }
    t.strictSame(
      found.slice(0, 56).map(({ requestId, payload }) => [requestId, payload]),
      Array.from({ length: 56 }, (_, id) => [id, 'value']),
      name,
    );
    t.equal(bad.page.error, 0);
    t.ok(servesTheOther(made));
  }
});

t.test('indices that cannot be end the service of that ring, and of no other', async (t) => {
  for (const name of DAEMONS) {
    for (const [field, value] of [
      ['req_prod', 1025],
      ['req_prod', 0xffffffff],
      ['req_cons', 1],
      ['rsp_cons', 1],
      ['rsp_prod', 1025],
      ['rsp_prod', 0x80000000],
    ] as const) {
      const made = bench(name);
      const { pages, bad, control } = made;
      control(XsType.WATCH, '@releaseDomain\0r\0');
      bad.put(read('k'));
      if (field === 'req_prod') bad.page.req_prod = bad.page.req_cons + value;
      else if (field === 'req_cons') bad.page.req_cons = bad.page.req_prod + value;
      else if (field === 'rsp_cons') bad.page.rsp_cons = bad.page.rsp_prod + value;
      else bad.page.rsp_prod = bad.page.rsp_cons + value;
      pages.pump();
      t.notOk(pages.server.serves(1), `${name}: ${field}`);
      t.equal(bad.page.error, name === 'ocaml' ? 0 : 2, `${name}: ${field}`);
      bad.page.req_cons = bad.page.req_prod = bad.page.rsp_cons = bad.page.rsp_prod = 0;
      bad.put(read('k'));
      pages.pump();
      t.equal(bad.page.req_cons, 0, 'what it sends now is not read');
      t.ok(servesTheOther(made), name);
      pages.daemon.domainDestroyed(1);
      const told = control(XsType.READ, '/tool/xenstored\0').filter(({ type }) => type === XsType.WATCH_EVENT);
      t.equal(told.length, 1, `${name}: its real end is announced (XSA-325)`);
    }
  }
});

t.test('a length with its top bit set is a large one, not a negative one (XSA-420)', async (t) => {
  for (const name of DAEMONS) {
    for (const length of [4097, 0x80000000, 0xffffffff]) {
      const made = bench(name);
      const header = new Uint8Array(16);
      new DataView(header.buffer).setUint32(0, XsType.READ, true);
      new DataView(header.buffer).setUint32(12, length, true);
      made.bad.put(header);
      made.pages.pump();
      t.equal(made.bad.page.error, name === 'ocaml' ? 0 : 3, `${name}: ${length}`);
      t.equal(made.pages.server.serves(1), name === 'ocaml', `${name}: ${length}`);
      t.equal(made.bad.page.req_cons, made.bad.page.req_prod);
      t.equal(made.bad.take().length, 0);
      t.ok(servesTheOther(made), name);
    }
  }
});

t.test(
  'a guest that never reads is not read for ever, and gets everything in order when it reads at last',
  async (t) => {
    for (const name of DAEMONS) {
      const made = bench(name);
      const { pages, bad } = made;
      let sent = 0;
      for (let idle = 0; idle < 2; ) {
        const frame = read('k', sent);
        if (XS_RING_BYTES - (bad.page.req_prod - bad.page.req_cons) >= frame.length) {
          bad.put(frame);
          sent++;
          idle = 0;
        } else idle++;
        if (sent > 5000) break;
        pages.pump();
      }
      // A ring of requests (56), a ring of replies of 21 bytes (48), and what may be outstanding.
      const most = 56 + 48 + (name === 'ocaml' ? 1024 : 20);
      t.ok(sent > 100 && sent <= most + 2, `${name}: ${sent} requests taken or waiting, expected at most ${most}`);
      t.ok(servesTheOther(made), name);
      const found: number[] = [];
      const decoder = new FrameDecoder();
      for (let i = 0; i < 200; i++) {
        decoder.push(bad.take(), ({ requestId }) => found.push(requestId));
        pages.pump();
      }
      t.strictSame(
        found,
        Array.from({ length: sent }, (_, id) => id),
        name,
      );
    }
  },
);

t.test('events for a guest that never reads stay few, and the last change is among them (XSA-326)', async (t) => {
  for (const name of ['c', 'c-4.22'] as const) {
    const made = bench(name);
    const { pages, bad, control } = made;
    bad.put(encodeFrame({ type: XsType.WATCH, requestId: 1, transactionId: 0, payload: 'k\0t\0' }));
    pages.pump();
    for (let i = 0; i < 3000; i++) control(XsType.WRITE, `/local/domain/1/k\0${i}`);
    const types: number[] = [];
    const decoder = new FrameDecoder();
    for (let i = 0; i < 300; i++) {
      decoder.push(bad.take(), ({ type }) => types.push(type));
      pages.pump();
    }
    t.equal(types.filter((type) => type === XsType.WATCH).length, 1);
    const events = types.filter((type) => type === XsType.WATCH_EVENT).length;
    t.ok(events >= 1 && events <= 100, `${name}: ${events} events`);
    control(XsType.WRITE, '/local/domain/1/k\0last');
    t.match(binaryString(bad.take()), 'k\0t\0');
    t.ok(servesTheOther(made), name);
  }
});

t.test('nothing that a guest stores makes the daemon fail, touch other memory, or neglect another guest', async () => {
  const fields = ['req_cons', 'req_prod', 'rsp_cons', 'rsp_prod', 'server_features', 'connection', 'error'] as const;
  const word = fc.oneof(
    fc.integer({ min: 0, max: 2048 }),
    fc.integer({ min: 0xfffffc00, max: 0xffffffff }),
    fc.nat({ max: 0xffffffff }),
  );
  const move = fc.oneof(
    fc.record({ kind: fc.constant('field' as const), field: fc.constantFrom(...fields), word, relative: fc.boolean() }),
    fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 1100 }) }),
    fc.record({
      kind: fc.constant('request' as const),
      type: fc.nat({ max: 30 }),
      payload: fc.string({ maxLength: 40 }),
    }),
    fc.record({ kind: fc.constant('take' as const) }),
    fc.record({ kind: fc.constant('introduce' as const) }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...DAEMONS), fc.array(move, { maxLength: 25 }), (name, moves) => {
      const made = bench(name);
      const { pages, bad } = made;
      for (const step of moves) {
        if (step.kind === 'field') bad.page[step.field] = step.relative ? bad.page[step.field] + step.word : step.word;
        else if (step.kind === 'bytes') bad.put(step.bytes);
        else if (step.kind === 'take') bad.take();
        else if (step.kind === 'introduce') pages.introduce(1);
        else bad.put(encodeFrame({ type: step.type, requestId: 0, transactionId: 0, payload: step.payload }));
        pages.pump();
      }
      return servesTheOther(made);
    }),
    { numRuns: 300 },
  );
});

t.test('indices that change while the daemon looks at them do not lead it astray', async (t) => {
  for (const name of DAEMONS) {
    const made = bench(name);
    const { pages, bad } = made;
    bad.put(read('k'));
    const from = 3 * PAGE_SIZE;
    let stores = 0;
    // After each load of an index the guest moves it far away, for the next load to see.
    pages.memory.observer = {
      load: (address) => {
        const field = address - from;
        const { offset } = XenstoreInterface;
        if (field !== offset.req_prod && field !== offset.rsp_cons) return;
        pages.memory.observer = null;
        stores++;
        pages.memory.asHypervisor(() => pages.memory.write32(address, pages.memory.read32(address) + 5000));
      },
      store: () => undefined,
    };
    t.doesNotThrow(() => pages.pump());
    pages.memory.observer = null;
    t.ok(stores > 0, 'the indices are looked at');
    t.ok(servesTheOther(made), name);
  }
});

t.test(
  'in every order of steps, one hostile store at any moment: nobody throws, nobody leaves its memory',
  async (t) => {
    const stores: readonly HostileStore[] = [
      { field: 'req_prod', by: 17 },
      { field: 'req_prod', by: -1 },
      { field: 'req_cons', by: 3 },
      { field: 'rsp_cons', by: 1 },
      { field: 'rsp_prod', by: 5 },
      { field: 'rsp_prod', to: 0xffffffff },
      { field: 'connection', to: 1 },
      { field: 'error', to: 3 },
      { field: 'server_features', to: 0xffffffff },
    ];
    for (const daemon of DAEMONS) {
      for (const plan of ['none', 'cancel', 'migrate'] as const) {
        const options = {
          daemon,
          plan,
          rules: LINUX,
          asks: [READ_A],
          writes: null,
          grain: 'chunk',
          hostile: stores,
        } as const;
        const found = explore(new RingWorld(options), { order: 'dfs', oracles: ['driver-fault', 'stray-memory'] });
        t.ok(found.holds && found.complete, `${daemon}, ${plan}: ${found.fault}, ${found.states} states`);
      }
    }
  },
);
