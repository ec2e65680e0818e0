/**
 * Whatever a client sends, it gets one reply for each frame or loses its connection, and the store stays whole.
 */
import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../protocol/xs-wire.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { type DaemonName, POLICIES, Store } from '../xenstore-sim/index.js';
import { childPath, type Path, ROOT } from '../xenstore-sim/path.js';

const word = fc.constantFrom(
  '/',
  '/a',
  '/a/b',
  'a',
  '@releaseDomain',
  '@x',
  '',
  '/local/domain/1',
  '/local/domain/1/k',
  '..',
  '//',
  '/a/',
);
const argument = fc.oneof(
  word,
  fc.constantFrom('T', 'F', 'n0', 'r1', 'b1', 'rx', '0', '1', '2', '-1', '99999', '4294967296', 'x'),
);
const payload = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(argument, { maxLength: 5 }).map((words) => words.map((each) => `${each}\0`).join('')),
  },
  { weight: 1, arbitrary: fc.array(argument, { maxLength: 4 }).map((words) => words.join('\0')) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => String.fromCharCode(...bytes)) },
);
const anyFrame = fc.record({
  type: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...Object.values(XsType)) }, fc.nat(70000)),
  requestId: fc.nat(9),
  transactionId: fc.oneof(fc.constant(0), fc.nat(3)),
  payload,
});

const PATHS = ['/a', '/a/b', '/c', '/local/domain/1/k', '/local/domain/1/k/l'] as const;
const path = fc.constantFrom(...PATHS);
const onPath = (...types: number[]) =>
  fc.record({ type: fc.constantFrom(...types), payload: path.map((each) => `${each}\0`) });

/** Frames that make sense. */
const goodFrame = fc
  .record({
    requestId: fc.nat(9),
    transactionId: fc.constantFrom(0, 0, 0, 1),
    request: fc.oneof(
      onPath(XsType.READ, XsType.DIRECTORY, XsType.MKDIR, XsType.RM, XsType.GET_PERMS),
      fc.record({ type: fc.constant(XsType.WRITE), payload: path.map((each) => `${each}\0v`) }),
      fc.record({ type: fc.constant(XsType.SET_PERMS), payload: path.map((each) => `${each}\0n1\0r2\0`) }),
      fc.record({ type: fc.constantFrom(XsType.WATCH, XsType.UNWATCH), payload: path.map((each) => `${each}\0t\0`) }),
      fc.constant({ type: XsType.TRANSACTION_START, payload: '\0' }),
      fc.constant({ type: XsType.TRANSACTION_END, payload: 'T\0' }),
    ),
  })
  .map(({ requestId, transactionId, request }) => ({ ...request, requestId, transactionId }));

const sent = fc.record({
  client: fc.nat(2),
  frame: fc.oneof(anyFrame, { weight: 2, arbitrary: goodFrame }),
  /** Where the frame is cut in two. */
  cut: fc.nat(80),
});

for (const name of ['c', 'c-4.22', 'ocaml'] as const satisfies readonly DaemonName[]) {
  t.test(`${name}: any frames get one reply each, and leave a tree without loose ends`, async (t) => {
    let errors = 0;
    let answers = 0;
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 60, size: 'max' }), (frames) => {
        const { daemon, clients } = host(name);
        for (const { client, frame, cut } of frames) {
          const connection = clients[client] ?? 0;
          if (!daemon.isConnected(connection)) continue;
          const bytes = encodeFrame(frame);
          daemon.receive(connection, bytes.subarray(0, cut));
          const alive = daemon.receive(connection, bytes.subarray(cut));
          const replies = take(daemon, connection);
          const late = name === 'ocaml' && frame.payload === '';
          if (!late && alive && !isRelease(frame)) {
            t.ok(
              replies.some(({ requestId }) => requestId === frame.requestId),
              `a reply to ${JSON.stringify(frame)}`,
            );
          }
          for (const reply of replies) {
            if (reply.type === XsType.ERROR) errors++;
            else answers++;
          }
        }
        checkTree(daemon.store);
      }),
      { numRuns: 150 },
    );
    t.ok(errors > 500 && answers > 500, `${errors} errors and ${answers} answers`);
  });
}

/** With oxenstored, releasing the control domain leaves nothing to be compared. */
function isRelease(frame: XsFrame): boolean {
  return frame.type === XsType.RELEASE;
}

function host(name: DaemonName): { daemon: Daemon; clients: readonly number[] } {
  const daemon = new Daemon(Store.empty(POLICIES[name]));
  const socket = daemon.connect(0);
  const ask = (asked: number, text: string): void => {
    daemon.receive(socket, encodeFrame({ type: asked, requestId: 0, transactionId: 0, payload: text }));
  };
  for (const domid of [1, 2]) daemon.domainCreated(domid);
  ask(XsType.INTRODUCE, '1\x080\x003\0');
  ask(XsType.MKDIR, '/local/domain/1\0');
  ask(XsType.SET_PERMS, '/local/domain/1\0n1\0');
  const clients = [socket, daemon.connect(0), daemon.connect(1)];
  daemon.flush(() => undefined);
  return { daemon, clients };
}

/** The replies on `connection`; its events, and what others get, are left out. */
function take(daemon: Daemon, connection: number): XsFrame[] {
  const frames: XsFrame[] = [];
  const decoder = new FrameDecoder(1 << 20);
  daemon.flush((id, bytes) => {
    if (id === connection) decoder.push(bytes, (frame) => frames.push(frame));
  });
  return frames.filter((frame) => frame.type !== XsType.WATCH_EVENT);
}

/** Each child has a node, each node is listed by its parent, and each domain owns as many nodes as it is charged for. */
function checkTree(store: Store): void {
  const owned = new Map<number, number>();
  const visit = (path: Path): void => {
    const node = store.tree.get(path);
    if (node === undefined) throw new Error(`${path.text} is listed and not there`);
    const { owner } = node.permissions;
    owned.set(owner, (owned.get(owner) ?? 0) + 1);
    if (new Set(node.children).size !== node.children.length) throw new Error(`${path.text} lists a child twice`);
    for (const child of node.children) visit(childPath(path, child));
  };
  visit(ROOT);
  for (const domain of store.domains.items) {
    if (domain.id === 0) continue;
    const count = owned.get(domain.id) ?? 0;
    const specials = domain.nodes - count;
    if (specials < 0 || specials > 2)
      throw new Error(`domain ${domain.id} owns ${count} nodes and is charged for ${domain.nodes}`);
  }
}
