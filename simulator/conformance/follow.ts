/**
 * Follows a recording through the simulator: searches for a schedule whose observables are the recorded ones.
 *
 * The search goes through the product of the world's states and the places in the recording, depth-first over the undo
 * journal. A step that shows nothing is free. A step that shows something must show what the recording has next; where
 * one step of the simulator makes several requests, the first must be next, and the others may come later, for on a real
 * host those of others come in between. Until they have come, whoever made them shows nothing else.
 *
 * When the product has been searched whole and no schedule reaches the end, the simulator does not allow the recording;
 * `reached` says how far any schedule comes.
 */
import type { Change } from './changes.js';
import type { ObservedWorld, Shown } from './observed-world.js';

export interface Followed {
  /** Events of the recording that a schedule shows, from the first on; all of them when the recording is allowed. */
  readonly reached: number;
  /** The whole product was searched, or the end reached. */
  readonly complete: boolean;
  /** What can be seen next where the furthest schedules stand; sorted. */
  readonly possible: readonly string[];
  /** Names of the steps of the schedule that reaches the end; else of one that comes furthest. */
  readonly schedule: readonly string[];
  readonly states: number;
}

export interface FollowOptions {
  /** The search ends, incomplete, when it has seen this many states. */
  readonly maxStates: number;
  readonly onProgress?: ((states: number, reached: number) => void) | undefined;
}

/** What an actor has yet to show of a step it has taken. */
type Rest = ReadonlyMap<string, readonly string[]>;

interface Frame {
  readonly at: number;
  readonly rest: Rest;
  readonly interfered: boolean;
  readonly moves: readonly Move[];
  /** Moves taken so far. */
  next: number;
  readonly mark: number;
  readonly hashLow: number;
  readonly hashHigh: number;
  /** Name of the step that led here; empty where only something was shown that is due. */
  readonly step: string;
}

/** A choice of the world, or somebody shows what is due. */
type Move = { readonly choice: number; readonly rank: number } | { readonly shows: string };

/** The parts that take a command to the TPM and its answer back. */
const SERVING = /^(tpm\d|tpmback\d|guest\d\.(user|tpmfront))/;

const PROGRESS_STATES = 1 << 12;

export function follow(observed: ObservedWorld, events: readonly Change[], options: FollowOptions): Followed {
  const { memory } = observed.world;
  const seen = new Set<string>();
  const frames: Frame[] = [];
  let reached = 0;
  let possible = new Set<string>();
  let schedule: readonly string[] = [];
  let cut = false;

  const getTo = (at: number): void => {
    if (at < reached || (at === reached && schedule.length > 0)) return;
    if (at > reached) possible = new Set();
    reached = at;
    schedule = frames.flatMap(({ step }) => (step === '' ? [] : [step]));
  };

  /** Stands in the present state of the world. Returns whether it has not been seen. */
  const enter = (at: number, rest: Rest, interfered: boolean, step: string): boolean => {
    const key = `${memory.hashLow} ${memory.hashHigh} ${at} ${interfered} ${textOf(rest)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    const next = events[at]?.text;
    const served = next !== undefined && / (FETCH|ANSWER) /.test(next);
    const early: Move[] = [];
    const silent: { readonly choice: number; readonly rank: number }[] = [];
    const due = [...rest].flatMap(([actor, texts]) => (texts[0] === next ? [{ shows: actor }] : []));
    const shows = new Set([...rest.values()].map(([first = '']) => first));
    for (const choice of observed.choices(interfered)) {
      const shown = observed.step(choice);
      memory.undo(mark, hashLow, hashHigh);
      const [first] = shown.texts;
      // What is likelier to lead to what comes next is tried first: only the order of the search depends on it.
      if (first === undefined)
        silent.push({ choice, rank: shown.late ? 2 : SERVING.test(shown.step) === served ? 0 : 1 });
      else if (!rest.has(shown.actor)) {
        shows.add(first);
        if (first === next) early.push({ choice, rank: 0 });
      }
    }
    silent.sort((a, b) => a.rank - b.rank);
    frames.push({ at, rest, interfered, moves: [...due, ...early, ...silent], next: 0, mark, hashLow, hashHigh, step });
    getTo(at);
    if (at === reached) for (const text of shows) possible.add(text);
    return true;
  };

  enter(0, observed.begin, false, '');
  while (frames.length > 0 && reached < events.length) {
    const frame = frames.at(-1) as Frame;
    const move = frame.moves[frame.next++];
    if (move === undefined) {
      frames.pop();
      const below = frames.at(-1);
      if (below !== undefined) memory.undo(below.mark, below.hashLow, below.hashHigh);
      continue;
    }
    let entered: boolean;
    if ('shows' in move) {
      entered = enter(frame.at + 1, shorter(frame.rest, move.shows), frame.interfered, '');
    } else {
      const shown = observed.step(move.choice);
      const interfered = frame.interfered || observed.interferes(move.choice);
      entered =
        shown.texts.length === 0
          ? enter(frame.at, frame.rest, interfered, shown.step)
          : enter(frame.at + 1, longer(frame.rest, shown), interfered, shown.step);
    }
    if (!entered) memory.undo(frame.mark, frame.hashLow, frame.hashHigh);
    if (seen.size % PROGRESS_STATES === 0) options.onProgress?.(seen.size, reached);
    if (seen.size >= options.maxStates) {
      cut = true;
      break;
    }
  }
  const complete = reached === events.length || !cut;
  return { reached, complete, possible: [...possible].sort(), schedule, states: seen.size };
}

/** What is left when `actor` has shown the first that is due. */
function shorter(rest: Rest, actor: string): Rest {
  const [, ...more] = rest.get(actor) ?? [];
  const left = new Map(rest);
  if (more.length === 0) left.delete(actor);
  else left.set(actor, more);
  return left;
}

/** What is due when a step has shown the first of what it shows. */
function longer(rest: Rest, { actor, texts }: Shown): Rest {
  if (texts.length === 1) return rest;
  return new Map([...rest, [actor, texts.slice(1)]]);
}

function textOf(rest: Rest): string {
  if (rest.size === 0) return '';
  return [...rest]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([actor, texts]) => `${actor}:${texts.length}:${texts.join('|')}`)
    .join(';');
}
