/**
 * TypeScript into JavaScript by putting blanks where the types were, so every line and column stays what it was. What
 * cannot be erased (enums, namespaces, parameter properties) is refused, as Node itself refuses it. Nothing is checked:
 * that is for tsc.
 *
 * @swc/wasm-typescript is the part that Node's own type stripping is made of: one file, no dependencies, no install
 * script, nothing that depends on the platform.
 */
import { transformSync } from '@swc/wasm-typescript';
import { driverError } from './driver-rules.js';

/** Throws `BAD_DRIVER` with `file:line:column`. `file` is the name that messages use. */
export function eraseTypes(file: string, text: string): string {
  try {
    return transformSync(text, { mode: 'strip-only', module: true, filename: file }).code;
  } catch (error) {
    const { message, line, column } = detailsOf(error);
    throw driverError(`${file}${line === null ? '' : `:${line}:${column}`}`, 'compiles', message);
  }
}

/** What the eraser throws is a plain object, or a text. Columns count from 0 there. */
function detailsOf(error: unknown): { message: string; line: number | null; column: number } {
  if (typeof error !== 'object' || error === null) return { message: String(error), line: null, column: 1 };
  const { message, startLine, startColumn } = error as Readonly<Record<string, unknown>> & {
    message?: unknown;
    startLine?: unknown;
    startColumn?: unknown;
  };
  return {
    message: typeof message === 'string' ? message.replace(/\.$/, '') : 'it cannot be parsed',
    line: typeof startLine === 'number' ? startLine : null,
    column: typeof startColumn === 'number' ? startColumn + 1 : 1,
  };
}
