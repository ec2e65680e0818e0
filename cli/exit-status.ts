/**
 * What the program's exit status says, and what becomes of an error.
 */
import { QuiesceError } from '../protocol/errors.js';

export const EXIT = {
  /** What was asked holds. */
  holds: 0,
  /** An oracle failed, or a verdict is not the expected one. */
  fails: 1,
  /** The question could not be answered: wrong usage, bad input, a bound that was reached. */
  refused: 2,
  /** The program itself is at fault. */
  fault: 3,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** The exit status for an error that ended a command, and the text for standard error. */
export function explain(error: unknown): { readonly status: ExitStatus; readonly text: string } {
  if (error instanceof QuiesceError) return { status: EXIT.refused, text: oneLine(error.message) };
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: EXIT.fault, text: `this is a fault of quiesce itself, please report it:\n${detail}` };
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}
