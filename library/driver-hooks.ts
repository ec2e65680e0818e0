/**
 * How Node finds and reads the modules of a driver file, see `module.register`: `quiesce` is this very library wherever
 * the file lies, `./a.js` may be `./a.ts`, and TypeScript has its types erased. Runs in a thread of its own.
 */
import { readFile } from 'node:fs/promises';
import type { InitializeHook, LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import { eraseTypes } from './erase-types.js';

const TYPESCRIPT = /\.m?ts$/;

let library = '';

/** `data` is the address of the library's entry. */
export const initialize: InitializeHook<string> = async (data) => {
  library = data;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  if (specifier === 'quiesce') return { url: library, format: 'module', shortCircuit: true };
  try {
    return await next(specifier, context);
  } catch (error) {
    // TypeScript is written with the names of the files that would be compiled from it.
    const source = specifier.replace(/\.(m?)js$/, '.$1ts');
    if (!specifier.startsWith('.') || source === specifier) throw error;
    try {
      return await next(source, context);
    } catch {
      throw error;
    }
  }
};

export const load: LoadHook = async (url, context, next) => {
  if (!url.startsWith('file:') || !TYPESCRIPT.test(new URL(url).pathname)) return await next(url, context);
  const path = fileURLToPath(url);
  const source = eraseTypes(path, await readFile(path, 'utf8'));
  return { format: 'module', source, shortCircuit: true };
};
