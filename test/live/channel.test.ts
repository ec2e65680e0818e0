/**
 * A channel that is asked briefly: answers that come at once, late, in pieces, with something behind, or not at all.
 */
import { closeSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { native } from '../../live/memory/native.js';
import { Channel } from '../../live/tpm/channel.js';
import { channelPair } from '../../live/tpm/channel-end.js';

const calls = native();
const QUESTION = Uint8Array.of(1, 2, 3);
/** An answer begins with its length. */
const sizeOf = (head: Uint8Array): number => head[0] as number;
const ANSWER = Uint8Array.of(4, 11, 12, 13);
const OTHER = Uint8Array.of(3, 21, 22);

t.test('pieces that come one after the other into the same bytes are put together', async (t) => {
  // Where this process is held up between two of them, it is late: then once more.
  for (;;) {
    const bytes = new Uint8Array(8);
    const pieces = [ANSWER.subarray(0, 1), ANSWER.subarray(1, 3), ANSWER.subarray(3)];
    const blocking = {
      send: (question: Uint8Array) => question.length,
      receive() {
        const piece = pieces.shift() ?? new Uint8Array(0);
        bytes.fill(0xff);
        bytes.set(piece);
        return bytes.subarray(0, piece.length);
      },
    };
    const channel = new Channel('made up', { stream: new PassThrough(), blocking }, () => undefined);
    const answer = channel.askBriefly(QUESTION, sizeOf);
    if (answer instanceof Promise) continue;
    t.strictSame(answer, ANSWER);
    return;
  }
});

interface Open {
  readonly channel: Channel;
  /** The process at the other end sends this. */
  send(bytes: Uint8Array): void;
  /** What it was sent. */
  asked(): Uint8Array;
  end(): void;
  readonly broken: string[];
}

function open(t: Test): Open {
  const pair = channelPair();
  if (calls === null || pair === null) throw new Error('expected koffi');
  const broken: string[] = [];
  const { theirs } = pair;
  let ended = false;
  const end = (): void => {
    if (!ended) closeSync(theirs);
    ended = true;
  };
  const channel = new Channel('the channel', pair.ours, (why) => broken.push(why));
  t.teardown(() => {
    end();
    channel.break('the test is over');
  });
  return {
    channel,
    broken,
    end,
    send: (bytes) => t.equal(calls.write(theirs, bytes), bytes.length),
    asked() {
      const bytes = new Uint8Array(100);
      return bytes.slice(0, calls.read(theirs, bytes));
    },
  };
}

/** Lets the event loop read what has come, as it does between two commands. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

if (calls === null) {
  t.test('koffi is not installed', async (t) => {
    t.equal(channelPair(), null, 'channels are waited for in the event loop alone');
  });
} else {
  t.test('an answer that is there is returned, and one that is late comes by a promise', async (t) => {
    const { channel, send, asked } = open(t);
    await turn();
    for (let i = 0; i < 3; i++) {
      send(ANSWER);
      t.strictSame(new Uint8Array((await channel.askBriefly(QUESTION, sizeOf)) as Uint8Array), ANSWER);
      t.strictSame(asked(), QUESTION);
      const late = channel.askBriefly(QUESTION, sizeOf);
      t.ok(late instanceof Promise);
      send(OTHER);
      t.strictSame(new Uint8Array(await late), OTHER);
      t.strictSame(asked(), QUESTION);
      const asking = channel.ask(QUESTION, sizeOf);
      send(ANSWER);
      t.strictSame(new Uint8Array(await asking), ANSWER, 'by the event loop alone');
      t.strictSame(asked(), QUESTION);
    }
    t.throws(
      () => {
        channel.ask(QUESTION, sizeOf).catch(() => undefined);
        channel.askBriefly(QUESTION, sizeOf);
      },
      { message: /asked before the last answer came/ },
    );
  });

  t.test('an answer of which a part comes late is put together', async (t) => {
    const { channel, send } = open(t);
    send(ANSWER.subarray(0, 2));
    const late = channel.askBriefly(QUESTION, sizeOf);
    t.ok(late instanceof Promise);
    send(ANSWER.subarray(2));
    t.strictSame(new Uint8Array(await late), ANSWER);
  });

  t.test('more than was asked for breaks the channel, at once or late', async (t) => {
    const lost = { code: 'TPM_LOST' };
    for (const bytes of [Uint8Array.of(...ANSWER, 9), Uint8Array.of(...ANSWER, ...OTHER)]) {
      const { channel, send, broken } = open(t);
      send(bytes);
      await t.rejects(Promise.resolve(channel.askBriefly(QUESTION, sizeOf)), lost);
      t.match(broken, [/expected one answer to each question, found more bytes/]);
      await t.rejects(Promise.resolve(channel.askBriefly(QUESTION, sizeOf)), lost);
    }
    const { channel, send, broken } = open(t);
    const late = channel.askBriefly(QUESTION, sizeOf);
    send(Uint8Array.of(...ANSWER, 9));
    await t.rejects(Promise.resolve(late), lost);
    t.equal(broken.length, 1);
  });

  t.test('a size that no answer has breaks the channel', async (t) => {
    const { channel, send, broken } = open(t);
    send(ANSWER);
    const impossible = (): number => {
      throw new Error('no answer has this size');
    };
    await t.rejects(Promise.resolve(channel.askBriefly(QUESTION, impossible)), { code: 'TPM_LOST' });
    t.match(broken, [/no answer has this size/]);
  });

  t.test('the end of the other process is noticed while it is waited for, and later', async (t) => {
    const before = open(t);
    before.send(ANSWER.subarray(0, 1));
    before.end();
    await t.rejects(Promise.resolve(before.channel.askBriefly(QUESTION, sizeOf)), { code: 'TPM_LOST' });
    t.equal(before.broken.length, 1);
    const after = open(t);
    const late = after.channel.askBriefly(QUESTION, sizeOf);
    after.end();
    await t.rejects(Promise.resolve(late), { code: 'TPM_LOST' });
    t.equal(after.broken.length, 1);
  });
}
