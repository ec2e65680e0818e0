import fc from 'fast-check';
import t from 'tap';
import { mssimMessageSize } from '../../protocol/tpm/mssim.js';
import { sendCommand, sentCommandAnswer } from '../../protocol/tpm/send-command.js';
import { extend, readPcr, startup } from '../support/model-commands.js';
import { toHex } from '../support/tpm-engine.js';
import { serve, until } from './tcti-support.js';

t.test('swtpm: the control channel sets the locality of all commands that follow', async (t) => {
  const { client, tpm } = await serve(t);
  const control = await client(true);
  t.equal(await control.ask('0000000502', 4), '00000000');
  await (await client()).ask(startup, 10);
  t.equal(await control.ask('0000000505', 4), '0000003d', 'there is no locality 5');
  await (await client()).ask(startup, 10);
  t.equal(await (await client(true)).ask('0000000500', 4), '00000000');
  await (await client()).ask(startup, 10);
  t.strictSame(tpm.localities, [2, 2, 0]);
});

t.test('swtpm: what a guest may ask, and what belongs to the host', async (t) => {
  const { client } = await serve(t);
  const ask = async (request: string, length: number) => (await client(true)).ask(request, length);
  t.equal(await ask('00000001', 8), '000000000000202c');
  t.equal(await ask('00000004', 8), '0000000000000000');
  t.equal(await ask('0000001100000000', 16), '00000000000010000000100000001000');
  t.equal(await ask('0000001100000800', 4), '0000000a');
  const refused = ['00000002', '00000003', '00000006', '0000000a', '0000000e', '0000000f', '00000013', '00000063'];
  for (const request of refused) t.equal(await ask(`${request}00000000`, 4), '0000000a', request);
  t.equal(await ask('0000000c000000000000000100000000', 4), '0000000a', 'the state cannot be read');
  t.equal(await ask('0000000d000000000000000100000004deadbeef', 4), '0000000a', 'nor set');
  const huge = await client(true);
  huge.send('0000000d00000000000000017fffffff');
  t.equal((await huge.rest()).toString('hex'), '00000003');
});

t.test('swtpm: cancelling reaches the command that executes, and a later one is not touched', async (t) => {
  const { client, tpm } = await serve(t);
  let release = (): void => undefined;
  tpm.hold = new Promise((resolve) => {
    release = resolve;
  });
  const commands = await client();
  commands.send(startup);
  await until(() => tpm.atOnce === 1);
  const control = await client(true);
  t.equal(await control.ask('00000009', 4), '00000000');
  t.equal(tpm.aborted, 1);
  release();
  await commands.take(10);
  t.equal(await control.ask('00000009', 4), '00000000', 'nothing executes');
  await commands.ask(startup, 10);
  t.equal(tpm.aborted, 1);
});

t.test('INIT and the power signals work where the host allows them, between two commands', async (t) => {
  let cycles = 0;
  const powerCycle = async (): Promise<void> => void cycles++;
  const swtpm = await serve(t, { powerCycle });
  const control = await swtpm.client(true);
  t.equal(await control.ask('00000001', 8), '000000000000202d');
  t.equal(await control.ask('0000000200000001', 4), '00000000');
  t.equal(cycles, 1);
  const mssim = await serve(t, { framing: 'mssim', powerCycle });
  const [platform, commands] = [await mssim.client(true), await mssim.client()];
  t.equal(await platform.ask('00000001', 4), '00000000', 'it is on');
  t.equal(cycles, 1);
  t.equal(await platform.ask('00000002', 4), '00000000');
  t.equal(await commands.ask(sendCommand(startup, 0), 8), '0000000000000000', 'no response from a TPM that is off');
  t.equal(await platform.ask('00000001', 4), '00000000');
  t.equal(cycles, 2);
  t.equal(await platform.ask('00000011', 4), '00000000');
  t.equal(cycles, 3);
  t.equal((await commands.ask(sendCommand(startup, 0), 18)).slice(8, -8), '80010000000a00000100');
});

t.test('mssim: commands carry their locality', async (t) => {
  const { client, tpm } = await serve(t, { framing: 'mssim' });
  const one = await client();
  for (const locality of [3, 0]) {
    t.equal(await one.ask(sendCommand(startup, locality), 18), `0000000a80010000000a0000010000000000`);
  }
  t.strictSame(tpm.localities, [3, 0]);
  t.equal(await one.ask(sendCommand(startup, 5), 18), '0000000a80010000000a0000090700000000');
  t.equal(await one.ask(sendCommand(startup.subarray(0, 5), 0), 18), '0000000a80010000000a0000014200000000');
  const lying = Uint8Array.from(startup);
  lying[5] = 13;
  t.equal(await one.ask(sendCommand(lying, 0), 18), '0000000a80010000000a0000014200000000');
  t.equal(tpm.executed.length, 2);
});

t.test('mssim: other messages on the command channel', async (t) => {
  const { client, tpm } = await serve(t, { framing: 'mssim' });
  const one = await client();
  t.equal(await one.ask('0000000f00000001', 12), '000000010000000400000000');
  t.equal(await one.ask('0000001000000007', 4), '00000000');
  for (const closing of ['00000014', '00000015', '00000005', '0000000600000002abcd', '00000007', '0000000f00000000']) {
    const other = await client();
    other.send(closing);
    t.equal((await other.rest()).length, 0, closing);
  }
  for (const bad of ['00000063', '00000001', '000000080000001001', '0000000600001001']) {
    const other = await client();
    other.send(bad);
    t.equal((await other.rest()).toString('hex'), '0000000a80010000000a0000014200000000', bad);
  }
  t.equal(tpm.executed.length, 0);
});

t.test('mssim: signals on the platform channel', async (t) => {
  const { client, tpm } = await serve(t, { framing: 'mssim' });
  const platform = await client(true);
  for (const signal of [1, 11, 3, 4, 9, 10, 13, 14])
    t.equal(await platform.ask(Uint8Array.of(0, 0, 0, signal), 4), '00000000', `signal ${signal}`);
  for (const signal of [2, 12, 17, 18, 25, 30, 5, 99]) {
    const other = await client(true);
    other.send(Uint8Array.of(0, 0, 0, signal));
    t.equal((await other.rest()).toString('hex'), '00000001', `signal ${signal}`);
  }
  for (const signal of [20, 21]) {
    const other = await client(true);
    other.send(Uint8Array.of(0, 0, 0, signal));
    t.equal((await other.rest()).length, 0, `signal ${signal}`);
  }
  let release = (): void => undefined;
  tpm.hold = new Promise((resolve) => {
    release = resolve;
  });
  const commands = await client();
  commands.send(sendCommand(startup, 0));
  await until(() => tpm.atOnce === 1);
  await platform.ask('00000009', 4);
  t.equal(tpm.aborted, 1);
  release();
  t.equal((await commands.take(18)).length, 18);
});

t.test('any bytes on any channel: the server goes on, and a command is executed whole or not at all', async (t) => {
  for (const framing of ['swtpm', 'mssim'] as const) {
    const { client, tpm } = await serve(t, { framing, frameMilliseconds: 20 });
    const whole = [readPcr(3), extend(3), startup].map((bytes) =>
      framing === 'mssim' ? sendCommand(bytes, 1) : bytes,
    );
    const piece = fc.oneof(
      fc.constantFrom(...whole),
      fc.uint8Array({ maxLength: 24 }),
      fc.constantFrom(...whole).chain((bytes) => fc.nat(bytes.length).map((end) => bytes.subarray(0, end))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.boolean(), async (pieces, second) => {
        const one = await client(second);
        for (const bytes of pieces) one.send(bytes);
        await new Promise((resolve) => setTimeout(resolve, 2));
        one.destroy();
        const check = await client();
        const answer = await check.ask(
          framing === 'mssim' ? sendCommand(startup, 0) : startup,
          framing === 'mssim' ? 18 : 10,
        );
        check.destroy();
        return answer.includes('80010000000a00000100');
      }),
      { numRuns: 60 },
    );
    t.ok(tpm.executed.every((command) => command.length === 2 * Number.parseInt(command.slice(4, 12), 16)));
  }
});

t.test('the frame of a message says nothing before it can, and then the same for ever', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0, 6, 8, 15, 16, 20), (rest, code) => {
      const message = Uint8Array.of(0, 0, 0, code, ...rest);
      let known: number | undefined;
      for (let end = 0; end <= message.length; end++) {
        let size: number | undefined;
        try {
          size = mssimMessageSize(message.subarray(0, end));
        } catch {
          return true;
        }
        if (known !== undefined && size !== known) return false;
        known = size;
      }
      return true;
    }),
  );
  t.equal(toHex(sentCommandAnswer(startup)), `0000000c${toHex(startup)}00000000`);
});
