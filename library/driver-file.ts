/**
 * Driver files: modules that a person writes, whose default export is a driver. `import ... from 'quiesce'` in them is
 * this library, wherever they lie.
 */
import { createHash } from 'node:crypto';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuiesceError } from '../protocol/errors.js';
import type { TpmbackEntry, TpmfrontEntry } from '../simulator/drivers.js';
import { driverError, placeIn, thrownText } from './driver-rules.js';
import { type Exported, tpmbackEntry, tpmfrontEntry } from './driver-shape.js';
import { driverWatch } from './driver-watch.js';
import { readText } from './files.js';

const TYPESCRIPT = /\.m?ts$/;
const ENDING = /\.m?[jt]s$/;

/** Addresses of the files that were loaded, by the names they were given. */
const loaded = new Map<string, string>();
let hooked = false;

/** Whether a driver is named by its file: what has the ending of a module, or names a folder. */
export function isDriverFile(name: string): boolean {
  return ENDING.test(name) || /[/\\]/.test(name);
}

/** Throws `USAGE` for a file that cannot be read, `BAD_DRIVER` for one that breaks a rule. */
export async function loadTpmfront(file: string): Promise<TpmfrontEntry> {
  return tpmfrontEntry(await exportedBy(file));
}

/** Throws `USAGE` for a file that cannot be read, `BAD_DRIVER` for one that breaks a rule. */
export async function loadTpmback(file: string): Promise<TpmbackEntry> {
  return tpmbackEntry(await exportedBy(file));
}

/**
 * An error that came out of the code of a driver file, as `BAD_DRIVER`; any other as it is. Errors of steps do not come
 * here: they are failures of an oracle.
 */
export function blamed(error: unknown): unknown {
  if (error instanceof QuiesceError) return error;
  for (const [name, url] of loaded) {
    const place = placeIn(error, url);
    if (place !== '') return driverError(name + place, 'throws', `it throws ${thrownText(error)}`);
  }
  return error;
}

async function exportedBy(file: string): Promise<Exported> {
  // A schedule names the driver by this name, on a line of its own.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (file.trim() !== file || /[\u0000-\u001f\u007f]/.test(file))
    throw new QuiesceError('USAGE', `expected a printable file name, found ${JSON.stringify(file)}`);
  const text = readText(file);
  if (!ENDING.test(file))
    throw new QuiesceError('USAGE', `${file}: expected a driver file that ends in .ts, .mts, .js or .mjs`);
  hook();
  // Node keeps a module for good: a file that was changed since is another one.
  const url = `${pathToFileURL(resolve(file)).href}?${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  loaded.set(file, url);
  const watch = driverWatch();
  const before = watch?.enter(watch.numberOf('its loading', file));
  try {
    const module: unknown = await import(url);
    return { name: file, url, value: Reflect.get(module as object, 'default') };
  } catch (error) {
    await locateSyntaxError(file, text, error);
    throw loadError(file, url, error);
  } finally {
    if (before !== undefined) watch?.leave(before);
  }
}

/**
 * Throws the error of a faulty file with its own name and place. Of an error of syntax in JavaScript Node tells no place,
 * and one in TypeScript comes from the thread of the hooks. The eraser is large, so it is loaded here only when needed.
 */
async function locateSyntaxError(file: string, text: string, error: unknown): Promise<void> {
  if (!(error instanceof SyntaxError) && !TYPESCRIPT.test(file)) return;
  const { eraseTypes } = await import('./erase-types.js');
  eraseTypes(file, text);
}

function loadError(file: string, url: string, error: unknown): Error {
  // Errors of the hooks come from another thread: of their class only the name is left.
  if (error instanceof Error && error.name === 'QuiesceError') return new QuiesceError('BAD_DRIVER', error.message);
  const text = thrownText(error).replaceAll(url, file);
  const rule = error instanceof SyntaxError && !text.includes('does not provide an export') ? 'compiles' : 'loads';
  return driverError(file + placeIn(error, url), rule, rule === 'compiles' ? text : `loading it throws ${text}`);
}

function hook(): void {
  if (hooked) return;
  hooked = true;
  register(new URL('./driver-hooks.js', import.meta.url), { data: new URL('./index.js', import.meta.url).href });
}
