/**
 * What a live trace says has happened: its steps, and the deaths that can be seen in it, each with the interval in which
 * it lies. One that ends before another begins was before it.
 */
import { QuiesceError } from '../../../protocol/errors.js';
import type { PartHeader, StepDetails, TracedPart, TracedStep } from '../../../protocol/live-trace.js';

export interface LiveEvent {
  /** As it is recorded; of a death `fault/kill tpmback1`, of a start after one `supervisor/restart tpmback1`. */
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly details: StepDetails;
  readonly file: string;
  /** Of its beginning and its end. */
  readonly line: number;
  readonly endLine: number;
  /** It was cut off: it may have happened or not, and nothing is known of how it ended. */
  readonly open: boolean;
  /** Of a death, or of a step that was cut off by one: that step. */
  readonly within: string | null;
}

export interface LiveEvents {
  /** In the order of their beginnings. */
  readonly events: readonly LiveEvent[];
  readonly run: Pick<PartHeader, 'tpmfront' | 'tpm' | 'drain'>;
  /** Steps that were recorded. */
  readonly steps: number;
}

/** Throws `BAD_RECORDING` for traces of several runs, and for what no world of the simulator holds: two migrations. */
export function eventsOf(parts: readonly TracedPart[]): LiveEvents {
  const [first] = parts;
  if (first === undefined)
    throw new QuiesceError('BAD_RECORDING', 'expected the trace of one part at least, found none');
  const run = first.header;
  for (const { file, header } of parts) {
    if (header.tpmfront !== run.tpmfront || header.tpm !== run.tpm || header.drain !== run.drain)
      throw new QuiesceError('BAD_RECORDING', `${file}:1: expected a part of the same run as ${first.file}`);
  }
  const byPart = new Map<string, TracedPart[]>();
  for (const part of [...parts].sort((a, b) => a.header.at - b.header.at)) {
    const known = byPart.get(part.header.part);
    if (known === undefined) byPart.set(part.header.part, [part]);
    else known.push(part);
  }
  const toolstack = byPart.get('toolstack')?.flatMap(({ steps }) => steps) ?? [];
  const events: LiveEvent[] = [];
  for (const [name, all] of byPart) {
    // What died before its first step was done has left nothing behind.
    const starts = all.filter(
      ({ steps }, index) => index === all.length - 1 || steps.some(({ end }) => Number.isFinite(end)),
    );
    starts.forEach((start, index) => {
      const next = starts[index + 1];
      if (/\/backend$/.test(name)) events.push(...ofBackend(start, next, index, toolstack));
      else if (/\/guest$/.test(name)) events.push(...ofGuest(start, next, index, toolstack));
      else events.push(...start.steps.flatMap(ofToolstack));
    });
  }
  events.sort((a, b) => a.begin - b.begin || a.end - b.end);
  refuseTwoMigrations(events);
  return { events, run, steps: parts.reduce((sum, { steps }) => sum + steps.length, 0) };
}

function eventOf(step: TracedStep, more: Partial<LiveEvent> = {}): LiveEvent {
  const { name, begin, end, details, file, line, endLine } = step;
  const open = end === Number.POSITIVE_INFINITY;
  return { name, begin, end, details, file, line, endLine, open, within: null, ...more };
}

/** A backend that dies takes its TPM with it; when it was dead at the latest, the toolstack says that clears up after it. */
function ofBackend(
  part: TracedPart,
  next: TracedPart | undefined,
  index: number,
  toolstack: readonly TracedStep[],
): LiveEvent[] {
  const slot = slotOf(part);
  const death = next !== undefined && !destroyedBetween(part, next, toolstack);
  const started = index > 0 && !destroyedBefore(part, toolstack, slot);
  const events = part.steps
    .filter((step) => !death || step.end !== Number.POSITIVE_INFINITY || /\/complete$/.test(step.name))
    .map((step) =>
      eventOf(
        step,
        started && step.name === `tpmback${slot}/start` ? { name: `supervisor/restart tpmback${slot}` } : {},
      ),
    );
  if (!death || next === undefined) return events;
  const begin = lastMoment(part);
  const cleared = toolstack.find(({ name, end }) => name === `toolstack/clear tpmback${slot}` && end > begin);
  const cut = part.steps.find((step) => step.end === Number.POSITIVE_INFINITY && !/\/complete$/.test(step.name));
  events.push({
    name: `fault/kill tpmback${slot}`,
    begin,
    end: Math.min(cleared?.end ?? next.header.at, next.header.at),
    details: {},
    file: part.file,
    line: cut?.line ?? lastLine(part),
    endLine: cut?.endLine ?? lastLine(part),
    open: false,
    within: cut?.name ?? null,
  });
  return events;
}

/**
 * A guest whose process dies takes the step back that it died in, and the next process takes it again; but it may have died
 * after the step was done, before that was written down.
 */
function ofGuest(
  part: TracedPart,
  next: TracedPart | undefined,
  index: number,
  toolstack: readonly TracedStep[],
): LiveEvent[] {
  const slot = slotOf(part);
  const goesOn = next !== undefined && !destroyedBetween(part, next, toolstack);
  const again = index > 0 && !destroyedBefore(part, toolstack, slot);
  return part.steps.map((step) => {
    if (goesOn && step.end === Number.POSITIVE_INFINITY)
      return { ...eventOf(step), name: `supervisor/cut guest${slot}`, within: step.name, end: next.header.at };
    return eventOf(step, again && step.name === `guest${slot}/boot` ? { name: `supervisor/restart guest${slot}` } : {});
  });
}

/** What a toolstack only waits for has not come where it was cut off. */
function ofToolstack(step: TracedStep): readonly LiveEvent[] {
  const waits = /await_|\/restore |\/clear |save_/.test(step.name);
  return waits && step.end === Number.POSITIVE_INFINITY ? [] : [eventOf(step)];
}

function slotOf({ header }: TracedPart): 1 | 2 {
  return header.part.startsWith('a/') ? 1 : 2;
}

function lastMoment({ header, steps }: TracedPart): number {
  return steps.reduce((last, { begin, end }) => Math.max(last, begin, Number.isFinite(end) ? end : 0), header.at);
}

function lastLine({ steps }: TracedPart): number {
  return steps.reduce((last, { endLine }) => Math.max(last, endLine), 1);
}

/** The guest of this host was taken away between two starts: the second is another guest's. */
function destroyedBetween(part: TracedPart, next: TracedPart, toolstack: readonly TracedStep[]): boolean {
  const from = part.header.at;
  return toolstack.some(
    ({ name, begin, end }) => name === `toolstack/destroy guest${slotOf(part)}` && end > from && begin < next.header.at,
  );
}

/** The last that the toolstack did with the guest of this host before a start was to take one away. */
function destroyedBefore({ header }: TracedPart, toolstack: readonly TracedStep[], slot: number): boolean {
  const before = toolstack.filter(
    ({ name, begin }) => begin < header.at && / guest\d$/.test(name) && name.endsWith(String(slot)),
  );
  return before.at(-1)?.name === `toolstack/destroy guest${slot}`;
}

function refuseTwoMigrations(events: readonly LiveEvent[]): void {
  const moved = events.find(({ name }) => name === 'toolstack/unpause guest2');
  if (moved === undefined) return;
  const again = events.find(({ name, begin }) => begin > moved.begin && name === 'toolstack.run/request_suspend');
  if (again === undefined) return;
  throw new QuiesceError(
    'BAD_RECORDING',
    `${again.file}:${again.line}: expected nothing more of the toolstack after a migration, found ${again.name}: ` +
      'a world of the simulator has one source and one target',
  );
}
