/**
 * A backend gets SIGKILL together with the toolstack that would have cleared up after it: the next toolstack does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { lockFile, readHolder } from '../../live/toolstack/part-lock.js';
import { quiesce } from '../support/fake-terminal.js';
import { LiveRun } from '../support/live/live-run.js';

const skip = native() === null ? 'koffi is not installed' : false;

t.test('the next backend begins with nothing of the dead one', { skip, timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-double-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const trace = `${folder}/trace`;
  const live = await LiveRun.begin({ trace });
  t.teardown(() => live.end());
  await live.extend();
  const holders = ['toolstack', 'a/backend.json'].map((part) => readHolder(lockFile(`${live.directory}/${part}`)));
  // The toolstack first: it is not to see that the other dies.
  for (const holder of holders) process.kill(holder?.pid ?? 0, 'SIGKILL');
  await live.settled();
  await live.extendAgain();
  t.same(await live.pcr(), live.expected);
  t.strictSame(await live.end(), { files: false, processes: [] });
  const { status, out } = await quiesce(['live', 'conform', trace]);
  t.equal(status, 0, out);
  t.match(out, 'accepted in live+backend-kills=1');
});
