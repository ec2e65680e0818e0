/**
 * Follows a live trace through the simulator, step by step. Steps whose intervals do not overlap are taken in their
 * order; of those that do, each is tried, the one that ended first before the others, and taken back where it leads
 * nowhere. Where all have been tried, the simulator cannot do what was recorded.
 */

import type { TracedRequest } from '../../../protocol/live-trace.js';
import { type Before, before, difference } from './compare.js';
import type { LiveEvent } from './events.js';
import type { LiveWorld } from './live-world.js';
import { type Act, type Row, rowOf, type Way, waysOf } from './table.js';

/** One step of the schedule that was found. */
export interface FollowedStep {
  /** As the simulator names it; what no scenario has begins with `live/`. */
  readonly name: string;
  /** For which line it was taken. */
  readonly event: LiveEvent;
}

/** Why an event could not be taken. */
export interface Refusal {
  readonly event: LiveEvent;
  readonly why: string;
}

export interface FollowedLive {
  /** Every event was found. */
  readonly accepted: boolean;
  /** All was tried: a refusal is one. */
  readonly complete: boolean;
  /** Events that were found, at most. */
  readonly reached: number;
  readonly schedule: readonly FollowedStep[];
  /** Where it goes no further. */
  readonly refusals: readonly Refusal[];
  /** What could have happened there instead. */
  readonly possible: readonly string[];
  /** Ways that were tried. */
  readonly tried: number;
}

export interface FollowLiveOptions {
  /** The search ends, incomplete, when it has tried so many ways. */
  readonly maxTries: number;
  readonly onProgress?: ((reached: number, events: number) => void) | undefined;
}

interface Frame {
  readonly mark: number;
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly moves: readonly Move[];
  next: number;
  /** Event that was taken to get here, -1 for none, and the length of the schedule before it. */
  readonly taken: number;
  readonly length: number;
  /** First event that has not been taken. */
  readonly base: number;
}

interface Move {
  readonly index: number;
  readonly way: Way;
  /** Of an `eachStep`: which of them. */
  readonly variant: number;
}

const PROGRESS_TRIES = 1 << 10;
/** A backend needs one look to close. */
const REPEATS_MAX = 4;
/** A step with more stores than this dies in fewer places. */
const VARIANTS_MAX = 64;

export function followLive(live: LiveWorld, events: readonly LiveEvent[], options: FollowLiveOptions): FollowedLive {
  const follower = new Follower(live, events);
  return follower.run(options);
}

class Follower {
  readonly #live: LiveWorld;
  readonly #events: readonly LiveEvent[];
  readonly #rows: readonly (Row | null)[];
  readonly #done: Uint8Array;
  readonly #optional: readonly number[];
  readonly #required: number;
  readonly #frames: Frame[] = [];
  /** States from which nothing leads on. */
  readonly #dead = new Set<string>();
  #schedule: FollowedStep[] = [];
  #count = 0;
  #reached = -1;
  #refusals: Refusal[] = [];
  #possible: readonly string[] = [];
  #best: readonly FollowedStep[] = [];

  constructor(live: LiveWorld, events: readonly LiveEvent[]) {
    this.#live = live;
    this.#events = events;
    this.#rows = events.map(rowOf);
    this.#done = new Uint8Array(events.length);
    this.#optional = events.flatMap(({ open }, index) => (open ? [index] : []));
    this.#required = events.length - this.#optional.length;
  }

  run({ maxTries, onProgress }: FollowLiveOptions): FollowedLive {
    let tried = 0;
    this.#enter(-1, 0, 0);
    while (this.#frames.length > 0 && this.#count < this.#required && tried < maxTries) {
      const frame = this.#frames.at(-1) as Frame;
      const move = frame.moves[frame.next++];
      if (move === undefined) {
        this.#leave(frame);
        continue;
      }
      if (++tried % PROGRESS_TRIES === 0) onProgress?.(this.#count, this.#required);
      const { length } = this.#schedule;
      const why = this.#take(move);
      if (why === null && this.#enter(move.index, length, frame.base)) continue;
      if (why !== null) this.#refused(move, why);
      this.#undo(frame, length);
    }
    const accepted = this.#count === this.#required;
    return {
      accepted,
      complete: accepted || tried < maxTries,
      reached: accepted ? this.#required : this.#reached,
      schedule: accepted ? this.#schedule : this.#best,
      refusals: accepted ? [] : this.#refusals,
      possible: accepted ? [] : this.#possible,
      tried,
    };
  }

  /** Stands where `taken` has led. False where it is known that nothing leads on from here. */
  #enter(taken: number, length: number, from: number): boolean {
    const { memory } = this.#live.world;
    if (taken >= 0) this.#mark(taken, 1);
    let base = from;
    while (base < this.#events.length && (this.#done[base] === 1 || (this.#events[base] as LiveEvent).open)) base++;
    if (this.#dead.size > 0 && this.#dead.has(this.#key(base))) {
      if (taken >= 0) this.#mark(taken, 0);
      return false;
    }
    const { journalLength: mark, hashLow, hashHigh } = memory;
    const moves = this.#moves(base);
    this.#frames.push({ mark, hashLow, hashHigh, moves, next: 0, taken, length, base });
    if (this.#count > this.#reached) {
      this.#reached = this.#count;
      this.#refusals = [];
      this.#possible = [];
    }
    return true;
  }

  #leave(frame: Frame): void {
    if (this.#count === this.#reached && this.#possible.length === 0) this.#describeEnd();
    this.#dead.add(this.#key(frame.base));
    this.#frames.pop();
    const below = this.#frames.at(-1);
    if (below === undefined) return;
    this.#mark(frame.taken, 0);
    this.#undo(below, frame.length);
  }

  #undo({ mark, hashLow, hashHigh }: Frame, length: number): void {
    this.#live.world.memory.undo(mark, hashLow, hashHigh);
    this.#schedule.length = length;
  }

  #mark(index: number, done: 0 | 1): void {
    this.#done[index] = done;
    if (!(this.#events[index] as LiveEvent).open) this.#count += done === 1 ? 1 : -1;
  }

  /** Events that may be next: no other that is missing has ended before they began. */
  #moves(base: number): readonly Move[] {
    const events = this.#events;
    const possible: number[] = [];
    let firstEnd = Number.POSITIVE_INFINITY;
    for (let i = base; i < events.length; i++) {
      const { begin, end, open } = events[i] as LiveEvent;
      if (begin > firstEnd) break;
      if (this.#done[i] === 1 || open) continue;
      possible.push(i);
      firstEnd = Math.min(firstEnd, end);
    }
    possible.sort((a, b) => (events[a] as LiveEvent).end - (events[b] as LiveEvent).end);
    for (const i of this.#optional) {
      const { begin, end } = events[i] as LiveEvent;
      if (this.#done[i] === 0 && begin < firstEnd && !this.#doneAfter(end, base, firstEnd)) possible.push(i);
    }
    return possible.flatMap((index) =>
      waysOf(events[index] as LiveEvent, this.#rows[index] as Row | null, this.#live).flatMap((way) =>
        way.acts.some((act) => 'eachStep' in act)
          ? Array.from({ length: VARIANTS_MAX }, (_, variant) => ({ index, way, variant }))
          : [{ index, way, variant: 0 }],
      ),
    );
  }

  /** Whether an event was taken that began after `end`. Before `base` all are taken, and none that began after `firstEnd`. */
  #doneAfter(end: number, base: number, firstEnd: number): boolean {
    const events = this.#events;
    if (end === Number.POSITIVE_INFINITY) return false;
    for (let i = base - 1; i >= 0 && (events[i] as LiveEvent).begin > end; i--) if (this.#done[i] === 1) return true;
    for (let i = base; i < events.length && (events[i] as LiveEvent).begin <= firstEnd; i++)
      if (this.#done[i] === 1 && (events[i] as LiveEvent).begin > end) return true;
    return false;
  }

  /** Takes a move. Returns why it cannot be taken; the world may then be anywhere. */
  #take({ index, way, variant }: Move): string | null {
    const event = this.#events[index] as LiveEvent;
    const live = this.#live;
    let was = before(event, live);
    let requests: readonly TracedRequest[] = [];
    for (const act of way.acts) {
      const done = this.#act(act, event, variant);
      if (typeof done === 'string') return done;
      requests = done;
      if ('own' in act && act.earlier === true) was = before(event, live);
      const { lastFault } = live.world;
      if (lastFault !== null) return `the simulator stops at it: ${lastFault}`;
    }
    return way.compared ? this.#differs(event, was, requests) : null;
  }

  #differs(event: LiveEvent, was: Before, requests: readonly TracedRequest[]): string | null {
    return difference(event, this.#live, was, requests);
  }

  #act(act: Act, event: LiveEvent, variant: number): readonly TracedRequest[] | string {
    if ('own' in act) {
      this.#schedule.push({ name: act.own, event });
      return this.#run(act.run);
    }
    if ('impossible' in act) return act.impossible;
    if ('elseStep' in act) return this.#lookElse(act, event);
    if ('look' in act) return this.#look(act.look);
    if ('repeat' in act) {
      for (let i = 0; i < REPEATS_MAX && this.#find(act.until, 0) === undefined; i++) {
        const done = this.#step(act.repeat, 0, event);
        if (typeof done === 'string') return done;
      }
      return [];
    }
    return 'eachStep' in act ? this.#step(act.eachStep, variant, event, true) : this.#step(act.step, 0, event);
  }

  #step(name: string, variant: number, event: LiveEvent, prefix = false): readonly TracedRequest[] | string {
    const found = this.#find(name, variant, prefix);
    if (found === undefined) return `${name} is not possible`;
    const { answer } = event.details;
    if (answer !== undefined) this.#live.engine.answer = bytesOf(answer);
    this.#schedule.push({ name: found.name, event });
    return this.#live.take(found.choice);
  }

  #find(name: string, variant: number, prefix = false): { readonly choice: number; readonly name: string } | undefined {
    const choices = this.#live.choices(name.startsWith('fault/kill '));
    return prefix
      ? choices.filter((choice) => choice.name.startsWith(name))[variant]
      : choices.find((choice) => choice.name === name);
  }

  /** Looks without changing anything: what is changed all the same is a difference. */
  #look(look: (world: LiveWorld) => void): readonly TracedRequest[] | string {
    const { memory } = this.#live.world;
    const { hashLow, hashHigh } = memory;
    const requests = this.#run(look);
    if (typeof requests === 'string') return requests;
    if (memory.hashLow === hashLow && memory.hashHigh === hashHigh) return requests;
    return 'nothing waits for it, and it changes something';
  }

  #lookElse(
    { look, elseStep }: Extract<Act, { elseStep: string }>,
    event: LiveEvent,
  ): readonly TracedRequest[] | string {
    const { memory } = this.#live.world;
    const { journalLength, hashLow, hashHigh } = memory;
    const requests = this.#look(look);
    if (typeof requests !== 'string') return requests;
    memory.undo(journalLength, hashLow, hashHigh);
    return this.#step(elseStep, 0, event);
  }

  #run(body: (world: LiveWorld) => void): readonly TracedRequest[] | string {
    try {
      return this.#live.act(body);
    } catch (error) {
      return `the simulator stops at it: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #refused({ index }: Move, why: string): void {
    if (this.#count < this.#reached) return;
    const event = this.#events[index] as LiveEvent;
    if (!this.#refusals.some((known) => known.event === event)) this.#refusals.push({ event, why });
  }

  #describeEnd(): void {
    const { world } = this.#live;
    this.#possible = this.#live
      .choices()
      .filter(({ choice }) => !world.isFault(choice))
      .map(({ name }) => name);
    this.#best = [...this.#schedule];
  }

  #key(base: number): string {
    const { hashLow, hashHigh } = this.#live.world.memory;
    let key = `${base} ${hashLow} ${hashHigh}`;
    // What was taken before the first that is missing overlaps with it.
    const end = this.#events[base]?.end ?? 0;
    for (let i = base; i < this.#events.length && (this.#events[i] as LiveEvent).begin <= end; i++)
      if (this.#done[i] === 1) key += ` ${i}`;
    for (const i of this.#optional) if (this.#done[i] === 1) key += ` o${i}`;
    return key;
  }
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
