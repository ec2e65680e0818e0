import t from 'tap';
import { blank, importsOf, readSources, resolveImport } from '../support/source.js';

/** Everything `path` imports, and what that imports, packages included. */
function reachable(path: string, sources: ReadonlyMap<string, string>): Set<string> {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = sources.get(file);
    if (text === undefined) return;
    for (const specifier of importsOf(blank(text))) visit(resolveImport(file, specifier));
  };
  visit(path);
  return seen;
}

t.test('the client and two of its transports run in a browser', async (t) => {
  const sources = new Map(readSources(process.cwd()).map(({ path, text }) => [path, text]));
  for (const entry of ['index', 'web-socket', 'in-process']) {
    const path = `xenstore-sim/client/${entry}.ts`;
    t.ok(sources.has(path));
    const packages = [...reachable(path, sources)].filter((name) => !sources.has(name));
    t.strictSame(
      packages.filter((name) => name !== 'eventemitter3'),
      [],
      entry,
    );
    const files = [...reachable(path, sources)].filter((name) => name.startsWith('xenstore-sim/client/'));
    for (const file of files) {
      t.notMatch(blank(sources.get(file) ?? '').code, /(?<![.\w])(?:Buffer|process|setImmediate)\b(?!\s*\??:)/, file);
    }
  }
  t.ok(reachable('xenstore-sim/client/unix-socket.ts', sources).has('node:net'), 'what is forbidden would be found');
});
