/**
 * The recorded sessions of xenstore's command line tools, frame by frame against our daemon: every frame the tools got
 * from the real ones, they get from it.
 */
import t from 'tap';
import { XS_HEADER_BYTES } from '../protocol/xs-wire.js';
import { POLICIES } from '../xenstore-sim/policy.js';
import { inProcessDaemon } from './support/in-process-daemon.js';
import {
  framesOf,
  framesOfCommand,
  isForPeople,
  maskGeneration,
  type ToolLine,
  toolSession,
} from './support/tool-session.js';
import { Inbox } from './support/xenstore-inbox.js';
import type { TestedDaemon, Wire } from './support/xenstore-transcript.js';

/** Runs one command's frames on a connection of its own; returns what the daemon sent. */
async function run(daemon: TestedDaemon, line: ToolLine): Promise<string[]> {
  const inbox = new Inbox();
  const client = await daemon.openSocket(inbox);
  for (const frame of framesOf(line, 'c')) sendInPieces(client, Buffer.from(frame, 'hex'));
  for (const command of line.during ?? []) await runUnrecorded(daemon, command);
  client.close();
  return inbox.take();
}

/** One buffer for all pieces, as a server that reads from sockets has. */
const PIECE = Buffer.alloc(8192);

/** Sends header and payload apart, as libxenstore does, in a buffer that is used again. */
function sendInPieces(client: Wire, frame: Buffer): void {
  for (const piece of [frame.subarray(0, XS_HEADER_BYTES), frame.subarray(XS_HEADER_BYTES)]) {
    if (piece.length > 0) client.send(PIECE.subarray(0, piece.copy(PIECE)));
  }
}

async function runUnrecorded(daemon: TestedDaemon, command: readonly string[]): Promise<void> {
  const client = await daemon.openSocket(new Inbox());
  for (const frame of framesOfCommand(command)) client.send(frame);
  client.close();
}

for (const kind of ['c', 'ocaml'] as const) {
  t.test(`our ${kind} daemon serves xenstore-utils as the real one does`, async (t) => {
    const daemon = inProcessDaemon(POLICIES[kind]);
    if (kind === 'ocaml') await runUnrecorded(daemon, ['xenstore-write', '/tool/xenstored', '']);
    let frames = 0;
    for (const line of toolSession(kind)) {
      if (line.setup !== undefined) {
        await runUnrecorded(daemon, line.setup);
        continue;
      }
      const name = `${line.n} ${line.cmd?.join(' ')}`.slice(0, 120);
      const expected = framesOf(line, 's');
      const found = await run(daemon, line);
      frames += expected.length;
      // What is for people to read need not be the same, but it must be an answer.
      const comparable = isForPeople(line)
        ? (list: readonly string[]) => list.map((frame) => frame.slice(0, 24))
        : masked;
      t.strictSame(comparable(found), comparable(expected), name);
    }
    t.equal(frames, FRAMES[kind]);
  });
}

/** Frames that the real daemons sent. */
const FRAMES = { c: 469, ocaml: 376 } as const;

function masked(frames: readonly string[]): string[] {
  return frames.map(maskGeneration);
}
