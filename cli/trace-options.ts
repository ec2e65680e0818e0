/**
 * How `run` and `replay` show what happened step by step.
 */

import { writeWhole } from '../library/files.js';
import { describeChange } from '../simulator/field-changes.js';
import { formatMermaid } from '../simulator/mermaid.js';
import { type AnyTraceHeader, formatTrace, headline, type Trace, type TraceStep } from '../simulator/trace.js';
import { type Arguments, type OptionSpecs, usage } from './arguments.js';
import { counted, failureLines, oracleTitle } from './schedule-text.js';
import { type Colours, coloursOf, type Terminal } from './terminal.js';

export const TRACE_OPTIONS: OptionSpecs = {
  verbose: { help: 'show what each step asked of xenstored and changed in memory' },
  mermaid: { help: 'print a Mermaid sequence diagram' },
  trace: { value: 'FILE', help: 'write the trace to this file, as JSON lines' },
  json: { help: 'print one JSON document' },
};

/**
 * Writes the trace where the options say: to a file, and to standard output as `json` (made only when asked for), as a
 * diagram or as text. Throws `USAGE` when both are asked for.
 */
export function showTrace(
  trace: Trace<AnyTraceHeader>,
  args: Arguments,
  terminal: Terminal,
  json: () => unknown,
): void {
  if (args.flag('json') && args.flag('mermaid')) throw usage('expected --json or --mermaid, found both');
  const file = args.text('trace');
  if (file !== undefined) writeWhole(file, formatTrace(trace));
  if (args.flag('json')) terminal.out(`${JSON.stringify(json())}\n`);
  else if (args.flag('mermaid')) terminal.out(formatMermaid(trace));
  else terminal.out(traceText(trace, args.flag('verbose'), coloursOf(terminal)));
}

function traceText({ header, steps, end }: Trace<AnyTraceHeader>, verbose: boolean, colours: Colours): string {
  const seed = header.seed === null ? '' : `, seed ${header.seed}`;
  const lines = [`${colours.bold(header.scenario)}${headline(header).slice(header.scenario.length)}${seed}`];
  for (const step of steps) {
    const line = `${String(step.step).padStart(6)}  ${step.choice}`;
    lines.push(step.actor === 'fault' ? colours.yellow(line) : line);
    if (verbose) lines.push(...detailLines(step, colours));
  }
  const fault = steps.at(-1)?.fault ?? null;
  if (end.oracle !== null)
    lines.push(
      ...failureLines(end.oracle, fault, colours),
      `${colours.red(`${end.oracle} fails`)}: ${oracleTitle(end.oracle)}`,
    );
  else if (end.quiescent)
    lines.push(
      `${colours.green('holds')} in this schedule of ${counted(steps.length, 'step')}: nothing more can happen`,
    );
  else lines.push(colours.yellow(`no failure in ${counted(steps.length, 'step')}, but more can happen`));
  return `${lines.join('\n')}\n`;
}

function detailLines({ store, changes }: TraceStep, colours: Colours): readonly string[] {
  const requests = store.map(
    ({ client, operation, path, value }) => `${client} ${operation} ${path}${value === '' ? '' : ` = ${value}`}`,
  );
  return [...requests, ...changes.map(describeChange)].map((text) => colours.dim(`          ${text}`));
}
