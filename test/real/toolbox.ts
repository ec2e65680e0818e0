/**
 * Where the real programs are, and the C compiler: Debian's packages xenstore-utils, xen-utils-4.17, libxen-dev, gcc.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const XEN = '/usr/lib/xen-4.17/bin';

export type DaemonKind = 'c' | 'ocaml';
export const DAEMON_KINDS: readonly DaemonKind[] = ['c', 'ocaml'];

export const DAEMON_PROGRAMS: { readonly [kind in DaemonKind]: string } = {
  c: join(XEN, 'xenstored'),
  ocaml: join(XEN, 'oxenstored'),
};

/** Debian's wrapper of that name refuses to run without a hypervisor; this is what it wraps. */
const CONTROL = join(XEN, 'xenstore-control');

/** The program that a recorded command `name` runs. */
export function toolProgram(name: string): string {
  return name === 'xenstore-control' ? CONTROL : name;
}

/** What the tests of xenstore need and this machine lacks; empty when they can run. */
export function missingParts(): string[] {
  const programs = [...Object.values(DAEMON_PROGRAMS), CONTROL, 'xenstore', 'xenstore-ls', 'xenstore-watch', 'cc'];
  const headers = ['/usr/include/xenstore.h', '/usr/include/xenctrl.h'];
  return [...programs.filter((name) => !executable(name)), ...headers.filter((path) => !existsSync(path))];
}

export function executable(name: string): boolean {
  const { PATH = '' } = process.env;
  const places = name.includes('/') ? [name] : PATH.split(delimiter).map((folder) => join(folder, name));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const folders = new Set<string>();
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder with a short path (addresses of sockets have at most 107 bytes); gone at the end of the process at the latest. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-real-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

const compiled = new Map<string, string>();

/** Compiles the C file `source` (path from the package's root), once a process. Returns the path of what came out. */
export function compileC(source: string, ...options: readonly string[]): string {
  const key = [source, ...options].join(' ');
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const output = join(temporaryFolder(), 'out');
  const arguments_ = ['-O1', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-o', output, source, ...options];
  const { status, stderr, error } = spawnSync('cc', arguments_, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cc ${arguments_.join(' ')}: ${error?.message ?? stderr}`);
  compiled.set(key, output);
  return output;
}
