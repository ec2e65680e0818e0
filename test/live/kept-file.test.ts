/**
 * A file that is whole or the one before, whatever is cut off, and that needs no more room once it has some.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t, { type Test } from 'tap';
import { KeptFile, writeInPlace } from '../../live/files/kept-file.js';

const RESERVE = 300;

function folder(t: Test): string {
  const made = mkdtempSync(`${tmpdir()}/quiesce-kept-`);
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const textOf = (path: string): string | undefined => new KeptFile(path, RESERVE, false).read()?.toString('latin1');

t.test('the last that was written is read, by whoever comes', async (t) => {
  const path = `${folder(t)}/state`;
  t.equal(textOf(path), undefined);
  const file = new KeptFile(path, RESERVE, true);
  for (const text of ['a', 'bb', 'c'.repeat(1000), '', 'd']) {
    file.write(Buffer.from(text, 'latin1'));
    t.equal(textOf(path), text);
  }
  new KeptFile(path, RESERVE, false).write(Buffer.from('e'));
  t.equal(textOf(path), 'e', 'a successor goes on where it was');
  for (const slot of ['0', '1']) t.equal(statSync(`${path}.${slot}`).mode & 0o777, 0o600);
});

t.test('a write that is cut off at any byte leaves the one before', async (t) => {
  const path = `${folder(t)}/state`;
  const file = new KeptFile(path, 0, false);
  for (const text of ['before', 'first', 'second']) file.write(Buffer.from(text));
  // The third write went to the slot of the first.
  const [later, earlier] = ['1', '0'].map((slot) => `${path}.${slot}`) as [string, string];
  const whole = readFileSync(later);
  file.write(Buffer.from('third!'));
  t.equal(textOf(path), 'third!');
  const next = readFileSync(earlier);
  const previous = Buffer.concat([whole.subarray(0, 8), Buffer.alloc(next.length - 8, 7)]);
  for (let cut = 0; cut < next.length; cut++) {
    writeFileSync(earlier, Buffer.concat([next.subarray(0, cut), previous.subarray(cut)]));
    t.equal(textOf(path), 'second', `${cut} bytes`);
  }
  for (let length = 0; length < next.length; length++) {
    writeFileSync(earlier, next);
    truncateSync(earlier, length);
    t.equal(textOf(path), 'second', `a file of ${length} bytes`);
  }
  for (let bit = 0; bit < next.length * 8; bit++) {
    const damaged = Buffer.from(next);
    damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
    writeFileSync(earlier, damaged);
    t.equal(textOf(path), 'second', `bit ${bit}`);
  }
});

t.test('what is written in place for others has its length', async (t) => {
  const path = `${folder(t)}/config`;
  for (const text of ['{"a":1}', `{"b":"${'x'.repeat(100)}"}`, '{}']) {
    writeInPlace(path, text, 64);
    t.equal(readFileSync(path, 'utf8').trimEnd(), text);
    t.equal(statSync(path).size, Math.max(64, text.length));
  }
});

t.test('on a full disk', async (t) => {
  const place = folder(t);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place]).status !== 0) {
    t.comment('only root can make a small disk');
    t.pass();
    return;
  }
  t.teardown(() => execFileSync('umount', ['-l', place]));
  const [path, config] = [`${place}/state`, `${place}/config`];
  const file = new KeptFile(path, 3000, true);
  file.write(Buffer.from('first'));
  writeInPlace(config, 'first', 4096);
  t.throws(() => writeFileSync(`${place}/filler`, Buffer.alloc(65_536)), { code: 'ENOSPC' });
  for (let i = 0; i < 5; i++) {
    file.write(Buffer.alloc(3000, i));
    t.strictSame(file.read(), Buffer.alloc(3000, i));
  }
  writeInPlace(config, 'second', 4096);
  t.equal(readFileSync(config, 'utf8').trimEnd(), 'second');
  t.throws(() => file.write(Buffer.alloc(10_000, 9)), { code: 'ENOSPC' });
  t.strictSame(file.read(), Buffer.alloc(3000, 4), 'what does not fit changes nothing');
  t.throws(() => new KeptFile(`${place}/other`, 3000, true).write(Buffer.from('x')), { code: 'ENOSPC' });
  rmSync(`${place}/filler`);
  file.write(Buffer.alloc(10_000, 9));
  t.strictSame(file.read(), Buffer.alloc(10_000, 9));
});
