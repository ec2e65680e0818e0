import t, { type Test } from 'tap';
import { XsType } from '../../protocol/xs-wire.js';
import type { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { codeOf } from '../support/xenstore-client-story.js';
import { connectFake, type FakeLink } from '../support/xenstore-fake-transport.js';

/** Begins a listing that the daemon finds too big. */
async function begin(): Promise<{ client: XenstoreClient; link: FakeLink; list: Promise<string[]> }> {
  const { client, link } = await connectFake();
  const list = client.directory('/d');
  link.error(await link.next(), 'E2BIG');
  return { client, link, list };
}

/** Answers the next request, which must ask for the part at `offset`. */
async function part(t: Test, link: FakeLink, offset: number, payload: string): Promise<void> {
  const request = await link.next();
  t.match(request, { type: XsType.DIRECTORY_PART, payload: `/d\0${offset}\0` });
  link.reply(request, payload);
}

t.test('a list in parts is put together', async (t) => {
  const { link, list } = await begin();
  await part(t, link, 0, '17\0one\0three\0');
  await part(t, link, 10, '17\0four\0');
  await part(t, link, 15, '17\0five\0\0');
  t.strictSame(await list, ['one', 'three', 'four', 'five']);
});

t.test('the last part may be empty', async (t) => {
  const { link, list } = await begin();
  await part(t, link, 0, '17\0one\0');
  await part(t, link, 4, '17\0\0');
  t.strictSame(await list, ['one']);
});

t.test('a list that changes meanwhile is fetched afresh', async (t) => {
  const { link, list } = await begin();
  await part(t, link, 0, '17\0one\0');
  await part(t, link, 4, '18\0two\0\0');
  await part(t, link, 0, '18\0other\0');
  await part(t, link, 6, '18\0two\0\0');
  t.strictSame(await list, ['other', 'two']);
});

t.test('but not for ever', async (t) => {
  const { link, list } = await begin();
  let settled = false;
  const code = codeOf(list).finally(() => {
    settled = true;
  });
  let generation = 0;
  let requests = 0;
  while (!settled && requests < 1000) {
    const request = await Promise.race([link.next(), code]);
    if (typeof request === 'string') break;
    requests++;
    link.reply(request, `${generation++}\0name\0`);
  }
  t.equal(await code, 'CONFLICT');
});

t.test('a daemon that does not know parts is no better off: E2BIG', async (t) => {
  const { link, list } = await begin();
  link.error(await link.next(), 'ENOSYS');
  await t.rejects(list, { code: 'E2BIG', request: 'DIRECTORY', path: '/d', fromDaemon: true });
});

t.test('the node goes away meanwhile', async (t) => {
  const { link, list } = await begin();
  await part(t, link, 0, '17\0one\0');
  link.error(await link.next(), 'ENOENT');
  t.equal(await codeOf(list), 'ENOENT');
});

t.test('parts that lead nowhere end the connection', async (t) => {
  for (const payload of ['', '17', '17\0', '\0one\0', '17\0one', '17\0one\0\0two\0']) {
    const { link, list } = await begin();
    await part(t, link, 0, payload);
    await t.rejects(list, { code: 'DISCONNECTED', cause: { code: 'PROTOCOL' } }, JSON.stringify(payload));
    t.ok(link.isClosed);
  }
});
