/**
 * Plays one recorded scenario against the store and compares every reply and event with those of the real daemon.
 */
import {
  connect,
  disconnect,
  domainCreated,
  domainDestroyed,
  execute,
  nextEvent,
  type Policy,
  Store,
  takeEvent,
} from '../../xenstore-sim/index.js';
import { ERROR, eventFrame, type Frame, meaningOf, replyFrame, splitFrames } from './xenstore-frames.js';

/** Settings of the daemon that differ from the default. */
export interface Limits {
  readonly nodes?: number;
  readonly watches?: number;
  readonly transactions?: number;
  readonly permissions?: number;
  readonly 'node-size'?: number;
  readonly 'path-max'?: number;
  readonly 'trans-nodes'?: number;
  /** Of oxenstored only. */
  readonly requests?: number;
}

/** One line of a recording. */
export interface Step {
  readonly scenario: string;
  readonly step: number;
  readonly action: 'start' | 'open' | 'send' | 'close' | 'host' | 'ring-state';
  readonly conn?: string;
  readonly domid?: number;
  readonly what?: string;
  readonly in?: string;
  readonly req?: string;
  readonly replies?: readonly string[];
  readonly events?: { readonly [conn: string]: readonly string[] };
  readonly tags?: readonly string[];
  readonly quota?: Limits;
}

export interface Played {
  /** Requests the store has answered. */
  requests: number;
  /** Requests refused for their payload, as the daemon did. */
  malformed: number;
  /** Requests that are no affair of the store. */
  foreign: number;
  /** One text per difference. */
  readonly differences: string[];
}

/** The scenarios of a recording by their names. */
export function scenariosOf(text: string): Map<string, Step[]> {
  const scenarios = new Map<string, Step[]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const step = JSON.parse(line) as Step;
    const steps = scenarios.get(step.scenario);
    if (steps === undefined) scenarios.set(step.scenario, [step]);
    else steps.push(step);
  }
  return scenarios;
}

export function play(steps: readonly Step[], policy: Policy): Played {
  const played: Played = { requests: 0, malformed: 0, foreign: 0, differences: [] };
  const ids = new Map<string, number>();
  let store = Store.empty(policy);

  for (const step of steps) {
    const replies: string[] = [];
    let comparable = true;
    if (step.action === 'open') {
      const connected = connect(store, { domid: step.domid ?? 0 });
      store = connected.store;
      ids.set(step.conn ?? '', connected.connection);
    } else if (step.action === 'close') {
      store = disconnect(store, ids.get(step.conn ?? '') ?? -1);
      ids.delete(step.conn ?? '');
    } else if (step.action === 'host') {
      if (step.what === 'create-domain') store = domainCreated(store, step.domid ?? 0);
      if (step.what === 'domain-gone') store = domainDestroyed(store, step.domid ?? 0);
    } else if (step.action === 'send') {
      for (const frame of splitFrames(step.req ?? '') ?? []) comparable = send(step, frame, replies) && comparable;
    }
    const expected = { replies: step.replies ?? [], events: step.events ?? {} };
    const found = { replies, events: takeAll() };
    if (comparable && JSON.stringify(found) !== JSON.stringify(expected)) {
      played.differences.push(
        `${step.step} ${step.in ?? step.what}: found ${readable(found)}, expected ${readable(expected)}`,
      );
    }
  }
  return played;

  /** Appends what `frame` brings on its own connection; false if the store has no say in it. */
  function send(step: Step, frame: Frame, replies: string[]): boolean {
    const meaning = meaningOf(frame);
    if (typeof meaning === 'string') {
      played[meaning]++;
      const refused = step.replies?.length === 1 && splitFrames(step.replies[0] ?? '')?.[0]?.type === ERROR;
      if (meaning === 'malformed' && !refused)
        played.differences.push(`${step.step} ${step.in}: the daemon did not refuse this`);
      return false;
    }
    played.requests++;
    const id = ids.get(step.conn ?? '') ?? -1;
    const outcome = execute(store, id, meaning);
    store = outcome.store;
    const reply = replyFrame(frame, meaning, outcome.reply);
    const events = takeFrom(id);
    replies.push(...(policy.repliesFirst.has(meaning.type) ? [reply, ...events] : [...events, reply]));
    return true;
  }

  function takeFrom(id: number): string[] {
    const frames: string[] = [];
    if (!store.connections.some((connection) => connection.id === id)) return frames;
    for (let event = nextEvent(store, id); event !== undefined; event = nextEvent(store, id)) {
      frames.push(eventFrame(event));
      store = takeEvent(store, id);
    }
    return frames;
  }

  function takeAll(): { [conn: string]: string[] } {
    const events: { [conn: string]: string[] } = {};
    for (const [conn, id] of ids) {
      const frames = takeFrom(id);
      if (frames.length > 0) events[conn] = frames;
    }
    return events;
  }
}

function readable({ replies, events }: { readonly replies: readonly string[]; readonly events: object }): string {
  const text = (hex: string): string => JSON.stringify(splitFrames(hex)?.[0]?.payload);
  const others = Object.entries(events).map(([conn, frames]) => `${conn}: ${(frames as string[]).map(text).join(' ')}`);
  return `[${replies.map(text).join(' ')}] {${others.join('; ')}}`;
}
