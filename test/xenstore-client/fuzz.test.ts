import fc from 'fast-check';
import t from 'tap';
import { encodeFrame, XS_PAYLOAD_BYTES_MAX, type XsFrame, XsType } from '../../protocol/xs-wire.js';
import { parsePart } from '../../xenstore-sim/client/directory.js';
import { type XenstoreClient, XenstoreError } from '../../xenstore-sim/client/index.js';
import { connectFake, eventFrame, type FakeLink } from '../support/xenstore-fake-transport.js';

const RUNS = 300;

const text = fc
  .array(fc.constantFrom('\0', 'O', 'K', 'E', '/a', 't', '1', 'n0', '\xff', 'E2BIG', 'OK\0', '/a\0t\0', '0\0'), {
    maxLength: 6,
  })
  .map((parts) => parts.join(''));

/** A frame that is nearly right: a type and an id that are likely to be expected, and some payload. */
const likelyFrame = fc
  .record({
    type: fc.oneof(fc.constantFrom(...Object.values(XsType)), fc.nat(200)),
    requestId: fc.nat(12),
    transactionId: fc.nat(2),
    payload: text,
  })
  .map(encodeFrame);
const anyBytes = fc.uint8Array({ maxLength: 60 });

/** A number: the right answer to one of the requests that are open. */
const piece = fc.oneof(
  { weight: 12, arbitrary: fc.nat() },
  { weight: 2, arbitrary: fc.constant(eventFrame('/a', 't')) },
  { weight: 1, arbitrary: likelyFrame },
  { weight: 1, arbitrary: anyBytes },
);

function rightPayload({ type }: XsFrame): string {
  if (type === XsType.READ) return 'value';
  if (type === XsType.DIRECTORY) return 'a\0b\0';
  if (type === XsType.GET_PERMS) return 'n0\0r1\0';
  if (type === XsType.TRANSACTION_START) return '1\0';
  if (type === XsType.IS_DOMAIN_INTRODUCED) return 'T\0';
  if (type === XsType.GET_QUOTA) return 'nodes\0';
  return 'OK\0';
}

/** The requests of a connection that nobody has answered. */
class OpenRequests {
  readonly #link: FakeLink;
  readonly #open: XsFrame[] = [];
  #seen = 0;

  constructor(link: FakeLink) {
    this.#link = link;
  }

  take(choice: number): XsFrame | undefined {
    this.#open.push(...this.#link.requests.slice(this.#seen));
    this.#seen = this.#link.requests.length;
    return this.#open.splice(choice % Math.max(this.#open.length, 1), 1)[0];
  }
}

/** All kinds of requests; each ends somehow. */
function askEverything(client: XenstoreClient): Promise<unknown>[] {
  return [
    client.read('/a'),
    client.write('/a', 'v'),
    client.directory('/a'),
    client.getPermissions('/a'),
    client.watch('/a', () => undefined, { token: 't' }),
    client.transaction(async (tx) => tx.readText('/a'), { attempts: 2 }),
    client.isDomainIntroduced(1),
    client.getQuotaNames(),
    client.control(['check']),
    client.resetWatches(),
  ];
}

/** Names of what the requests ended with that is no XenstoreError; all of them have ended when it returns. */
async function strangeEnds(requests: readonly Promise<unknown>[]): Promise<string[]> {
  const ends = await Promise.allSettled(requests);
  return ends.flatMap((end) =>
    end.status === 'rejected' && !(end.reason instanceof XenstoreError) ? [String(end.reason)] : [],
  );
}

const cut = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

t.test('whatever bytes come, each request ends, with an answer or a typed error', async (t) => {
  let violations = 0;
  let answers = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 64 }), async (pieces, size) => {
      const { client, link } = await connectFake();
      client.events.on('error', () => violations++);
      const requests = askEverything(client);
      for (const request of requests) request.then(() => answers++).catch(() => undefined);
      await link.next();
      const open = new OpenRequests(link);
      for (const next of pieces) {
        if (typeof next === 'number') {
          const request = open.take(next);
          if (request !== undefined) link.reply(request, rightPayload(request));
        } else link.receive(...cut(next, size));
        await Promise.resolve();
      }
      if (!link.isClosed) link.lose();
      return (await strangeEnds(requests)).length === 0;
    }),
    { numRuns: RUNS },
  );
  t.ok(violations > RUNS / 10, `violations were among them: ${violations}`);
  t.ok(answers > RUNS / 10, `answers were among them: ${answers}`);
});

t.test('right answers with strange payloads, in any order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(), text, fc.boolean()), { maxLength: 40 }), async (answers) => {
      const { client, link } = await connectFake();
      const requests = askEverything(client);
      await link.next();
      const open = new OpenRequests(link);
      for (const [choice, payload, isError] of answers) {
        const request = open.take(choice);
        if (request === undefined) break;
        if (isError) link.error(request, payload.replaceAll('\0', ''));
        else link.reply(request, payload);
        await Promise.resolve();
      }
      if (!link.isClosed) link.lose();
      return (await strangeEnds(requests)).length === 0;
    }),
    { numRuns: RUNS },
  );
});

t.test('a part of a directory is taken apart, or refused', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('\0', 'a', 'bc', '1'), { maxLength: 12 }), (pieces) => {
      const payload = pieces.join('');
      try {
        const { generation, names, bytes, isLast } = parsePart(payload);
        const again = `${generation}\0${names.map((name) => `${name}\0`).join('')}${isLast ? '\0' : ''}`;
        return again === payload && bytes === names.join('').length + names.length && (isLast || bytes > 0);
      } catch (error) {
        return error instanceof XenstoreError && error.code === 'PROTOCOL';
      }
    }),
  );
});

t.test('whatever is written comes out as it went in, or is refused as too big', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 4200, size: 'max' }), { maxLength: 8 }), async (values) => {
      const { client, link } = await connectFake();
      const writes = values.map((value, i) => client.write(`/${i}`, value));
      const settled = Promise.allSettled(writes);
      client.close();
      const ends = await settled;
      const fitting = values.filter((value) => value.length + 3 <= XS_PAYLOAD_BYTES_MAX);
      t.equal(
        ends.filter((end) => end.status === 'rejected' && end.reason.code === 'TOO_BIG').length,
        values.length - fitting.length,
      );
      return link.requests.every(({ payload }, i) => {
        const value = payload.slice(payload.indexOf('\0') + 1);
        return value === Buffer.from(fitting[i] ?? []).toString('latin1');
      });
    }),
    { numRuns: 50 },
  );
});
