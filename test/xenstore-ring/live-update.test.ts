/**
 * A daemon is replaced by another while guests talk with it: requests that are half taken, replies that are half in the
 * ring, and those that wait for room go on at the byte where they stood.
 */
import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, FrameDecoder, XsType } from '../../protocol/xs-wire.js';
import { type DaemonName, POLICIES } from '../../xenstore-sim/index.js';
import { RingPages } from '../support/ring-page-daemon.js';

type Move = { readonly kind: 'put' | 'take'; readonly bytes: number } | { readonly kind: 'update' };

/** More than the ring holds, so that every reply is split. */
const LONG = 'v'.repeat(1900);

function requests(count: number): Uint8Array {
  const frames = Array.from({ length: count }, (_, id) => {
    const message = [
      { type: XsType.READ, payload: 'long\0' },
      { type: XsType.WRITE, payload: `n\0${'x'.repeat(1200)}` },
      { type: XsType.WATCH, payload: `n\0t${id}\0` },
      { type: XsType.READ, payload: 'none\0' },
    ][id % 4] ?? { type: XsType.READ, payload: 'long\0' };
    return encodeFrame({ ...message, requestId: id, transactionId: 0 });
  });
  const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

/** What the guest has read in the end, when `moves` are made and then everything is let through. */
function played(name: DaemonName, count: number, moves: readonly Move[], updates: boolean): Uint8Array {
  const pages = new RingPages(name, POLICIES[name]);
  const socket = pages.daemon.connect(0);
  const control = (type: number, payload: string): void => {
    pages.daemon.receive(socket, encodeFrame({ type, requestId: 0, transactionId: 0, payload }));
  };
  pages.daemon.domainCreated(1);
  control(XsType.INTRODUCE, [1, 100, 3, ''].join('\0'));
  pages.introduce(1);
  control(XsType.WRITE, '/local/domain/1\0');
  control(XsType.SET_PERMS, '/local/domain/1\0n1\0');
  control(XsType.WRITE, `/local/domain/1/long\0${LONG}`);
  pages.pump();
  const guest = pages.peer(1);
  const all = requests(count);
  const read: number[] = [];
  let sent = 0;
  const put = (bytes: number): void => {
    sent += Math.max(0, guest.put(all.subarray(sent, sent + bytes)));
  };
  for (const move of moves) {
    if (move.kind === 'put') put(move.bytes);
    else if (move.kind === 'take') read.push(...guest.take(move.bytes));
    else if (updates) pages.liveUpdate();
    pages.pump();
  }
  for (let idle = 0; idle < 3; ) {
    const before = sent + read.length;
    put(1024);
    pages.pump();
    read.push(...guest.take());
    pages.pump();
    idle = sent + read.length === before ? idle + 1 : 0;
  }
  return Uint8Array.from(read);
}

t.test('a guest does not notice that its daemon was replaced, at whatever byte', async (t) => {
  const move = fc.oneof(
    fc.record({ kind: fc.constantFrom('put' as const, 'take' as const), bytes: fc.integer({ min: 1, max: 700 }) }),
    fc.record({ kind: fc.constant('update' as const) }),
  );
  fc.assert(
    fc.property(fc.constantFrom<DaemonName>('c', 'c-4.22'), fc.array(move, { maxLength: 40 }), (name, moves) => {
      const with_ = played(name, 8, moves, true);
      const without = played(name, 8, moves, false);
      return with_.length === without.length && with_.every((byte, at) => byte === without[at]);
    }),
    { numRuns: 150 },
  );
  t.pass();
});

t.test('a daemon that is replaced after every byte still answers everything', async (t) => {
  const moves: Move[] = [];
  for (let i = 0; i < 60; i++)
    moves.push({ kind: 'put', bytes: 1 }, { kind: 'update' }, { kind: 'take', bytes: 1 }, { kind: 'update' });
  const types: number[] = [];
  new FrameDecoder().push(played('c', 4, moves, true), ({ type }) => types.push(type));
  t.strictSame(types, [XsType.READ, XsType.WRITE, XsType.WATCH, XsType.WATCH_EVENT, XsType.ERROR]);
});
