/** CONTROL live-update: clients hear what they hear from the real C daemon, and go on as if nothing had happened. */
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { encodeFrame, FrameDecoder, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, C_4_22, OCAML_4_17, type Policy, Store } from '../../xenstore-sim/index.js';
import type { LiveUpdateHost } from '../../xenstore-sim/live-update.js';
import { liveUpdateHost, serve } from '../../xenstore-sim/server/index.js';
import { takeOver } from '../../xenstore-sim/state/take-over.js';
import { LIVE_UPDATE_LINES, liveUpdateStory } from '../support/live-update-story.js';
import { OCAML_LIVE_UPDATE_LINES, ocamlLiveUpdateStory } from '../support/ocaml-live-update-story.js';
import { folderFor, RawClient } from '../support/raw-xenstore-client.js';
import { conversation, type FuzzStep } from '../support/xenstore-fuzz.js';

const TOKEN = 'a-token-of-twenty-letters';
const BEGIN = frame(XsType.CONTROL, `live-update\0-f\0${process.execPath}\0`);
const START = frame(XsType.CONTROL, 'live-update\0-s\0');

function frame(type: number, payload: string, transactionId = 0): Uint8Array {
  return encodeFrame({ type, requestId: 0, transactionId, payload });
}

interface Served {
  readonly path: string;
  readonly url: string;
}

async function served(t: Test, policyOf = (_: string | null): Policy | null => C_4_17): Promise<Served> {
  const path = join(folderFor(t), 'socket');
  const policy = { ...(policyOf(null) ?? C_4_17), domainsAppear: true };
  const daemon = new Daemon(Store.empty(policy), liveUpdateHost(policyOf));
  const webSocket = { port: 0, token: TOKEN, origins: [] };
  const server = await serve(daemon, { unix: { path }, webSocket });
  t.teardown(() => server.close());
  const [, listener] = server.listeners;
  return { path, url: listener?.kind === 'websocket' ? listener.url : '' };
}

t.test('to the byte as recorded from the real daemon', async (t) => {
  const { path } = await served(t);
  t.strictSame(await liveUpdateStory(path, process.execPath), LIVE_UPDATE_LINES);
});

t.test('as recorded from oxenstored', async (t) => {
  const { path } = await served(t, () => OCAML_4_17);
  t.strictSame(await ocamlLiveUpdateStory(path, process.execPath), OCAML_LIVE_UPDATE_LINES);
});

t.test('oxenstored tries out a command line when it is given, and keeps it', async (t) => {
  const { path } = await served(t, (line) => (line === null || line === '--daemon ocaml' ? OCAML_4_17 : null));
  const client = await RawClient.connect(path);
  const update = (...words: string[]) => client.ask(XsType.CONTROL, ['live-update', ...words, ''].join('\0'));
  const refused = (...words: string[]) =>
    `Command ${['oxenstored', '--live', '--restart', ...words, '--help'].map((word) => `'${word}'`).join(' ')} exited with code 2`;
  t.equal(await update('-c', "--it's", 'nonsense'), refused("--it'\\''s", 'nonsense'));
  t.equal(await update('-c', '--daemon', 'ocaml'), 'OK\0');
  t.equal(await update('-c', 'more'), refused('--daemon', 'ocaml', 'more'));
  t.equal(await update('-s'), 'BUSY');
  t.equal(await update('-s'), 'OK');
  client.close();
});

t.test('a device model stands in the way of oxenstored, by name', async (t) => {
  let now = 0;
  const host = { seconds: () => now, refusal: () => null, accepts: () => true, next: () => null };
  const daemon = new Daemon(Store.empty({ ...OCAML_4_17, domainsAppear: true }), host);
  const control = daemon.connect(0);
  const says = (type: number, payload: string): string => {
    let said = '';
    daemon.receive(control, frame(type, payload));
    daemon.flush((_, bytes) => {
      said = Buffer.from(bytes).toString('latin1', 16);
    });
    return said;
  };
  for (const domid of [7, 8]) says(XsType.INTRODUCE, `${domid}\x00100\x003\0`);
  daemon.connect(7);
  says(XsType.SET_TARGET, '7\x008\0');
  t.equal(says(XsType.CONTROL, 'live-update\0-s\0-t\x002\0'), 'BUSY');
  now = 2;
  t.equal(says(XsType.CONTROL, 'live-update\0-s\0'), 'BUSY');
  t.equal(says(XsType.CONTROL, 'live-update\0-s\0'), 'D7: 0 tx, out: false, perm: 7"rw"8"rw"');
  t.equal(says(XsType.CONTROL, 'live-update\0-s\0-t\x00-1\0'), 'BUSY');
});

t.test('guests go on in the middle of a request; their second transaction waits with all that follows', async (t) => {
  const { path, url } = await served(t);
  const control = await RawClient.connect(path);
  await control.ask(XsType.INTRODUCE, '7\x00100\x003\0');
  await control.write('/local/domain/7', '');
  await control.ask(XsType.SET_PERMS, '/local/domain/7\0n7\0');
  const guest = new WebSocket(`${url}domain/7`, ['xenstore'], { headers: { authorization: `Bearer ${TOKEN}` } });
  await once(guest, 'open');
  const heard: XsFrame[] = [];
  const decoder = new FrameDecoder();
  guest.on('message', (data: Buffer) => decoder.push(data, (each) => heard.push(each)));
  const hears = async (count: number): Promise<XsFrame[]> => {
    while (heard.length < count) await once(guest, 'message');
    return heard.splice(0);
  };
  const start = frame(XsType.TRANSACTION_START, '\0');
  const write = frame(XsType.WRITE, 'n\0value');
  control.socket.write(BEGIN);
  await control.next();
  guest.send(Buffer.concat([frame(XsType.WATCH, 'n\0token\0'), start, start, write, write.subarray(0, 20)]));
  t.strictSame(
    (await hears(2)).map(({ payload }) => payload),
    ['OK\0', 'n\0token\0'],
  );
  await control.read('/local');
  t.strictSame(heard, [], 'the rest waits');
  control.socket.write(START);
  t.match(await control.next(), { payload: 'OK\0' });
  t.strictSame(
    (await hears(4)).map(({ payload }) => payload),
    ['1\0', '2\0', 'n\0token\0', 'OK\0'],
  );
  guest.send(write.subarray(20));
  t.strictSame(
    (await hears(2)).map(({ payload }) => payload),
    ['n\0token\0', 'OK\0'],
  );
  guest.terminate();
  control.close();
});

t.test('a command line chooses the next daemon, and one that makes no sense is refused', async (t) => {
  const { path } = await served(t, (line) => (line === null ? C_4_17 : line === '--daemon c-4.22' ? C_4_22 : null));
  const client = await RawClient.connect(path);
  const update = (...words: string[]) => client.ask(XsType.CONTROL, ['live-update', ...words, ''].join('\0'));
  t.equal(await client.ask(XsType.GET_QUOTA, 'nodes\0'), 'ENOSYS\0');
  await update('-f', process.execPath);
  await update('-c', '--nonsense');
  t.equal(await update('-s'), 'Error activating new binary.\0');
  t.equal(await update('-s'), 'Not in live-update session.\0', 'the session is over');
  await update('-f', process.execPath);
  await update('-c', '--daemon c-4.22');
  t.equal(await update('-s'), 'OK\0');
  t.equal(await client.ask(XsType.GET_QUOTA, 'nodes\0'), '1000\0');
  await update('-f', process.execPath);
  t.equal(await update('-s', '-v', '3'), 'Migration stream version not supported.\0');
  t.equal(await update('-s', '-v', '2', '-t', '1', '-F'), 'OK\0');
  client.close();
});

t.test('every start is answered once, also when a second one comes or its client goes', async (t) => {
  const { path } = await served(t);
  const [owner, busy] = [await RawClient.connect(path), await RawClient.connect(path)];
  await busy.ask(XsType.TRANSACTION_START, '\0');
  owner.socket.write(BEGIN);
  await owner.next();
  for (const requestId of [1, 2]) owner.send(XsType.CONTROL, 'live-update\0-s\0-t\x0060\0', { requestId });
  await busy.read('/');
  await busy.ask(XsType.TRANSACTION_END, 'F\0', 1);
  t.match(await owner.next(), { requestId: 2, payload: 'OK\0' });
  t.match(await owner.next(), { requestId: 1, payload: 'Cancellation was requested\0' });
  await busy.ask(XsType.TRANSACTION_START, '\0');
  owner.socket.write(Buffer.concat([BEGIN, frame(XsType.CONTROL, 'live-update\0-s\0-t\x0060\0')]));
  await owner.next();
  owner.close();
  await owner.closed;
  await busy.read('/');
  t.equal(await busy.ask(XsType.TRANSACTION_END, 'F\0', 1), 'OK\0');
  t.equal(await busy.ask(XsType.TRANSACTION_START, '\0'), '2\0', 'nothing was updated');
  busy.close();
});

t.test('a guest cannot, and a daemon without host cannot either', async (t) => {
  const host: LiveUpdateHost<Daemon> = {
    seconds: () => 0,
    refusal: () => null,
    accepts: () => true,
    next: (daemon) => takeOver(daemon, C_4_17),
  };
  for (const [domid, updates, reply] of [
    [1, host, 'EACCES\0'],
    [0, null, 'EINVAL\0'],
    [0, host, 'OK\0'],
  ] as const) {
    const daemon = new Daemon(Store.empty(), updates);
    const connection = daemon.connect(domid);
    daemon.receive(connection, BEGIN);
    daemon.flush((_, bytes) => t.equal(Buffer.from(bytes).toString('latin1', 16), reply));
  }
});

type Act = { readonly update: true } | { readonly conn: string; readonly bytes: Uint8Array };

/** Requests, some of them cut in two, and updates in between. */
const acts: fc.Arbitrary<Act[]> = fc
  .array(
    fc.oneof(
      { weight: 1, arbitrary: fc.constant<'update'>('update') },
      { weight: 3, arbitrary: fc.tuple(conversation('c'), fc.nat(30)) },
    ),
    { minLength: 2, maxLength: 12 },
  )
  .map((parts) => {
    const acts: Act[] = [];
    for (const part of parts) {
      if (part === 'update') acts.push({ update: true });
      else acts.push(...cutUp(part[0].slice(0, 5), part[1]));
    }
    return acts;
  });

/** Ids of transactions and generations begin anew with the next daemon: requests that tell them are left out. */
const TELLING: ReadonlySet<number> = new Set([
  XsType.TRANSACTION_START,
  XsType.TRANSACTION_END,
  XsType.DIRECTORY_PART,
  XsType.CONTROL,
]);

function cutUp(steps: readonly FuzzStep[], at: number): Act[] {
  return steps.flatMap((step) => {
    if (!('conn' in step) || TELLING.has(step.type)) return [];
    const bytes = frame(step.type, step.payload);
    return [bytes.subarray(0, at), { update: true } as const, bytes.subarray(at)].map((each) =>
      'update' in each ? each : { conn: step.conn, bytes: each },
    );
  });
}

function heardIn(acts: readonly Act[], policy: Policy, updates: boolean): string[] {
  const daemon = new Daemon(Store.empty(policy), {
    seconds: () => 0,
    refusal: () => null,
    accepts: () => true,
    next: (old) => takeOver(old, policy),
  });
  const names = ['control', 'a', 'b', 'g1', 'g2'];
  const heard = names.map(() => '');
  for (const domid of [1, 2]) daemon.domainCreated(domid);
  const connections = names.map((name) => daemon.connect(name.startsWith('g') ? Number(name.slice(1)) : 0));
  const flush = (): void =>
    daemon.flush((connection, bytes) => {
      heard[connections.indexOf(connection)] += Buffer.from(bytes).toString('latin1');
    });
  for (const act of acts) {
    if ('update' in act) {
      if (!updates) continue;
      daemon.receive(connections[0] ?? -1, Buffer.concat([BEGIN, START]));
    } else daemon.receive(connections[names.indexOf(act.conn)] ?? -1, act.bytes);
    flush();
  }
  return heard.slice(1);
}

for (const policy of [C_4_17, C_4_22]) {
  t.test(`${policy.name}: nobody can tell whether there were updates`, async (t) => {
    let made = 0;
    fc.assert(
      fc.property(acts, (acts) => {
        made += acts.filter((act) => 'update' in act).length;
        t.same(heardIn(acts, policy, true), heardIn(acts, policy, false));
      }),
      { numRuns: 200 },
    );
    t.ok(made > 1000, `${made} updates`);
  });
}
