/**
 * A TCTI server whose process does nothing else, and that therefore serves most clients without its event loop. Whether it
 * does depends on the moment, so each test goes on until it has.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { native } from '../../live/memory/native.js';
import { sendCommand } from '../../protocol/tpm/send-command.js';
import { digest, extend, readPcr, startup } from '../support/model-commands.js';
import { command } from '../support/tpm-engine.js';
import { RawClient } from './raw-tcti.js';

const STARTED_ALREADY = '80010000000a00000100';
const EXTENDED = '80020000001300000000000000000000010000';
const selfTest = command({ code: 0x143, parameters: '01' });

class Dedicated {
  readonly tcti: string;
  readonly #child: ChildProcess;

  private constructor(tcti: string, child: ChildProcess) {
    this.tcti = tcti;
    this.#child = child;
  }

  static async start(t: Test, framing: 'swtpm' | 'mssim' = 'swtpm'): Promise<Dedicated> {
    const child = fork(new URL('./dedicated-server.js', import.meta.url), [framing]);
    t.teardown(() => child.kill('SIGKILL'));
    const [{ tcti }] = (await once(child, 'message')) as [{ tcti: string }];
    return new Dedicated(tcti, child);
  }

  client(second = false): Promise<RawClient> {
    return RawClient.open(this.tcti, second);
  }

  /** Clients that were served without the event loop. */
  async accepted(): Promise<number> {
    this.#child.send('accepted');
    const [{ accepted }] = (await once(this.#child, 'message')) as [{ accepted: number }];
    return accepted;
  }

  /** Does it again and again until some of its clients were served without the event loop. */
  async untilBrief(once: () => Promise<void>): Promise<void> {
    for (const before = await this.accepted(); (await this.accepted()) < before + 5; ) await once();
  }

  /** A command on a connection of its own. */
  async ask(bytes: Uint8Array | string, length: number, second = false): Promise<string> {
    const client = await this.client(second);
    const answer = await client.ask(bytes, length);
    client.destroy();
    return answer;
  }
}

t.test('commands on connections of their own are executed once each, in their order', async (t) => {
  if (native() === null) {
    t.comment('koffi is not installed');
    t.pass();
    return;
  }
  const server = await Dedicated.start(t);
  let expected = Buffer.alloc(32);
  await server.untilBrief(async () => {
    t.equal(await server.ask(extend(10), 19), EXTENDED);
    expected = createHash('sha256').update(expected).update(Buffer.from(digest, 'hex')).digest();
    t.equal((await server.ask(readPcr(10), 62)).slice(-64), expected.toString('hex'));
    t.equal(await server.ask('0000000502', 4, true), '00000000');
    t.equal(await server.ask('00000063', 4, true), '0000000a');
  });
});

t.test('pieces, commands sent ahead, late answers, bad sizes, and the death of a client', async (t) => {
  if (native() === null) return;
  const server = await Dedicated.start(t);
  await server.untilBrief(async () => {
    const dribbling = await server.client();
    for (const byte of startup) {
      dribbling.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.equal((await dribbling.take(10)).toString('hex'), STARTED_ALREADY);
    dribbling.destroy();
  });
  await server.untilBrief(async () => {
    const ahead = await server.client();
    ahead.send(Buffer.concat([readPcr(1), selfTest, readPcr(2), extend(3), selfTest, readPcr(4)]));
    const answers = await ahead.take(62 + 10 + 62 + 19 + 10 + 62);
    t.equal(answers.length, 225);
    t.equal(answers.readUInt32BE(62 + 6), 0, 'in their order');
    ahead.destroy();
  });
  await server.untilBrief(async () => {
    const bad = await server.client();
    bad.send('8001000000090000014400');
    t.equal((await bad.rest()).toString('hex'), '80010000000a00000142');
  });
  await server.untilBrief(async () => {
    const [dying, late, other] = await Promise.all([server.client(), server.client(), server.client()]);
    dying.send(startup.subarray(0, 7));
    late.send(selfTest);
    other.send(startup);
    t.equal((await late.take(10)).readUInt32BE(6), 0);
    t.equal((await other.take(10)).toString('hex'), STARTED_ALREADY);
    for (const one of [dying, late, other]) one.destroy();
  });
});

t.test('who is silent, or does not read, keeps nobody from being served', { timeout: 300_000 }, async (t) => {
  if (native() === null) return;
  const server = await Dedicated.start(t);
  await server.untilBrief(async () => {
    t.equal(await server.ask(startup, 10), STARTED_ALREADY);
    const half = await server.client();
    half.send(startup.subarray(0, 6));
    const silent = await server.client();
    t.equal(await server.ask(startup, 10), STARTED_ALREADY);
    t.equal((await half.rest()).length, 0, 'half a command is not waited for long');
    t.equal(await silent.ask(startup, 10), STARTED_ALREADY, 'silence between commands may be as long as it likes');
    silent.destroy();
  });
  const deaf = await server.client();
  deaf.pause();
  deaf.send(Buffer.concat(Array.from({ length: 100_000 }, () => readPcr(1))));
  for (let i = 0; i < 20; i++) t.equal(await server.ask(startup, 10), STARTED_ALREADY);
  deaf.destroy();
});

t.test('any bytes on any channel', { timeout: 300_000 }, async (t) => {
  if (native() === null) return;
  for (const framing of ['swtpm', 'mssim'] as const) {
    const server = await Dedicated.start(t, framing);
    const framed = (bytes: Uint8Array): Uint8Array => (framing === 'mssim' ? sendCommand(bytes, 1) : bytes);
    const whole = [readPcr(3), extend(3), startup, selfTest].map(framed);
    const piece = fc.oneof(
      fc.constantFrom(...whole),
      fc.uint8Array({ maxLength: 24 }),
      fc.constantFrom(...whole).chain((bytes) => fc.nat(bytes.length).map((end) => bytes.subarray(0, end))),
    );
    await server.untilBrief(() =>
      fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.boolean(), async (pieces, second) => {
          const one = await server.client(second);
          for (const bytes of pieces) one.send(bytes);
          await new Promise((resolve) => setTimeout(resolve, 2));
          one.destroy();
          return (await server.ask(framed(startup), framing === 'mssim' ? 18 : 10)).includes(STARTED_ALREADY);
        }),
        { numRuns: 40 },
      ),
    );
    t.pass(framing);
  }
});
