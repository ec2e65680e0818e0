/**
 * Reads recorded xenstore frames as requests of the store, and writes its replies and events as frames. Only as much of
 * the wire format as comparing with a recording needs (xs_wire.h, xenstore.txt).
 */
import { type Access, formatPermission, type Reply, type Request, type WatchEvent } from '../../xenstore-sim/index.js';

export const ERROR = 16;
const WATCH_EVENT = 15;
const HEADER = 16;
const PAYLOAD_MAX = 4096;

export interface Frame {
  readonly type: number;
  readonly requestId: number;
  readonly transaction: number;
  readonly payload: string;
}

/** What a frame means: a request; `malformed`, to be refused without asking the store; `foreign`, no affair of the store. */
export type Meaning = Request | 'malformed' | 'foreign';

/** The whole frames in `hex`; undefined if there is anything else in it. */
export function splitFrames(hex: string): Frame[] | undefined {
  const bytes = Buffer.from(hex, 'hex');
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER) return undefined;
    const length = bytes.readUInt32LE(at + 12);
    if (length > PAYLOAD_MAX || at + HEADER + length > bytes.length) return undefined;
    const payload = bytes.toString('latin1', at + HEADER, at + HEADER + length);
    frames.push({
      type: bytes.readUInt32LE(at),
      requestId: bytes.readUInt32LE(at + 4),
      transaction: bytes.readUInt32LE(at + 8),
      payload,
    });
    at += HEADER + length;
  }
  return frames;
}

export function joinFrame({ type, requestId, transaction, payload }: Frame): string {
  const header = Buffer.alloc(HEADER);
  [type, requestId, transaction, payload.length].forEach((word, i) => {
    header.writeUInt32LE(word, i * 4);
  });
  return header.toString('hex') + Buffer.from(payload, 'latin1').toString('hex');
}

export function eventFrame(event: WatchEvent): string {
  return joinFrame({ type: WATCH_EVENT, requestId: 0, transaction: 0, payload: `${event.path}\0${event.token}\0` });
}

/** The reply to `request`, which came as `frame`. */
export function replyFrame(frame: Frame, request: Request, reply: Reply): string {
  const type = reply.kind === 'error' ? ERROR : frame.type;
  return joinFrame({ ...frame, type, payload: payloadOf(request, reply) });
}

function payloadOf(request: Request, reply: Reply): string {
  switch (reply.kind) {
    case 'ok':
      return 'OK\0';
    case 'value':
      return request.type === 'read' ? reply.value : `${reply.value}\0`;
    case 'list':
      return reply.names.map((name) => `${name}\0`).join('');
    case 'perms':
      return reply.permissions.map((permission) => `${formatPermission(permission)}\0`).join('');
    case 'error':
      return `${reply.error}\0`;
  }
}

export function meaningOf({ type, transaction, payload }: Frame): Meaning {
  const strings = payload.split('\0');
  /** What follows the last nul; only WRITE has a use for it. */
  const tail = strings.pop() ?? '';
  const [first = '', second = '', third = ''] = strings;
  const exactly = (count: number, request: Request): Meaning =>
    strings.length === count && tail === '' ? request : 'malformed';
  switch (type) {
    case 1:
      return exactly(1, { type: 'directory', path: first, transaction });
    case 2:
      return exactly(1, { type: 'read', path: first, transaction });
    case 3:
      return exactly(1, { type: 'getPerms', path: first, transaction });
    case 4:
      return exactly(2, { type: 'watch', path: first, token: second });
    case 5:
      return exactly(2, { type: 'unwatch', path: first, token: second });
    case 6:
      return { type: 'transactionStart', transaction };
    case 7:
      return first === 'T' || first === 'F'
        ? { type: 'transactionEnd', commit: first === 'T', transaction }
        : 'malformed';
    case 8:
      return exactly(3, {
        type: 'introduce',
        domid: number(first),
        gfn: number(second),
        port: number(third),
        transaction,
      });
    case 9:
      return exactly(1, { type: 'release', domid: number(first), transaction });
    case 10:
      return exactly(1, { type: 'getDomainPath', domid: number(first), transaction });
    case 11:
      return payload.includes('\0') ? write(payload, transaction) : 'malformed';
    case 12:
      return exactly(1, { type: 'mkdir', path: first, transaction });
    case 13:
      return exactly(1, { type: 'rm', path: first, transaction });
    case 14:
      return tail === '' ? setPerms(first, strings.slice(1), transaction) : 'malformed';
    case 17:
      return exactly(1, { type: 'isDomainIntroduced', domid: number(first), transaction });
    case 18:
      return exactly(1, { type: 'resume', domid: number(first), transaction });
    case 19:
      return exactly(2, { type: 'setTarget', domid: number(first), target: number(second), transaction });
    case 21:
      return { type: 'resetWatches', transaction };
    default:
      return 'foreign';
  }
}

function write(payload: string, transaction: number): Request {
  const nul = payload.indexOf('\0');
  return { type: 'write', path: payload.slice(0, nul), value: payload.slice(nul + 1), transaction };
}

function setPerms(path: string, texts: readonly string[], transaction: number): Meaning {
  const matches = texts.map((text) => /^([nrwb])(\d+)$/.exec(text));
  if (matches.length === 0 || matches.includes(null)) return 'malformed';
  const permissions = matches.map((match) => ({ access: match?.[1] as Access, domid: Number(match?.[2]) }));
  return { type: 'setPerms', path, permissions, transaction };
}

/** Numbers as C xenstored 4.17 reads them: the digits in front count, and no digits are 0. */
function number(text: string): number {
  return Number.parseInt(text, 10) || 0;
}
