/**
 * Whole daemons as state streams: those that were recorded, and those with bytes on their way.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { encodeFrame, XsType, type XsTypeName } from '../../protocol/xs-wire.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, C_4_22, POLICIES, type Policy, Store } from '../../xenstore-sim/index.js';
import { dumpDaemon, hostDomains } from '../../xenstore-sim/state/dump.js';
import { loadDaemon } from '../../xenstore-sim/state/load.js';
import { readStateStream } from '../../xenstore-sim/state/read-stream.js';
import type { NodeRecord, StateRecord, StateStream } from '../../xenstore-sim/state/records.js';
import { writeStateStream } from '../../xenstore-sim/state/write-stream.js';

const streams = readFileSync('test/recordings/xenstore-state.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => readStateStream(new Uint8Array(Buffer.from((JSON.parse(line) as { hex: string }).hex, 'hex'))));

const frame = (type: XsTypeName, payload: string, transactionId = 0): Uint8Array =>
  encodeFrame({ type: XsType[type], requestId: 1, transactionId, payload });

/** What a daemon has to say, by connection. */
function heard(daemon: Daemon): Map<number, string> {
  const output = new Map<number, string>();
  daemon.flush((id, bytes) => output.set(id, (output.get(id) ?? '') + Buffer.from(bytes).toString('latin1')));
  return new Map([...output].sort(([one], [other]) => one - other));
}

for (const [i, policy] of [C_4_17, C_4_22].entries()) {
  t.test(`the recorded stream of ${policy.name} is loaded, and written again as it was`, async (t) => {
    const stream = streams[i] as StateStream;
    const { daemon, connections } = loadDaemon(stream, policy);
    const transports = new Map(connections.map(({ connection, transport }) => [connection, transport]));
    const global = stream.records.find((record) => record.type === 'GLOBAL_DATA');
    const again = dumpDaemon(daemon, {
      transport: (id) => transports.get(id),
      ...(global === undefined ? {} : { global }),
    });
    const plain = stream.records.map((record) =>
      record.type === 'CONNECTION_DATA' ? { ...record, uniqueId: null } : record,
    );
    t.strictSame(writeStateStream(again), writeStateStream({ ...stream, records: plain }));
  });

  t.test(`the daemon loaded from the recorded stream of ${policy.name} goes on where that one stopped`, async (t) => {
    const { daemon } = loadDaemon(streams[i] as StateStream, policy);
    const requestId = i === 0 ? '\x0e' : '\x0f';
    const pending = `\0\0\0\0${requestId}\0\0\0\0\0\0\0\x03\0\0\0OK\0`;
    t.strictSame([...heard(daemon)], [[1, pending]], 'the reply to the command comes first');
    daemon.receive(3, frame('READ', 'data/k\0'));
    daemon.receive(3, frame('WRITE', 'data/k\0v2'));
    daemon.receive(3, frame('READ', '/bin\0'));
    const text = (type: XsTypeName, payload: string): string => Buffer.from(frame(type, payload)).toString('latin1');
    const event = (payload: string): string =>
      Buffer.from(encodeFrame({ type: XsType.WATCH_EVENT, requestId: 0, transactionId: 0, payload })).toString(
        'latin1',
      );
    t.strictSame(
      [...heard(daemon)],
      [
        [2, event('/local/domain/1/data/k\0btok\0')],
        [
          3,
          [text('READ', 'value-1'), event('data/k\0gtok\0'), text('WRITE', 'OK\0'), text('ERROR', 'EACCES\0')].join(''),
        ],
      ],
    );
    daemon.domainDestroyed(1);
    t.match([...heard(daemon)], [[2, /\/local\/domain\/1\0btok\0.*@releaseDomain\0rtok\0/s]]);
  });
}

/** A daemon with two clients of the control domain and one guest, connections 0, 1 and 2. */
function begin(policy: Policy): Daemon {
  const daemon = new Daemon(Store.empty(policy));
  daemon.connect(0);
  daemon.connect(0);
  daemon.domainCreated(1);
  daemon.receive(0, frame('INTRODUCE', '1\x00101\x003\0'));
  daemon.connect(1);
  daemon.receive(0, frame('MKDIR', '/local/domain/1\0'));
  daemon.receive(0, frame('SET_PERMS', '/local/domain/1\0n1\0'));
  heard(daemon);
  return daemon;
}

const who = fc.nat(2);
const name = fc.constantFrom('/a', '/a/b', '/local/domain/1/x', '/local/domain/1', 'x');
const asked: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .tuple(fc.constantFrom('READ', 'MKDIR', 'RM', 'DIRECTORY', 'GET_PERMS') as fc.Arbitrary<XsTypeName>, name)
    .map(([type, path]) => frame(type, `${path}\0`)),
  fc.tuple(name, fc.constantFrom('', 'v', 'w')).map(([path, value]) => frame('WRITE', `${path}\0${value}`)),
  fc
    .tuple(fc.constantFrom('WATCH', 'UNWATCH') as fc.Arbitrary<XsTypeName>, name)
    .map(([type, path]) => frame(type, `${path}\0t\0`)),
);
const traffic = fc.array(
  fc.record({ who, bytes: asked, cut: fc.integer({ min: 0, max: 15 }), block: fc.option(fc.boolean(), { freq: 4 }) }),
  { maxLength: 30, size: 'max' },
);

for (const policy of Object.values(POLICIES)) {
  t.test(`${policy.name}: requests in pieces, replies and events that wait go over to the next daemon`, async (t) => {
    let bytesCarried = 0;
    fc.assert(
      fc.property(traffic, traffic, (before, after) => {
        const daemon = begin(policy);
        /** The rest of a request whose beginning was sent, by connection. */
        const rest = new Map<number, Uint8Array>();
        const blocked = new Set<number>();
        for (const { who: id, bytes, cut, block } of before) {
          if (block !== null) {
            daemon.block(id, block);
            if (block) blocked.add(id);
            else blocked.delete(id);
          }
          // Nobody reads from a connection that is blocked.
          if (blocked.has(id)) continue;
          const whole = new Uint8Array([...(rest.get(id) ?? []), ...bytes]);
          const sent = whole.length - cut;
          daemon.receive(id, whole.subarray(0, sent));
          rest.set(id, whole.subarray(sent));
        }
        const stream = dumpDaemon(daemon);
        const { daemon: next } = loadDaemon(
          readStateStream(writeStateStream(stream)),
          policy,
          hostDomains(daemon.store),
        );
        deepStrictEqual(dumpDaemon(next), stream);
        for (const record of stream.records) {
          if (record.type === 'CONNECTION_DATA') bytesCarried += record.input.length + record.output.length;
        }
        // The next daemon has other transports, none of which is full.
        for (const id of blocked) daemon.block(id, false);
        deepStrictEqual(heard(next), heard(daemon));
        for (const { who: id, bytes } of after) {
          const whole = new Uint8Array([...(rest.get(id) ?? []), ...bytes]);
          rest.delete(id);
          daemon.receive(id, whole);
          next.receive(id, whole);
          deepStrictEqual(heard(next), heard(daemon));
        }
      }),
      { numRuns: 200 },
    );
    t.ok(bytesCarried > 10_000, `${bytesCarried} bytes`);
  });
}

t.test('a domain whose ring was given up is still known to the next daemon (XSA-325)', async (t) => {
  const daemon = begin(C_4_17);
  daemon.receive(0, frame('WATCH', '@releaseDomain\0r\0'));
  daemon.disconnect(2);
  const { daemon: next, connections } = loadDaemon(dumpDaemon(daemon), C_4_17, hostDomains(daemon.store));
  t.strictSame(
    connections.map(({ connection }) => connection),
    [0, 1],
  );
  heard(next);
  next.domainDestroyed(1);
  t.match([...heard(next)], [[0, /@releaseDomain\0r\0/]]);
});

t.test('what a transport has not sent goes before what the daemon has', async (t) => {
  const daemon = begin(C_4_17);
  daemon.receive(0, frame('READ', '/none\0'));
  const stream = dumpDaemon(daemon, { unsent: (id) => (id === 0 ? { output: 'rest', partialReply: 4 } : undefined) });
  const { daemon: next, connections } = loadDaemon(stream, C_4_17);
  t.equal(connections[0]?.partialReply, 4);
  const reply = Buffer.from(frame('ERROR', 'ENOENT\0')).toString('latin1');
  t.strictSame([...heard(next)], [[0, `rest${reply}`]]);
});

t.test('records that do not hold together are refused', async (t) => {
  const node = (path: string, more: Partial<NodeRecord> = {}): NodeRecord => ({
    type: 'NODE_DATA',
    connection: 0,
    transaction: 0,
    access: 0,
    permissions: [{ access: 'n', domid: 0, stale: false }],
    path,
    value: '',
    ...more,
  });
  const socket: StateRecord = {
    type: 'CONNECTION_DATA',
    connection: 1,
    transport: { kind: 'socket', descriptor: -1 },
    input: '',
    output: '',
    partialReply: 0,
    uniqueId: null,
  };
  const start: StateRecord = { type: 'TRANSACTION_DATA', connection: 1, transaction: 3 };
  const watch: StateRecord = { type: 'WATCH_DATA', connection: 1, path: '/a', token: 't' };
  const cases: readonly (readonly [StateRecord[], RegExp])[] = [
    [[], /the end: expected a node \/, found none/],
    [[node('/'), node('/a/b')], /record 1 \(NODE_DATA\): expected the parent of "\/a\/b" before it, found none/],
    [[node('/'), node('/')], /record 1 \(NODE_DATA\): expected a new node, found "\/"/],
    [[node('/'), node('/a/')], /expected the path of a node, found "\/a\/"/],
    [[node('relative')], /expected the path of a node, found "relative"/],
    [[node('/', { permissions: [] })], /expected the owner of the node, found no permissions/],
    [[watch, node('/')], /record 0 \(WATCH_DATA\): expected an open connection, found 1/],
    [[socket, { ...watch, path: '//' }], /expected the path of a watch, found "\/\/"/],
    [[socket, socket], /expected a new connection, found 1/],
    [[start], /expected an open connection, found 1/],
    [[socket, start, start], /expected a new transaction, found 1 3/],
    [[socket, { ...start, transaction: 0 }], /expected a new transaction, found 1 0/],
    [
      [socket, node('/', { connection: 1, transaction: 3 })],
      /expected the transaction of the node before it, found 1 3/,
    ],
  ];
  for (const [records, message] of cases) {
    try {
      loadDaemon({ version: 1, records }, C_4_17);
      t.fail(`accepted: ${message}`);
    } catch (error) {
      if (!(error instanceof QuiesceError)) throw error;
      t.equal(error.code, 'BAD_STATE_STREAM');
      t.match(error.message, message);
    }
  }
});
