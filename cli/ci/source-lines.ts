/**
 * Where in a driver file the code of a step stands, as far as its text tells: the line that declares a member of the
 * step's name, or of the callback that the step calls. What a driver inherits stands in no file of the person's.
 */
import type { CiCase, DriverSource } from './case.js';

export interface SourceLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Callbacks that steps of the kernel and events run. */
const CALLBACKS: readonly (readonly [RegExp, string])[] = [
  [/^guest\d+\.xenwatch\/otherend/, 'otherendChanged'],
  [/^guest\d+\.kernel\/dpm_suspend/, 'suspend'],
  [/^guest\d+\.kernel\/xs_suspend/, 'suspended'],
  [/^guest\d+\.kernel\/suspend_cancel$/, 'suspendCancelled'],
  [/^guest\d+\.kernel\/dpm_resume$/, 'resume'],
  [/^guest\d+\.kernel\/thaw_tasks$/, 'resumed'],
  [/^guest\d+\.user\/issue$/, 'submit'],
  [/^tpmback\d+\/watches$/, 'watchesFired'],
];

/** The line of a step of a schedule; null when it is nobody's, or inherited. */
export function lineOfStep(step: string, sources: readonly DriverSource[]): SourceLine | null {
  const inside = /^fault\/kill \S+ in (.*) after store \d+$/.exec(step)?.[1] ?? step;
  const end = /^guest\d+\./.test(inside) ? 'tpmfront' : /^tpmback\d+[./]/.test(inside) ? 'tpmback' : null;
  const source = sources.find((candidate) => candidate.end === end);
  const member = CALLBACKS.find(([pattern]) => pattern.test(inside))?.[1] ?? /\/(\w+)$/.exec(inside)?.[1];
  if (source === undefined || member === undefined) return null;
  const camel = member.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const line = declaredAt(source.text, member) ?? declaredAt(source.text, camel);
  return line === null ? null : { file: source.file, line };
}

/**
 * The line that stands for a whole failure: that of the last step that has one, else that of the default export; null
 * without a driver file.
 */
export function lineOfCase({ schedule, sources }: CiCase): SourceLine | null {
  for (let at = schedule.length - 1; at >= 0; at--) {
    const found = lineOfStep(schedule[at] as string, sources);
    if (found !== null) return found;
  }
  const [source] = sources;
  return source === undefined
    ? null
    : { file: source.file, line: lineAt(source.text, /^[ \t]*export default\b/m) ?? 1 };
}

/** A method, a property, or a step in the table of a task, at the beginning of a line. A call ends in a semicolon. */
function declaredAt(text: string, member: string): number | null {
  const words = '(?:(?:public|protected|private|override|readonly|static)[ \\t]+)*';
  return lineAt(text, new RegExp(`^[ \\t]*${words}${member}[ \\t]*(?::|=|<|\\((?!.*\\);[ \\t]*$))`, 'm'));
}

function lineAt(text: string, pattern: RegExp): number | null {
  const at = pattern.exec(text)?.index;
  return at === undefined ? null : text.slice(0, at).split('\n').length;
}
