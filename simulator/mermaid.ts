/**
 * A Mermaid sequence diagram of a trace: who did what in which order, what was written to xenstored, and who changed
 * what belongs to another.
 *
 * It leaves out what a reader does not miss: requests that only look, and what an actor changes of its own.
 */

import { FAULT_PREFIX } from './faults.js';
import type { FieldChange } from './field-changes.js';
import type { StoreOperation } from './store-client.js';
import { type AnyTraceHeader, headline, type Trace, type TraceStep } from './trace.js';

/** From left to right. Only those that take part are drawn. */
const PARTICIPANTS: readonly string[] = [
  'guest1',
  'blkback1',
  'disk',
  'script1',
  'tpmback1',
  'tpm1',
  'xenstored',
  'toolstack',
  'guest2',
  'blkback2',
  'tpmback2',
  'tpm2',
];

/** Arrows of one step between the same two; the rest become one. */
const ARROWS_MAX = 4;

const SHOWN: ReadonlySet<StoreOperation['operation']> = new Set([
  'WRITE',
  'RM',
  'MKDIR',
  'WATCH',
  'UNWATCH',
  'RESUME',
  'INTRODUCE',
]);

/** Text of the diagram; ends with a line feed. */
export function formatMermaid({ header, steps, end }: Trace<AnyTraceHeader>): string {
  const lines = steps.flatMap(stepLines);
  const last = steps.at(-1)?.step ?? 0;
  if (end.oracle !== null) lines.push(note(`after step ${last}: ${end.oracle} fails`, drawn(lines)));
  else if (end.quiescent)
    lines.push(note(`after step ${last}: nothing more can happen, every oracle holds`, drawn(lines)));
  const title = `title: ${JSON.stringify(headline(header).replace(/, session .*$/, ''))}`;
  const participants = drawn(lines).map((name) => `participant ${name}`);
  return ['---', title, '---', 'sequenceDiagram', ...[...participants, ...lines].map((line) => `    ${line}`), ''].join(
    '\n',
  );
}

function stepLines({ step, choice, actor, store, changes, fault }: TraceStep): readonly string[] {
  const place = placeOf(actor, choice);
  const lines = [...eventLine(step, choice, place)];
  if (lines.length === 0) lines.push(note(`${step}. ${withoutActor(choice, place)}`, [place]));
  const requests = store.filter(({ operation }) => SHOWN.has(operation));
  lines.push(...arrows(place, 'xenstored', requests.map(requestText)));
  // What a killed process leaves and what its supervisor does to it is no message between the two.
  if (PARTICIPANTS.includes(actor)) {
    for (const to of PARTICIPANTS) {
      if (to === actor) continue;
      const written = changes.filter((change) => participantOf(change.owner) === to && isMessage(change));
      lines.push(...arrows(actor, to, written.map(changeText)));
    }
  }
  if (fault !== null) lines.push(note(fault, [place]));
  return lines;
}

/** The first few as arrows of their own, the rest as one. */
function arrows(from: string, to: string, texts: readonly string[]): readonly string[] {
  const lines = texts.slice(0, ARROWS_MAX).map((text) => arrow(from, to, text));
  const rest = texts.length - ARROWS_MAX;
  return rest <= 0 ? lines : [...lines, arrow(from, to, `and ${rest} more`)];
}

/** A field of another; what the oracles remember in a guest's pages is not part of the protocol. */
function isMessage({ field, from }: FieldChange): boolean {
  return from !== null && !field.startsWith('history: ');
}

/** What reaches an actor from outside comes as an arrow. */
function eventLine(step: number, choice: string, place: string): readonly string[] {
  const watch = /^[^/]*(?:xenwatch\/(.*)|\/watches)$/.exec(choice);
  return watch === null ? [] : [arrow('xenstored', place, `${step}. watch ${watch[1] ?? 'events'}`)];
}

/** Where a step is drawn: faults, the supervisor and the time are drawn at whom they concern. */
function placeOf(actor: string, choice: string): string {
  if (PARTICIPANTS.includes(actor)) return actor;
  return PARTICIPANTS.find((name) => new RegExp(`\\b${name}\\b`).test(choice)) ?? 'toolstack';
}

function participantOf(owner: string): string {
  // One domain 0 a host, where its backend lives.
  const dom0 = /^dom0([ab]?)$/.exec(owner);
  return dom0 === null ? owner : `tpmback${dom0[1] === 'b' ? 2 : 1}`;
}

function withoutActor(choice: string, place: string): string {
  if (choice.startsWith(FAULT_PREFIX)) return choice;
  return choice.startsWith(place) ? choice.slice(place.length + 1) : choice;
}

function requestText({ operation, path, value }: StoreOperation): string {
  if (operation === 'WRITE') return `${operation} ${path} = ${value === '' ? '(empty)' : value}`;
  return [operation, path, value].filter((part) => part !== '').join(' ');
}

/** The layout's name says no more than the page's. */
function changeText({ field, from, to }: FieldChange): string {
  const short = field.replace(/: .*\.(?=[^.]*$)/, ': ');
  return short.startsWith('event ') && short.endsWith(' pending') && to === 1 ? short : `${short} = ${to}, was ${from}`;
}

function arrow(from: string, to: string, text: string): string {
  return `${from}->>${to}: ${escapeText(text)}`;
}

function note(text: string, places: readonly string[]): string {
  const ends = places.length > 1 ? `${places[0]},${places.at(-1)}` : (places[0] ?? 'toolstack');
  return `Note over ${ends}: ${escapeText(text)}`;
}

/** Participants that the lines name, in their order. */
function drawn(lines: readonly string[]): readonly string[] {
  return PARTICIPANTS.filter((name) =>
    lines.some((line) => new RegExp(`\\b${name}\\b`).test(line.split(':', 1)[0] as string)),
  );
}

/** `#` and `;` end a statement of Mermaid, and `<` begins a tag; all three are written as entities. */
function escapeText(text: string): string {
  return text.replace(/[#;<>\n\r]/g, (char) => (char === '\n' || char === '\r' ? ' ' : `#${char.charCodeAt(0)};`));
}
