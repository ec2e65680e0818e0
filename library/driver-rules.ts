/**
 * What a driver of one's own must keep to, and the error that names the file and the rule it breaks.
 */
import { QuiesceError } from '../protocol/errors.js';

export const DRIVER_RULES = {
  compiles: 'a driver file is JavaScript, or TypeScript whose types can be erased',
  loads: 'a driver file is loaded without an error',
  shape: 'the default export of a driver file is a driver',
  connects: 'the driver gets connected when nothing goes wrong',
  ends: 'every step ends',
  memory: 'a driver keeps what it knows in its memory, and uses neither chance nor a clock',
  throws: 'what only looks (conditions of steps, accepts, port) never throws',
} as const;

export type DriverRule = keyof typeof DRIVER_RULES;

/** `place` is the file, with line and column where they are known; `found` what is wrong there. */
export function driverError(place: string, rule: DriverRule, found: string): QuiesceError {
  return new QuiesceError('BAD_DRIVER', `${place}: ${found} (rule '${rule}': ${DRIVER_RULES[rule]})`);
}

/** The text of whatever was thrown. */
export function thrownText(thrown: unknown): string {
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  try {
    return String(thrown);
  } catch {
    return 'something that cannot be shown';
  }
}

/** `:line:column` of the innermost frame of `thrown` that lies in the module `url`; empty when none does. */
export function placeIn(thrown: unknown, url: string): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  const at = stack.indexOf(`${url}:`);
  return at < 0 ? '' : (/^:\d+(?::\d+)?/.exec(stack.slice(at + url.length))?.[0] ?? '');
}
