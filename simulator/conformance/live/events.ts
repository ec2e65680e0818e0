/**
 * What a live trace says has happened: its steps, and the deaths that can be seen in it, each with the interval in which
 * it lies. One that ends before another begins was before it.
 */
import { QuiesceError } from '../../../protocol/errors.js';
import type { PartHeader, StepDetails, TracedPart, TracedStep } from '../../../protocol/live-trace.js';

export interface LiveEvent {
  /**
   * As it is recorded; of a death `fault/kill tpmback1`, of a start after one `supervisor/restart tpmback1`, and of one for
   * another guest, after the last one was taken away, `supervisor/renew tpmback1`.
   */
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

/** Throws `BAD_RECORDING` for traces of several runs. */
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
  const removals = removalsOf(byPart.get('toolstack') ?? []);
  const events: LiveEvent[] = [];
  for (const [name, all] of byPart) {
    // What died before its first step was done has left nothing behind.
    const starts = all.filter(
      ({ steps }, index) => index === all.length - 1 || steps.some(({ end }) => Number.isFinite(end)),
    );
    starts.forEach((start, index) => {
      const lives: Life = { part: start, before: starts[index - 1], next: starts[index + 1], removals };
      if (/\/backend$/.test(name)) events.push(...ofBackend(lives));
      else if (/\/guest$/.test(name)) events.push(...ofGuest(lives));
      else events.push(...start.steps.flatMap(ofToolstack));
    });
  }
  events.sort((a, b) => a.begin - b.begin || a.end - b.end);
  return { events, run, steps: parts.reduce((sum, { steps }) => sum + steps.length, 0) };
}

function eventOf(step: TracedStep, more: Partial<LiveEvent> = {}): LiveEvent {
  const { name, begin, end, details, file, line, endLine } = step;
  const open = end === Number.POSITIVE_INFINITY;
  return { name, begin, end, details, file, line, endLine, open, within: null, ...more };
}

/** A guest of a host was taken away; where the toolstack died meanwhile, before it was started again. */
interface Removal {
  readonly slot: number;
  readonly begin: number;
  readonly end: number;
}

/** A process of a backend or of a guest, and those before and after it in the same place. */
interface Life {
  readonly part: TracedPart;
  readonly before: TracedPart | undefined;
  readonly next: TracedPart | undefined;
  readonly removals: Removals;
}

interface Removals {
  readonly removals: readonly Removal[];
  /** Moments at which a dead backend had been cleared up after, by slot. */
  readonly cleared: readonly { readonly slot: number; readonly end: number }[];
}

function removalsOf(toolstacks: readonly TracedPart[]): Removals {
  const of = (verb: string): readonly Removal[] =>
    toolstacks.flatMap(({ steps }, index) =>
      steps.flatMap(({ name, begin, end }) => {
        const [, slot] = new RegExp(`^toolstack/${verb}(\\d)$`).exec(name) ?? [];
        const last = toolstacks[index + 1]?.header.at ?? Number.POSITIVE_INFINITY;
        return slot === undefined ? [] : [{ slot: Number(slot), begin, end: Math.min(end, last) }];
      }),
    );
  return { removals: of('destroy guest'), cleared: of('clear tpmback') };
}

/** A backend that dies takes its TPM with it; when it was dead at the latest, the toolstack says that clears up after it. */
function ofBackend(life: Life): LiveEvent[] {
  const { part, next, removals } = life;
  const slot = slotOf(part);
  const isCut = ({ name, end }: TracedStep): boolean => end === Number.POSITIVE_INFINITY && !/\/complete$/.test(name);
  const death = next !== undefined && removedBetween(part, next, removals) === undefined;
  const events = part.steps
    .filter((step) => !death || !isCut(step))
    .map((step) => eventOf(step, { ...ofStart(life, step, 'tpmback'), ...ofEnd(life, step) }));
  if (!death || next === undefined) return events;
  const begin = lastMoment(part);
  const cleared = removals.cleared.find((each) => each.slot === slot && each.end > begin);
  const cut = part.steps.find(isCut);
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
function ofGuest(life: Life): LiveEvent[] {
  const { part, next, removals } = life;
  const slot = slotOf(part);
  const goesOn = next !== undefined && removedBetween(part, next, removals) === undefined;
  return part.steps.map((step) => {
    if (goesOn && step.end === Number.POSITIVE_INFINITY)
      return { ...eventOf(step), name: `supervisor/cut guest${slot}`, within: step.name, end: next.header.at };
    return eventOf(step, { ...ofStart(life, step, 'guest'), ...ofEnd(life, step) });
  });
}

/** The first step of a process that is not the first in its place. */
function ofStart({ part, before, removals }: Life, { name }: TracedStep, who: 'tpmback' | 'guest'): Partial<LiveEvent> {
  const place = `${who}${slotOf(part)}`;
  if (before === undefined || (name !== `${place}/start` && name !== `${place}/boot`)) return {};
  if (removedBetween(before, part, removals) === undefined) return { name: `supervisor/restart ${place}` };
  return { name: `supervisor/renew ${place}` };
}

/** A step that was cut off has happened before the guest was gone, or not at all. */
function ofEnd({ part, removals }: Life, { end }: TracedStep): Partial<LiveEvent> {
  if (end !== Number.POSITIVE_INFINITY) return {};
  const gone = removals.removals.find((each) => each.slot === slotOf(part) && each.end > lastMoment(part));
  return gone === undefined ? {} : { end: gone.end };
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
function removedBetween(part: TracedPart, next: TracedPart, { removals }: Removals): Removal | undefined {
  const slot = slotOf(part);
  return removals.find((each) => each.slot === slot && each.end > part.header.at && each.begin < next.header.at);
}
