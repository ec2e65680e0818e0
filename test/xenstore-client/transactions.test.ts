import t from 'tap';
import { type XsFrame, XsType, xsTypeName } from '../../protocol/xs-wire.js';
import { XenstoreError } from '../../xenstore-sim/client/index.js';
import { codeOf } from '../support/xenstore-client-story.js';
import { connectFake, type FakeLink } from '../support/xenstore-fake-transport.js';

/** A daemon whose first `conflicts` commits fail, with ids that skip as those of oxenstored do. */
function daemon(conflicts: number): (frame: XsFrame, link: FakeLink) => void {
  let id = 1;
  let left = conflicts;
  return (frame, link) => {
    if (frame.type === XsType.TRANSACTION_START) {
      id += 2;
      link.reply(frame, `${id}\0`);
    } else if (frame.type === XsType.TRANSACTION_END && frame.payload === 'T\0' && left > 0) {
      left--;
      link.error(frame, 'EAGAIN');
    } else link.reply(frame, frame.type === XsType.READ ? 'v' : 'OK\0');
  };
}

const lines = (link: FakeLink): string[] =>
  link.requests.map(({ type, transactionId, payload }) => `${xsTypeName(type)} ${transactionId} ${payload}`);

t.test('a transaction in conflict is done again', async (t) => {
  const { client, transport, link } = await connectFake();
  transport.onRequest = daemon(1);
  const result = await client.transaction(async (tx) => {
    await tx.write('/a', 'v');
    return tx.readText('/b');
  });
  t.equal(result, 'v');
  t.strictSame(lines(link), [
    'TRANSACTION_START 0 \0',
    'WRITE 3 /a\0v',
    'READ 3 /b\0',
    'TRANSACTION_END 3 T\0',
    'TRANSACTION_START 0 \0',
    'WRITE 5 /a\0v',
    'READ 5 /b\0',
    'TRANSACTION_END 5 T\0',
  ]);
});

t.test('and again, up to a bound', async (t) => {
  for (const [attempts, conflicts, code] of [
    [3, 2, 'OK'],
    [3, 3, 'CONFLICT'],
    [1, 1, 'CONFLICT'],
    [undefined, 49, 'OK'],
    [undefined, 50, 'CONFLICT'],
  ] as const) {
    const { client, transport } = await connectFake();
    transport.onRequest = daemon(conflicts);
    let tries = 0;
    const run = client.transaction(async () => void tries++, { attempts });
    t.equal(await codeOf(run), code);
    t.equal(tries, Math.min(conflicts + 1, attempts ?? 50));
  }
  const { client, transport } = await connectFake();
  transport.onRequest = daemon(5);
  await t.rejects(
    client.transaction(async () => undefined, { attempts: 2 }),
    {
      code: 'CONFLICT',
      cause: { code: 'EAGAIN' },
    },
  );
});

t.test('an error in the work aborts the transaction and is passed on', async (t) => {
  const mishap = new Error('mishap');
  const works = [
    async () => {
      throw mishap;
    },
    () => {
      throw mishap;
    },
  ];
  for (const work of works) {
    const { client, transport, link } = await connectFake();
    transport.onRequest = daemon(0);
    await t.rejects(client.transaction<void>(work), mishap);
    await client.read('/a');
    t.strictSame(lines(link), ['TRANSACTION_START 0 \0', 'TRANSACTION_END 3 F\0', 'READ 0 /a\0']);
  }
});

t.test('errors other than a conflict are not tried again', async (t) => {
  for (const name of ['ENOMEM', 'ENOENT', 'EQUOTA']) {
    const { client, link } = await connectFake();
    const run = client.transaction(async () => undefined);
    link.reply(await link.next(), '1\0');
    link.error(await link.next(), name);
    const error = await run.catch((reason: unknown) => reason);
    t.ok(error instanceof XenstoreError && error.code === name);
    t.equal(error instanceof XenstoreError && error.isQuota, name !== 'ENOENT');
    t.equal(link.requests.length, 2);
  }
});

t.test('a transaction that has ended takes no more requests', async (t) => {
  const { client, transport, link } = await connectFake();
  transport.onRequest = daemon(0);
  const transaction = await client.startTransaction();
  await transaction.commit();
  t.equal(await codeOf(transaction.read('/a')), 'BAD_ARGUMENT');
  t.equal(await codeOf(transaction.abort()), 'BAD_ARGUMENT');
  t.equal(link.requests.length, 2);
});

t.test('the connection is lost: the transaction fails, and is not tried again', async (t) => {
  const { client, link } = await connectFake();
  let tries = 0;
  const run = client.transaction(async (tx) => {
    tries++;
    await tx.write('/a', 'v');
  });
  link.reply(await link.next(), '1\0');
  await link.next();
  link.lose();
  await t.rejects(run, { code: 'DISCONNECTED', outcomeUnknown: true, path: '/a' });
  t.equal(tries, 1);
});
