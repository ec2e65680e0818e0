/**
 * Random conversations with a xenstored: two clients on sockets, two guests on rings, few paths, so that requests meet.
 *
 * A conversation is recorded from one daemon in the form of the recordings and can then be played against another.
 */
import fc from 'fast-check';
import { encodeFrame, XsType, type XsTypeName } from '../../protocol/xs-wire.js';
import { Inbox } from './xenstore-inbox.js';
import type { TestedDaemon, TranscriptStep, Wire } from './xenstore-transcript.js';

export interface FuzzRequest {
  /** `a` and `b` are sockets, `g1` and `g2` rings. */
  readonly conn: string;
  readonly type: number;
  /** 0: none; n: the n-th last that this connection started; an unknown one if there is none. */
  readonly transaction: number;
  readonly payload: string;
}

/** What becomes of a domain. */
export interface FuzzHostAction {
  readonly domid: number;
  readonly state: 'new' | 'shut-down' | 'dying' | 'gone';
}

export type FuzzStep = FuzzRequest | FuzzHostAction;

const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/a/d', '/s', '/s/x', '/s/x/y', '/e'] as const;
const GUEST_PATHS = [
  'd',
  'd/e',
  '/local/domain/1',
  '/local/domain/1/d',
  '/local/domain/1/d/e',
  '/local/domain/2/d',
] as const;
const ODD_PATHS = [
  '',
  '//',
  '/a/',
  '/a//b',
  '/a b',
  '@releaseDomain',
  '@other',
  '/local/domain/',
  'x/',
  '.',
  '/a.b',
  '/tool',
] as const;

const path = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...PATHS) },
  { weight: 3, arbitrary: fc.constantFrom(...GUEST_PATHS) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_PATHS) },
);
const watchPath = fc.oneof(
  { weight: 6, arbitrary: path },
  { weight: 1, arbitrary: fc.constantFrom('@releaseDomain', '@introduceDomain') },
);
const permission = fc.constantFrom('n0', 'r0', 'w0', 'b0', 'n1', 'r1', 'w1', 'b1', 'n2', 'r2', 'b2', 'r5');
const permissions = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: permission },
      { weight: 1, arbitrary: fc.constantFrom('x1', 'r', '', '1', 'n01', 'b1x') },
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((list) => list.join('\0'));
const value = fc.constantFrom('', '1', '2', 'a\0b', '\xff', 'v'.repeat(100));
const token = fc.constantFrom('t', 'u', '');
const domid = fc.constantFrom('0', '1', '2', '3', '4', '32752');

type Payload = readonly [type: XsTypeName, payload: fc.Arbitrary<string>];

const onlyPath = path.map((text) => `${text}\0`);
const watchArguments = fc.tuple(watchPath, token).map(([at, text]) => `${at}\0${text}\0`);
const onlyDomain = domid.map((text) => `${text}\0`);

const PAYLOADS: readonly (readonly [weight: number, ...Payload])[] = [
  [10, 'WRITE', fc.tuple(path, value).map(([at, text]) => `${at}\0${text}`)],
  [6, 'READ', onlyPath],
  [4, 'MKDIR', onlyPath],
  [5, 'RM', onlyPath],
  [5, 'DIRECTORY', onlyPath],
  [3, 'GET_PERMS', onlyPath],
  [6, 'SET_PERMS', fc.tuple(path, permissions).map(([at, list]) => `${at}\0${list}\0`)],
  [6, 'WATCH', watchArguments],
  [2, 'UNWATCH', watchArguments],
  [5, 'TRANSACTION_START', fc.constant('\0')],
  [6, 'TRANSACTION_END', fc.constantFrom('T\0', 'T\0', 'T\0', 'F\0', 'x\0')],
  [1, 'GET_DOMAIN_PATH', onlyDomain],
  [1, 'IS_DOMAIN_INTRODUCED', onlyDomain],
  [1, 'INTRODUCE', fc.constantFrom('3\x00100\x003\0', '3\x00100\x004\0', '4\x00100\x003\0')],
  [1, 'RELEASE', fc.constantFrom('3\0', '4\0', '0\0')],
  [1, 'RESUME', onlyDomain],
  [1, 'SET_TARGET', fc.constantFrom('2\x001\0', '3\x001\0', '1\x004\0')],
  [1, 'RESET_WATCHES', fc.constant('\0')],
  [1, 'DIRECTORY_PART', fc.tuple(path, fc.constantFrom('0', '2', '99')).map(([at, offset]) => `${at}\0${offset}\0`)],
  [1, 'WATCH_EVENT', fc.constant('x\0')],
];

const request: fc.Arbitrary<FuzzRequest> = fc
  .oneof(
    ...PAYLOADS.map(([weight, type, payload]) => ({
      weight,
      arbitrary: payload.map((text) => ({ type: XsType[type] as number, payload: text })),
    })),
    // Nuls that lack or are too many.
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(...PAYLOADS), fc.boolean()).chain(([[, type, payload], longer]) =>
        payload.map((text) => ({
          type: XsType[type] as number,
          payload: longer || text.length < 2 ? `${text}\0x` : text.slice(0, -1),
        })),
      ),
    },
  )
  .chain((body) =>
    fc.record({
      conn: fc.constantFrom('a', 'a', 'b', 'b', 'g1', 'g1', 'g2'),
      type: fc.constant(body.type),
      transaction: fc.constantFrom(0, 0, 0, 1, 1, 2),
      payload: fc.constant(body.payload),
    }),
  );

const hostAction: fc.Arbitrary<FuzzHostAction> = fc.record({
  domid: fc.constantFrom(2, 3),
  state: fc.constantFrom('shut-down', 'gone'),
});

/** Requests whose payload is one string. */
const ONE_STRING: ReadonlySet<number> = new Set([
  XsType.READ,
  XsType.MKDIR,
  XsType.RM,
  XsType.DIRECTORY,
  XsType.GET_PERMS,
]);

/**
 * Whether C 4.17 refuses `step` with an error left over from earlier work. Where there is none it sends no reply, and ends
 * itself at the next request: it must not be asked.
 */
function isRefusedAtRandom({ conn, type, payload }: FuzzRequest): boolean {
  if (type !== XsType.SET_PERMS) return ONE_STRING.has(type) && payload.indexOf('\0') !== payload.length - 1;
  const isSpecial = /^@(introduce|release)Domain\0/.test(payload);
  return payload.startsWith('@') && (!isSpecial || conn.startsWith('g'));
}

/**
 * Steps that a daemon can be compared by. What is left out are accidents that nobody relies on:
 *
 * - a root that is given away, and removed or orphaned with its owner;
 * - C: requests refused at random;
 * - OCaml: RELEASE of domain 0, which is refused, but after which no domain is found any more.
 */
export function isComparable(kind: 'c' | 'ocaml', step: FuzzStep): boolean {
  if (!('conn' in step)) return true;
  const { type, payload } = step;
  if (type === XsType.SET_PERMS && /^\/\0[nrwb][1-9]/.test(payload)) return false;
  return kind === 'c' ? !isRefusedAtRandom(step) : type !== XsType.RELEASE || !/^[+-]?0/.test(payload);
}

/** Conversations of up to 60 steps that the real `kind` daemon answers the same way each time. */
export function conversation(kind: 'c' | 'ocaml'): fc.Arbitrary<FuzzStep[]> {
  const comparable = request.filter((step) => isComparable(kind, step));
  const step = fc.oneof({ weight: 60, arbitrary: comparable }, { weight: 1, arbitrary: hostAction });
  return fc.array(step, { minLength: 1, maxLength: 60, size: 'max' });
}

/** Guests with a home each, and a node that everybody may use. */
const PRELUDE: readonly FuzzRequest[] = (
  [
    ['WRITE', '/tool/xenstored\0'],
    ['INTRODUCE', '1\x00100\x003\0'],
    ['INTRODUCE', '2\x00100\x003\0'],
    ['MKDIR', '/local/domain/1\0'],
    ['SET_PERMS', '/local/domain/1\0n1\0'],
    ['MKDIR', '/local/domain/2\0'],
    ['SET_PERMS', '/local/domain/2\0n2\0'],
    ['MKDIR', '/s\0'],
    ['SET_PERMS', '/s\0b0\0'],
  ] as const
).map(([type, payload]) => ({ conn: 'a', type: XsType[type], transaction: 0, payload }));

const HOST_ACTIONS = {
  new: 'create-domain',
  'shut-down': 'domain-shutdown',
  dying: 'domain-dying',
  gone: 'domain-gone',
} as const;

const DOMAINS = [1, 2, 3] as const;
const UNKNOWN_TRANSACTION = 77;
/** Holds the conversation with `daemon`, which must be fresh. */
export async function recordConversation(steps: readonly FuzzStep[], daemon: TestedDaemon): Promise<TranscriptStep[]> {
  const transcript: TranscriptStep[] = [];
  const inboxes = new Map<string, Inbox>();
  const wires = new Map<string, Wire>();
  const started = new Map<string, number[]>();
  const note = (step: Omit<TranscriptStep, 'scenario' | 'step'>): void => {
    transcript.push({ scenario: 'random', step: transcript.length, ...step });
  };

  for (const id of DOMAINS) host(id, 'create-domain');
  for (const conn of ['a', 'b']) await open(conn, 0);
  for (const step of PRELUDE) await send(step);
  for (const id of [1, 2]) await open(`g${id}`, id);
  for (const step of steps) {
    if ('conn' in step) await send(step);
    else {
      host(step.domid, HOST_ACTIONS[step.state]);
      await daemon.settle();
      const { replies, ...events } = { replies: undefined, ...takeAll() };
      transcript.push({ ...(transcript.pop() as TranscriptStep), events });
    }
  }
  for (const wire of wires.values()) wire.close();
  return transcript;

  function host(id: number, what: string): void {
    if (what === 'create-domain') daemon.createDomain(id);
    else daemon.setDomain(id, what === 'domain-gone' ? 'gone' : what === 'domain-dying' ? 'dying' : 'shut-down');
    note({ action: 'host', domid: id, what });
  }

  async function open(conn: string, id: number): Promise<void> {
    const inbox = new Inbox();
    inboxes.set(conn, inbox);
    wires.set(conn, await (id === 0 ? daemon.openSocket(inbox) : daemon.openRing(id, inbox)));
    note({ action: 'open', conn, domid: id, transport: id === 0 ? 'socket' : 'ring' });
  }

  async function send({ conn, type, transaction, payload }: FuzzRequest): Promise<void> {
    const ids = started.get(conn) ?? [];
    const transactionId = transaction === 0 ? 0 : (ids.at(-transaction) ?? UNKNOWN_TRANSACTION);
    const frame = encodeFrame({ type, requestId: transcript.length, transactionId, payload });
    wires.get(conn)?.send(frame);
    await daemon.settle();
    const { [conn]: replies = [], ...events } = takeAll();
    const reply = replies.map((hex) => Buffer.from(hex, 'hex')).find((bytes) => bytes[0] === XsType.TRANSACTION_START);
    if (reply !== undefined) started.set(conn, [...ids, Number.parseInt(reply.toString('latin1', 16), 10)]);
    const tags = type === XsType.DIRECTORY_PART ? ['gencnt-opaque'] : [];
    const name = Object.entries(XsType).find(([, number]) => number === type)?.[0] ?? type;
    note({
      action: 'send',
      conn,
      in: `${conn} ${name} tx=${transactionId} ${JSON.stringify(payload)}`,
      req: Buffer.from(frame).toString('hex'),
      replies,
      events,
      tags,
    });
  }

  function takeAll(): { [conn: string]: string[] } {
    const all: { [conn: string]: string[] } = {};
    for (const [conn, inbox] of inboxes) {
      const frames = inbox.take();
      if (frames.length > 0) all[conn] = frames;
    }
    return all;
  }
}
