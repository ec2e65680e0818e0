/** Paths found again where they lie in requests. */
import t from 'tap';
import { type Path, resolvePath } from '../xenstore-sim/path.js';
import { hashesOfLevels, hashPath, keepPath, keptPath } from '../xenstore-sim/path-bytes.js';

function pathOf(text: string): Path {
  const path = resolvePath(text, 0);
  if (path === null) throw new Error(`no path: ${text}`);
  return path;
}

/** `text` with other bytes around it. */
const input = (text: string): Uint8Array => Buffer.from(`frame${text}\0value`, 'latin1');
const keptAt = (text: string): Path | undefined => keptPath(input(text), 5, 5 + text.length);

t.test('the hashes are those of the path and of each above it', async (t) => {
  const path = pathOf('/local/domain/5/device');
  const expected: number[] = [];
  for (let at: Path | null = path; at !== null; at = at.parent) expected.unshift(at.hashLow);
  const levels = hashPath(input(path.text), 5, 5 + path.text.length);
  t.strictSame([...hashesOfLevels.subarray(0, levels + 1)], expected);
});

t.test('a path is found again, and no other in its place', async (t) => {
  const paths = Array.from({ length: 20_000 }, (_, i) => pathOf(`/directory-${i % 100}/${'long-'.repeat(i % 3)}${i}`));
  for (const path of paths) {
    t.equal(keptAt(path.text) ?? path, path);
    keepPath(path);
    if (keptAt(path.text) !== path) throw new Error(`not kept: ${path.text}`);
  }
  // Most have been forgotten by now; what is found is what was asked for.
  const found = paths.map((path) => keptAt(path.text));
  t.ok(found.every((each, i) => each === undefined || each.text === (paths[i] as Path).text));
  const there = found.filter((each) => each !== undefined).length;
  t.ok(there > 1000 && there < 5000, `${there} of them`);
});

t.test('a path that begins like another one of the same place is not that one', async (t) => {
  const place = (path: Path): number => path.hashLow & 4095;
  const short = pathOf('/a/state');
  const longer = Array.from({ length: 100_000 }, (_, i) => `${short.text}-${i}`).find(
    (text) => place(pathOf(text)) === place(short),
  );
  if (longer === undefined) throw new Error('expected one of 100000 paths to have that hash');
  keepPath(short);
  t.equal(keptAt(longer), undefined);
  keepPath(pathOf(longer));
  t.equal(keptAt(short.text), undefined);
  t.equal(keptAt(longer)?.text, longer);
});

t.test('very long paths are not kept', async (t) => {
  const long = pathOf(`/${'a'.repeat(300)}`);
  keepPath(long);
  t.equal(keptAt(long.text), undefined);
});
