/**
 * Drives a daemon through every operation of the client, from privileged connections; what differs between the daemons
 * is expected by name (facts: transcripts of the real ones). Needs a store nobody else is using; leaves nothing behind.
 */
import type { Test } from 'tap';
import { hasCode, type XenstoreClient, XenstoreError } from '../../xenstore-sim/client/index.js';

export type DaemonKind = 'c' | 'c-4.22' | 'ocaml';

/** What only the host can do. Without it, domains are not introduced. */
export interface StoryHost {
  /** Makes a domain that can be introduced with frame `frame` and event channel 3. */
  createDomain(domid: number, frame: number): void;
}

const DOMID = 7;
const FRAME = 700;
const LONG_LIST = 400;

/** Code of the error `promise` rejects with; `OK` if it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'OK';
  } catch (error) {
    if (error instanceof XenstoreError) return error.code;
    throw error;
  }
}

/** Notes events, and resolves as soon as a number of them is there. */
export class EventLog {
  readonly events: string[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  readonly note = (event: string): void => {
    this.events.push(event);
    if (this.#waiting !== undefined && this.events.length >= this.#waiting.count) this.#waiting.resolve();
  };

  /** Takes all events, once there are at least `count`. */
  async take(count: number): Promise<string[]> {
    if (this.events.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting = { count, resolve };
      });
      this.#waiting = undefined;
    }
    return this.events.splice(0);
  }
}

export async function clientStory(
  t: Test,
  connect: () => Promise<XenstoreClient>,
  daemon: DaemonKind,
  host?: StoryHost,
): Promise<void> {
  const client = await connect();
  const other = await connect();
  t.teardown(() => {
    client.close();
    other.close();
  });
  const chapter = (name: string, body: (t: Test) => Promise<void>): Promise<unknown> =>
    t.test(`${daemon}: ${name}`, async (t) => {
      await client.rm('/story').catch(() => undefined);
      await body(t);
    });
  const byDaemon = <T>(c: T, ocaml: T): T => (daemon === 'ocaml' ? ocaml : c);

  await chapter('values are bytes, and text is UTF-8', async (t) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await client.write('/story/bytes', bytes);
    t.strictSame(await other.read('/story/bytes'), bytes);
    await client.write('/story/text', 'Gr\u00fc\u00dfe \u{1f600}');
    t.equal(await other.readText('/story/text'), 'Gr\u00fc\u00dfe \u{1f600}');
    await client.write('/story/text', '');
    t.equal((await client.read('/story/text')).length, 0);
    t.equal((await client.read('/story')).length, 0, 'a parent made on the way is empty');
    t.equal(await codeOf(client.read('/story/none')), 'ENOENT');
    await client.write('relative/node', 'v');
    t.equal(await client.readText('/local/domain/0/relative/node'), 'v', 'a relative path is that of domain 0');
    await client.rm('relative');
  });

  await chapter('what is no path or too long is refused', async (t) => {
    for (const path of ['/story/a b', '/story//a', '/story/a/', '/story/a.b', '/story/\u00e4']) {
      t.equal(await codeOf(client.write(path, 'v')), 'EINVAL', path);
    }
    t.equal(
      await codeOf(client.read(`/${'x'.repeat(2049)}`)),
      byDaemon(daemon === 'c-4.22' ? 'ENOENT' : 'EINVAL', 'EINVAL'),
    );
    const tooLong = await client.write('/story/long', 'x'.repeat(4000)).catch((error: unknown) => error);
    if (daemon === 'ocaml') {
      t.ok(hasCode(tooLong, 'E2BIG') && tooLong.isQuota, 'too long a value is a matter of quota');
    } else {
      t.equal((await client.read('/story/long')).length, 4000);
    }
  });

  await chapter('nodes are made, listed and removed', async (t) => {
    for (const name of ['c', 'a', 'b']) await client.mkdir(`/story/${name}`);
    await client.mkdir('/story/a');
    t.strictSame(await client.directory('/story'), byDaemon(['c', 'a', 'b'], ['a', 'b', 'c']));
    t.strictSame(await client.directory('/story/a'), []);
    t.equal(await client.exists('/story/a'), true);
    await client.rm('/story/a');
    await client.rm('/story/a');
    t.equal(await client.exists('/story/a'), false);
    t.equal(await codeOf(client.rm('/story/none/deep')), 'ENOENT');
    t.equal(await codeOf(client.directory('/story/none')), 'ENOENT');
  });

  await chapter('a list that is too long for a reply comes whole', async (t) => {
    const names = Array.from({ length: LONG_LIST }, (_, i) => `child-with-a-long-name-${1000 + i}`);
    await Promise.all(names.map((name) => client.mkdir(`/story/list/${name}`)));
    t.strictSame((await client.directory('/story/list')).sort(), names);
    const inside = await client.transaction(async (tx) => {
      await tx.mkdir('/story/list/z');
      return tx.directory('/story/list');
    });
    t.strictSame(inside.sort(), [...names, 'z']);
  });

  await chapter('permissions are set and read', async (t) => {
    await client.write('/story/p', 'v');
    t.strictSame(await client.getPermissions('/story/p'), [{ access: 'n', domid: 0 }]);
    const entries = [
      { access: 'b', domid: 0 },
      { access: 'r', domid: 51 },
      { access: 'w', domid: 52 },
    ] as const;
    await client.setPermissions('/story/p', entries);
    t.strictSame(await client.getPermissions('/story/p'), entries);
    t.equal(await codeOf(client.setPermissions('/story/p', [{ access: 'n', domid: 59 }])), byDaemon('ENOENT', 'OK'));
    t.equal(await codeOf(client.setPermissions('@releaseDomain', [{ access: 'n', domid: 0 }])), 'OK');
    t.equal(await codeOf(client.getPermissions('/story/none')), 'ENOENT');
  });

  await chapter('watches fire', async (t) => {
    const log = new EventLog();
    const watch = await client.watch('/story/w', log.note);
    t.strictSame(await log.take(1), ['/story/w'], 'once at first');
    await client.write('/story/w/own', '1');
    t.strictSame(await log.take(1), ['/story/w/own'], 'for a change of the watcher');
    await other.write('/story/w/other', '1');
    t.strictSame(await log.take(1), ['/story/w/other'], 'for a change of somebody else');
    await other.write('/story/wide', '1');
    await other.rm('/story/w');
    t.strictSame(await log.take(1), ['/story/w'], 'not for a name with the same beginning');

    const token = watch.token;
    t.equal(await codeOf(client.watch('/story/w', log.note, { token })), 'EEXIST');
    t.equal(await codeOf(client.unwatch('/story/w', 'unknown')), 'ENOENT');
    await watch.unwatch();
    t.equal(await codeOf(client.unwatch('/story/w', token)), 'ENOENT');
    await other.write('/story/w/late', '1');

    await client.write('here/below', '1');
    const relative = await client.watch('here', log.note, { token: '' });
    t.strictSame(await log.take(1), ['here']);
    await other.write('/local/domain/0/here/below', '2');
    t.strictSame(await log.take(1), ['here/below'], 'relative as the watch, with an empty token');
    await relative.unwatch();
    await client.rm('here');

    await client.watch('/story/w', log.note);
    await client.resetWatches();
    await log.take(1);
    await client.write('/story/w/after', '1');
    t.equal(await client.readText('/story/w/after'), '1');
    t.strictSame(log.events, [], 'none after all watches were ended');
  });

  await chapter('transactions take effect together, or not at all', async (t) => {
    const log = new EventLog();
    const watch = await other.watch('/story', log.note);
    await log.take(1);
    const result = await client.transaction(async (tx) => {
      await tx.write('/story/x', '1');
      await tx.setPermissions('/story/x', [{ access: 'r', domid: 0 }]);
      t.equal(await codeOf(other.read('/story/x')), 'ENOENT');
      return (await tx.getPermissions('/story/x'))[0]?.access;
    });
    t.equal(result, 'r');
    t.equal((await log.take(1))[0], '/story/x');
    await watch.unwatch();
    const mishap = new Error('mishap');
    const failed = client.transaction(async (tx) => {
      await tx.write('/story/x', '2');
      throw mishap;
    });
    await t.rejects(failed, mishap);
    t.equal(await other.readText('/story/x'), '1');
    t.equal((await client.startTransaction()).id > 0, true);
  });

  await chapter('a transaction in conflict is done again, so many times', async (t) => {
    await client.write('/story/counter', '0');
    let tries = 0;
    const disturbed = async (times: number, attempts: number): Promise<void> =>
      client.transaction(
        async (tx) => {
          const value = Number(await tx.readText('/story/counter'));
          tries++;
          if (tries <= times) await other.write('/story/counter', String(value + 10));
          await tx.write('/story/counter', String(value + 1));
        },
        { attempts },
      );
    await disturbed(2, 5);
    t.equal(tries, 3);
    t.equal(await client.readText('/story/counter'), '21');
    tries = 0;
    t.equal(await codeOf(disturbed(100, 3)), 'CONFLICT');
    t.equal(tries, 3);
    const open = await client.startTransaction();
    await client.resetWatches();
    t.equal(await codeOf(open.commit()), byDaemon('ENOENT', 'EIO'), 'ended with the watches');
  });

  await chapter('questions about domains are answered', async (t) => {
    t.equal(await client.getDomainPath(65535), '/local/domain/65535');
    t.equal(await client.isDomainIntroduced(0), true);
    t.equal(await client.isDomainIntroduced(DOMID), false);
    t.equal(await codeOf(client.release(DOMID)), byDaemon('ENOENT', 'EINVAL'));
    t.equal(await codeOf(client.setTarget(DOMID, DOMID + 1)), 'ENOENT');
    t.equal(await codeOf(client.resume(0)), byDaemon('EINVAL', 'OK'));
    t.equal(await client.control(['check']), 'OK');
    t.equal(await codeOf(client.control(['nosuch'])), byDaemon('EINVAL', 'OK'));
  });

  if (host !== undefined) {
    await chapter('a domain is introduced and released', async (t) => {
      const log = new EventLog();
      await client.watch('@introduceDomain', log.note);
      await client.watch('@releaseDomain', log.note);
      await log.take(2);
      host.createDomain(DOMID, FRAME);
      await client.introduce({ domid: DOMID, frame: FRAME, eventChannel: 3 });
      t.strictSame(await log.take(1), ['@introduceDomain']);
      t.equal(await client.isDomainIntroduced(DOMID), true);
      t.equal(await codeOf(client.resume(DOMID)), 'OK');
      await client.release(DOMID);
      t.strictSame(await log.take(1), ['@releaseDomain']);
      t.equal(await client.isDomainIntroduced(DOMID), false);
      await client.resetWatches();
    });
  }

  await chapter('features and quotas are those of the daemon', async (t) => {
    if (daemon !== 'c-4.22') {
      t.equal(await codeOf(client.getFeature()), 'ENOSYS');
      t.equal(await codeOf(client.getFeature(0)), 'ENOSYS');
      t.equal(await codeOf(client.setFeature(0, 2)), 'ENOSYS');
      t.equal(await codeOf(client.getQuotaNames()), 'ENOSYS');
      t.equal(await codeOf(client.getQuota('nodes')), 'ENOSYS');
      t.equal(await codeOf(client.setQuota('nodes', 1000)), 'ENOSYS');
      return;
    }
    t.equal(await client.getFeature(), 14);
    t.equal(await client.getFeature(0), 14);
    t.equal(await codeOf(client.setFeature(0, 2)), 'EBUSY');
    t.ok((await client.getQuotaNames()).includes('transaction-nodes'));
    t.equal(await client.getQuota('nodes'), 1000);
    await client.setQuota('nodes', 1500);
    t.equal(await client.getQuota('nodes'), 1500);
    await client.setQuota('nodes', 1000);
    t.equal(await codeOf(client.getQuota('nosuch')), 'EINVAL');
    const log = new EventLog();
    const watch = await client.watch('/story', log.note, { depth: 0 });
    await client.write('/story/below', '1');
    await client.write('/story', '1');
    t.strictSame(await log.take(2), ['/story', '/story'], 'a watch of depth 0 is for the node alone');
    await watch.unwatch();
  });

  await chapter('many requests are in flight at once', async (t) => {
    const paths = Array.from({ length: 500 }, (_, i) => `/story/many/${i}`);
    await Promise.all(paths.map((path) => client.write(path, path)));
    t.strictSame(await Promise.all(paths.map((path) => client.readText(path))), paths);
  });
  await client.rm('/story');
}
