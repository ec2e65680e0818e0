import t from 'tap';
import { XsType, type XsTypeName } from '../../protocol/xs-wire.js';
import type { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { codeOf } from '../support/xenstore-client-story.js';
import { connectFake } from '../support/xenstore-fake-transport.js';

type Case = readonly [XsTypeName, (client: XenstoreClient) => Promise<unknown>, payload: string];

/** Payloads as in xs_wire.h and xenstore.txt. */
const CASES: readonly Case[] = [
  ['READ', (c) => c.read('/a'), '/a\0'],
  ['READ', (c) => c.readText('a'), 'a\0'],
  ['WRITE', (c) => c.write('/a', 'v'), '/a\0v'],
  ['WRITE', (c) => c.write('/a', ''), '/a\0'],
  ['WRITE', (c) => c.write('/a', '\u00fc'), '/a\0\xc3\xbc'],
  ['WRITE', (c) => c.write('/a', Uint8Array.of(0, 255)), '/a\0\0\xff'],
  ['MKDIR', (c) => c.mkdir('/a'), '/a\0'],
  ['RM', (c) => c.rm('/a'), '/a\0'],
  ['DIRECTORY', (c) => c.directory('/a'), '/a\0'],
  ['GET_PERMS', (c) => c.getPermissions('/a'), '/a\0'],
  [
    'SET_PERMS',
    (c) =>
      c.setPermissions('/a', [
        { access: 'n', domid: 0 },
        { access: 'b', domid: 32757 },
      ]),
    '/a\0n0\0b32757\0',
  ],
  ['WATCH', (c) => c.watch('@releaseDomain', () => undefined, { token: 't' }), '@releaseDomain\0t\0'],
  ['WATCH', (c) => c.watch('/a', () => undefined, { token: '', depth: 2 }), '/a\0\x002\0'],
  ['UNWATCH', (c) => c.unwatch('/a', '\u20ac'), '/a\0\xe2\x82\xac\0'],
  ['RESET_WATCHES', (c) => c.resetWatches(), '\0'],
  ['TRANSACTION_START', (c) => c.startTransaction(), '\0'],
  ['INTRODUCE', (c) => c.introduce({ domid: 1, frame: 100, eventChannel: 3 }), '1\x00100\x003\0'],
  ['RELEASE', (c) => c.release(1), '1\0'],
  ['RESUME', (c) => c.resume(1), '1\0'],
  ['SET_TARGET', (c) => c.setTarget(2, 1), '2\x001\0'],
  ['GET_DOMAIN_PATH', (c) => c.getDomainPath(5), '5\0'],
  ['IS_DOMAIN_INTRODUCED', (c) => c.isDomainIntroduced(5), '5\0'],
  ['GET_FEATURE', (c) => c.getFeature(5), '5\0'],
  ['GET_FEATURE', (c) => c.getFeature(), ''],
  ['SET_FEATURE', (c) => c.setFeature(5, 6), '5\x006\0'],
  ['GET_QUOTA', (c) => c.getQuotaNames(), ''],
  ['GET_QUOTA', (c) => c.getQuota('nodes'), 'nodes\0'],
  ['GET_QUOTA', (c) => c.getQuota('nodes', 5), '5\0nodes\0'],
  ['SET_QUOTA', (c) => c.setQuota('nodes', 10), 'nodes\x0010\0'],
  ['SET_QUOTA', (c) => c.setQuota('nodes', 10, 5), '5\0nodes\x0010\0'],
  ['CONTROL', (c) => c.control(['quota', '0']), 'quota\x000\0'],
];

t.test('each request has the payload the protocol wants', async (t) => {
  for (const [type, ask, payload] of CASES) {
    const { client, link } = await connectFake();
    const answer = codeOf(ask(client));
    t.match(await link.next(), { type: XsType[type], transactionId: 0, payload }, type);
    client.close();
    t.equal(await answer, 'DISCONNECTED');
  }
});

t.test('a request whose payload is empty is never the last one: oxenstored would not answer it', async (t) => {
  const { client, link } = await connectFake();
  const names = client.getQuotaNames();
  const [first, second] = [await link.next(), await link.next()];
  t.equal(link.writes, 1);
  t.match(first, { type: XsType.GET_QUOTA, payload: '' });
  t.match(second, { type: XsType.GET_DOMAIN_PATH, payload: '0\0' });
  link.reply(first, 'nodes path-max\0');
  link.error(second, 'EINVAL');
  t.strictSame(await names, ['nodes', 'path-max']);
});

t.test('answers are read as what they are', async (t) => {
  const answers: readonly (readonly [(client: XenstoreClient) => Promise<unknown>, payload: string, unknown])[] = [
    [(c) => c.read('/a'), '\0\xff', Uint8Array.of(0, 255)],
    [(c) => c.readText('/a'), '\xef\xbb\xbf\xc3\xbc\xff', '\ufeff\u00fc\ufffd'],
    [
      (c) => c.getPermissions('/a'),
      'n1\0r4294967295\0',
      [
        { access: 'n', domid: 1 },
        { access: 'r', domid: 4294967295 },
      ],
    ],
    [(c) => c.getDomainPath(1), '/local/domain/1\0', '/local/domain/1'],
    [(c) => c.isDomainIntroduced(1), 'F\0', false],
    [(c) => c.getFeature(1), '14\0', 14],
    [(c) => c.exists('/a'), '', true],
  ];
  for (const [ask, payload, expected] of answers) {
    const { client, link } = await connectFake();
    const answer = ask(client);
    link.reply(await link.next(), payload);
    t.strictSame(await answer, expected);
  }
  for (const [name, expected] of [
    ['ENOENT', false],
    ['EACCES', true],
  ] as const) {
    const { client, link } = await connectFake();
    const answer = client.exists('/a');
    link.error(await link.next(), name);
    t.equal(await answer, expected);
  }
});

t.test('what no request can carry is refused before it is sent', async (t) => {
  const { client, link } = await connectFake();
  const note = (): undefined => undefined;
  const nobody: readonly [] = [];
  const cases: readonly (readonly [string, Promise<unknown>])[] = [
    ['BAD_PATH', client.read('')],
    ['BAD_PATH', client.read('/a\0b')],
    ['BAD_PATH', client.write('/a\0', 'v')],
    ['BAD_PATH', client.read(`/${'x'.repeat(3072)}`)],
    ['BAD_PATH', client.read('x'.repeat(2049))],
    ['BAD_PATH', client.watch('/a\0', note)],
    ['BAD_ARGUMENT', client.watch('/a', note, { token: 'a\0b' })],
    ['BAD_ARGUMENT', client.watch('/a', note, { depth: -1 })],
    ['BAD_ARGUMENT', client.unwatch('/a', '\0')],
    ['BAD_ARGUMENT', client.setPermissions('/a', nobody)],
    ['BAD_ARGUMENT', client.setPermissions('/a', [{ access: 'n', domid: -1 }])],
    ['BAD_ARGUMENT', client.setPermissions('/a', [{ access: 'n', domid: 0.5 }])],
    ['BAD_ARGUMENT', client.release(-1)],
    ['BAD_ARGUMENT', client.release(65536)],
    ['BAD_ARGUMENT', client.getDomainPath(Number.NaN)],
    ['BAD_ARGUMENT', client.introduce({ domid: 1, frame: 1.5, eventChannel: 1 })],
    ['BAD_ARGUMENT', client.control(['a\0b'])],
    ['BAD_ARGUMENT', client.getQuota('a\0b')],
    ['TOO_BIG', client.write('/a', new Uint8Array(4094))],
    ['TOO_BIG', client.write('/a', '\u00fc'.repeat(2047))],
    ['TOO_BIG', client.watch('/a', note, { token: 'x'.repeat(4093) })],
    ['TOO_BIG', client.control(['x'.repeat(4096)])],
  ];
  t.strictSame(
    await Promise.all(cases.map(([, answer]) => codeOf(answer))),
    cases.map(([code]) => code),
  );
  t.equal(link.requests.length, 0);
});

t.test('what is as long as can be is sent', async (t) => {
  const { client, link } = await connectFake();
  const answers = [
    client.write('/a', new Uint8Array(4093)),
    client.read(`/${'x'.repeat(3071)}`),
    client.read('x'.repeat(2048)),
    client.watch('/a', () => undefined, { token: 'x'.repeat(4092) }),
  ].map((answer) => answer.catch(() => undefined));
  await link.next();
  t.strictSame(
    link.requests.map(({ payload }) => payload.length),
    [4096, 3073, 2049, 4096],
  );
  client.close();
  await Promise.all(answers);
});
