/**
 * Plays a recorded scenario against a daemon, whatever it is behind the interface, and compares every frame it sends.
 *
 * After each step it waits for as many frames as were recorded, then for the daemon to come to rest, so that one frame
 * too many is found, too. The order of frames of different connections is not compared.
 */
import { readWord } from '../../protocol/xs-wire.js';
import { Inbox } from './xenstore-inbox.js';
import type { Limits } from './xenstore-limits.js';

/** Where a daemon's output goes. */
export interface Sink {
  bytes(piece: Uint8Array): void;
  closed(): void;
}

/** A client's end of a connection. */
export interface Wire {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** What a ring's page tells besides its two rings. */
export interface RingState {
  readonly server_features: number;
  readonly connection: number;
  readonly error: number;
}

export interface RingWire extends Wire {
  state(): RingState;
  /** Sets the field `connection` to 1 and signals. */
  askForReconnection(): void;
}

export interface TestedDaemon {
  openSocket(sink: Sink): Promise<Wire>;
  /** The ring of domain `domid`. */
  openRing(domid: number, sink: Sink): Promise<RingWire>;
  createDomain(domid: number): void;
  /** Domain `domid` shuts down, begins to die, or is gone. */
  setDomain(domid: number, state: 'shut-down' | 'dying' | 'gone'): void;
  /** Waits until everything sent so far is executed and what the daemon has to say about it has arrived. */
  settle(): Promise<void>;
}

/** One line of a recording. */
export interface TranscriptStep {
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
  readonly transport?: 'socket' | 'ring';
  /** The daemon closed the connection. */
  readonly closed?: boolean;
  readonly state?: RingState;
}

/** The scenarios of a recording by their names. */
export function transcriptsOf(text: string): ReadonlyMap<string, readonly TranscriptStep[]> {
  const lines = text.split('\n').filter((line) => line !== '');
  const transcripts = new Map<string, TranscriptStep[]>();
  for (const step of lines.map((line) => JSON.parse(line) as TranscriptStep)) {
    const steps = transcripts.get(step.scenario);
    if (steps === undefined) transcripts.set(step.scenario, [step]);
    else steps.push(step);
  }
  return transcripts;
}

export interface PlayOptions {
  /** How long to wait for frames that were recorded, at most. */
  readonly milliseconds?: number;
  /** After so many the rest is not played: a scenario that has lost step only differs more and more. */
  readonly differencesMax?: number;
}

/** Plays `steps`, one scenario from its start, against `daemon`, which must be fresh. Returns one text per difference. */
export async function playTranscript(
  steps: readonly TranscriptStep[],
  daemon: TestedDaemon,
  { milliseconds = 2000, differencesMax = 3 }: PlayOptions = {},
): Promise<string[]> {
  const differences: string[] = [];
  const inboxes = new Map<string, Inbox>();
  const wires = new Map<string, Wire>();
  const rings = new Map<string, RingWire>();

  for (const step of steps) {
    const conn = step.conn ?? '';
    if (step.action === 'open') await open(step, conn);
    else if (step.action === 'close') {
      wires.get(conn)?.close();
      inboxes.delete(conn);
    } else if (step.action === 'host') hostAction(step);
    else if (step.action === 'send') wires.get(conn)?.send(Buffer.from(step.req ?? '', 'hex'));
    else if (step.action === 'ring-state') {
      await daemon.settle();
      compare(step, rings.get(conn)?.state(), step.state);
      continue;
    }
    const expected: { [conn: string]: readonly string[] } = { ...step.events };
    if ((step.replies ?? []).length > 0) expected[conn] = step.replies ?? [];
    for (const [name, inbox] of inboxes) {
      const count = lengthOfMerged(expected[name] ?? [], step);
      await inbox.holds(count, name === conn && step.closed === true, milliseconds);
    }
    await daemon.settle();
    const found: { [conn: string]: string[] } = {};
    for (const [name, inbox] of inboxes) {
      const frames = inbox.take();
      if (frames.length > 0) found[name] = frames;
    }
    compare(step, masked(found, step), masked(expected, step));
    if (step.closed === true && inboxes.get(conn)?.isClosed !== true)
      differences.push(`${step.step}: expected the daemon to close the connection, found it open`);
    if (differences.length >= differencesMax) break;
  }
  for (const wire of wires.values()) wire.close();
  return differences;

  async function open(step: TranscriptStep, conn: string): Promise<void> {
    const inbox = new Inbox();
    inboxes.set(conn, inbox);
    if (step.transport !== 'ring') {
      wires.set(conn, await daemon.openSocket(inbox));
      return;
    }
    const ring = await daemon.openRing(step.domid ?? 0, inbox);
    rings.set(conn, ring);
    wires.set(conn, ring);
  }

  function hostAction({ what, domid = 0 }: TranscriptStep): void {
    if (what === 'create-domain') daemon.createDomain(domid);
    else if (what === 'domain-gone') daemon.setDomain(domid, 'gone');
    else if (what === 'domain-dying') daemon.setDomain(domid, 'dying');
    else if (what === 'domain-shutdown') daemon.setDomain(domid, 'shut-down');
    else if (what === 'guest sets connection=1 and signals') {
      for (const ring of rings.values()) ring.askForReconnection();
    } else throw new Error(`expected a known host action, found ${what}`);
  }

  function compare(step: TranscriptStep, found: unknown, expected: unknown): void {
    if (JSON.stringify(found, sorted) === JSON.stringify(expected, sorted)) return;
    const text = (value: unknown): string => JSON.stringify(value, readable);
    differences.push(`${step.step} ${step.in ?? step.what}: expected ${text(expected)}, found ${text(found)}`);
  }
}

/** Frames without what the tags of `step` leave open. */
function masked(
  frames: { readonly [conn: string]: readonly string[] },
  step: TranscriptStep,
): { [conn: string]: readonly string[] } {
  const tags = new Set(step.tags);
  const mask = (hex: string): string => {
    const bytes = Buffer.from(hex, 'hex');
    const isError = readWord(bytes, 0) === 16;
    const payload = bytes.toString('latin1', 16);
    if (isError && (tags.has('error-name-unspecified') || tags.has('error-name-host-dependent')))
      return `${hex.slice(0, 24)} any error`;
    if (tags.has('free-text')) return `${hex.slice(0, 24)} ${withoutFigures(payload)}`;
    if (tags.has('gencnt-opaque') && !isError)
      return `${hex.slice(0, 24)} ${JSON.stringify(payload.slice(payload.indexOf('\0')))}`;
    return hex;
  };
  return Object.fromEntries(Object.entries(frames).map(([conn, list]) => [conn, merged(list.map(mask), step)]));
}

/** An answer of CONTROL without the figures that are not counted here: memory, nodes of domain 0, the greatest ones. */
export function withoutFigures(text: string): string {
  if (!text.startsWith('Domain ')) return text.replace(/^dom0 quota: \d+/, 'dom0 quota: N');
  const some = text.startsWith('Domain 0:') ? /^(nodes|memory)( *: ) *\d+/gm : /^(memory)( *: ) *\d+/gm;
  return text.replace(some, '$1$2N').replace(/\(max +\d+\)/g, '(max N)');
}

/** Equal events in a row count once where the recording says that their number varies. */
function merged(frames: readonly string[], step: TranscriptStep): readonly string[] {
  if (step.tags?.includes('event-count-varies') !== true) return frames;
  return frames.filter((frame, at) => frame !== frames[at - 1]);
}

function lengthOfMerged(frames: readonly string[], step: TranscriptStep): number {
  return merged(frames, step).length;
}

/** For `JSON.stringify`: keys in order. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** For `JSON.stringify`: frames as type and payload. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || !/^([0-9a-f]{2}){16,}$/.test(value)) return value;
  const bytes = Buffer.from(value, 'hex');
  const payload = bytes.toString('latin1', 16);
  return `${readWord(bytes, 0)} tx=${readWord(bytes, 8)} ${payload.length > 200 ? `${payload.slice(0, 200)}...` : payload}`;
}
