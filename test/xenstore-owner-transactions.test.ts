/**
 * Transactions of a daemon are changed in place, and READ and WRITE in them go a shorter way: nobody can tell.
 *
 * A daemon that somebody looks into after each request must keep every state as it was, and takes the long way.
 */
import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, XsType } from '../protocol/xs-wire.js';
import { Daemon } from '../xenstore-sim/daemon.js';
import { C_4_17, C_4_22, OCAML_4_17, type Policy, Store } from '../xenstore-sim/index.js';
import { contentOf } from './support/xenstore-random.js';

const CLIENTS = 3;

const step = fc.record({
  client: fc.nat(CLIENTS - 1),
  type: fc.constantFrom(
    XsType.TRANSACTION_START,
    XsType.WRITE,
    XsType.WRITE,
    XsType.WRITE,
    XsType.READ,
    XsType.READ,
    XsType.RM,
    XsType.MKDIR,
    XsType.DIRECTORY,
    XsType.SET_PERMS,
    XsType.WATCH,
    XsType.TRANSACTION_END,
  ),
  path: fc.constantFrom('/a', '/a/b', '/a/b/c', '/tool'),
  value: fc.constantFrom('', '1', 'a value that needs more room than the others'),
  /** In none, in the oldest open one, or in one that there is not. */
  within: fc.constantFrom('none', 'oldest', 'oldest', 'oldest', 'oldest', 'unknown'),
  ending: fc.constantFrom('T', 'T', 'F'),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const payloadOf = ({ type, path: at, value, ending }: Step): string => {
  switch (type) {
    case XsType.WRITE:
      return `${at}\0${value}`;
    case XsType.TRANSACTION_START:
      return '\0';
    case XsType.TRANSACTION_END:
      return `${ending}\0`;
    case XsType.SET_PERMS:
      return `${at}\0n0\0r1\0`;
    case XsType.WATCH:
      return `${at}\0token\0`;
    default:
      return `${at}\0`;
  }
};

/** Some clients of one daemon, and what each was sent. */
class Conversation {
  readonly daemon: Daemon;
  readonly sent: string[];
  readonly #clients: readonly number[];
  /** Ids of the open transactions of each. */
  readonly #open: readonly number[][];
  readonly #started: number[];

  constructor(policy: Policy) {
    this.daemon = new Daemon(Store.empty(policy));
    this.#clients = Array.from({ length: CLIENTS }, () => this.daemon.connect(0));
    this.sent = this.#clients.map(() => '');
    this.#open = this.#clients.map(() => []);
    this.#started = this.#clients.map(() => 0);
  }

  take(each: Step): void {
    const { client, type, within } = each;
    const open = this.#open[client] as number[];
    const starting = type === XsType.TRANSACTION_START;
    const transactionId = starting || within === 'none' ? 0 : within === 'unknown' ? 999 : (open[0] ?? 0);
    // Ids count up.
    if (starting) open.push(++(this.#started as [number])[client as 0]);
    if (type === XsType.TRANSACTION_END && transactionId === open[0]) open.shift();
    const frame = encodeFrame({ type, requestId: 7, transactionId, payload: payloadOf(each) });
    this.daemon.receive(this.#clients[client] as number, frame);
    this.daemon.flush((connection, bytes) => {
      this.sent[this.#clients.indexOf(connection)] += String.fromCharCode(...bytes);
    });
  }
}

for (const [name, policy] of [
  ['c', C_4_17],
  ['c-4.22', C_4_22],
  ['ocaml', OCAML_4_17],
] as const) {
  t.test(
    `${name}: a daemon that is looked into after each request answers as one that nobody looks into`,
    async (t) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
          const quiet = new Conversation(policy);
          const watched = new Conversation(policy);
          for (const each of steps) {
            quiet.take(each);
            watched.take(each);
            // From now on that store must stay.
            void watched.daemon.store;
          }
          const differing = quiet.sent.findIndex((sent, client) => sent !== watched.sent[client]);
          if (differing >= 0) throw new Error(`${quiet.sent[differing]}\n${watched.sent[differing]}`);
          if (contentOf(quiet.daemon.store, 0) !== contentOf(watched.daemon.store, 0)) throw new Error('other stores');
        }),
        { numRuns: 300 },
      );
      t.pass('for 300 conversations of up to 100 requests');
    },
  );

  t.test(`${name}: a store taken in the middle of transactions stays as it was`, async (t) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.array(step, { maxLength: 20 }), (before, after) => {
        const conversation = new Conversation(policy);
        for (const each of before) conversation.take(each);
        const taken = conversation.daemon.store;
        const content = contentOf(taken, 0);
        for (const each of after) conversation.take(each);
        if (contentOf(taken, 0) !== content) throw new Error('it has changed');
      }),
      { numRuns: 300 },
    );
    t.pass('for 300 conversations');
  });
}
