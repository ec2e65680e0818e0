import fc from 'fast-check';
import t from 'tap';
import { FrameAssembler } from '../../protocol/frame-assembler.js';
import * as ptm from '../../protocol/tpm/ptm.js';
import {
  sendCommand,
  sentCommandAnswer,
  sentCommandAnswerSize,
  sentCommandResponse,
} from '../../protocol/tpm/send-command.js';
import { startup } from '../support/model-commands.js';
import { fromHex, toHex } from '../support/tpm-engine.js';

t.test('requests, byte for byte', async (t) => {
  // Laid out by hand from tpm_ioctl.h; every one was accepted by swtpm 0.7.1.
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [ptm.ptmRequest('GET_CAPABILITY'), '00000001'],
    [ptm.initRequest(ptm.PTM_INIT_FLAG_DELETE_VOLATILE), '0000000200000001'],
    [ptm.ptmRequest('SHUTDOWN'), '00000003'],
    [ptm.ptmRequest('GET_TPMESTABLISHED'), '00000004'],
    [ptm.setLocalityRequest(3), '0000000503'],
    [ptm.ptmRequest('CANCEL_TPM_CMD'), '00000009'],
    [ptm.getStateBlobRequest(ptm.PTM_BLOB.volatile, 5), '0000000c000000000000000200000005'],
    [ptm.setStateBlobRequest(ptm.PTM_BLOB.permanent, Uint8Array.of(7, 8)), '0000000d0000000000000001000000020708'],
    [ptm.ptmRequest('STOP'), '0000000e'],
    [ptm.ptmRequest('GET_CONFIG'), '0000000f'],
    [ptm.setBufferSizeRequest(4096), '0000001100001000'],
    [ptm.getInfoRequest(3, 9), '0000001200000000000000030000000900000000'],
  ];
  for (const [request, expected] of cases) {
    t.equal(toHex(request), expected);
    t.equal(ptm.ptmRequestSize(request), request.length, `${expected} ends where it ends`);
  }
});

t.test('responses as swtpm 0.7.1 sends them: where they end, and what they say', async (t) => {
  const blob = '0000000000000000000005290000000302010a';
  const cases: readonly (readonly [ptm.PtmCommandName, string])[] = [
    ['GET_CAPABILITY', '000000000000ffff'],
    ['GET_TPMESTABLISHED', '0000000001000000'],
    ['GET_TPMESTABLISHED', '0000000a'],
    ['SET_LOCALITY', '0000003d'],
    ['GET_STATEBLOB', blob],
    ['GET_STATEBLOB', '00000800000000000000000000000000'],
    ['GET_STATEBLOB', '0000000a'],
    ['GET_CONFIG', '0000000000000000'],
    ['SET_BUFFERSIZE', '000000000000100000000af800001000'],
    ['SET_BUFFERSIZE', '0000000a'],
    ['GET_INFO', '0000000000000002000000027b7d'],
    ['GET_INFO', '00000003'],
    ['INIT', '00000000'],
  ];
  for (const [name, text] of cases) {
    const bytes = fromHex(text);
    t.equal(ptm.ptmResponseSize(name, bytes), bytes.length, `${name} ${text}`);
    for (let end = 0; end < bytes.length; end++) {
      const size = ptm.ptmResponseSize(name, bytes.subarray(0, end));
      t.ok(size === undefined || size === bytes.length, `${name} ${text} after ${end} bytes`);
    }
  }
  t.equal(ptm.readCapability(fromHex('000000000000ffff')), 0xffff);
  t.equal(ptm.readEstablished(fromHex('0000000001000000')), true);
  t.strictSame(ptm.readBufferSizes(fromHex('000000000000100000000af800001000')), {
    now: 4096,
    minimum: 2808,
    maximum: 4096,
  });
  t.equal(ptm.readInfo(fromHex('0000000000000003000000037b7d00')), '{}');
  t.strictSame(ptm.readStateBlob(fromHex(blob)), { result: 0, total: 1321, bytes: Uint8Array.of(2, 1, 10) });
  t.strictSame(ptm.readStateBlob(fromHex('0000000a')), { result: 10, total: 0, bytes: new Uint8Array(0) });
  t.throws(() => ptm.ptmResponseSize('GET_STATEBLOB', fromHex(`${'00'.repeat(12)}7fffffff`)), { code: 'BAD_FRAME' });
});

t.test('any bytes: a response ends somewhere, or more is needed, or they are refused', async () => {
  const names = Object.keys(ptm.PTM_CMD) as ptm.PtmCommandName[];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 24 }), (name, bytes) => {
      try {
        const size = ptm.ptmResponseSize(name, bytes);
        return size === undefined ? bytes.length < 16 : size >= 4 && size <= ptm.PTM_RESPONSE_SIZE_MAX;
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_FRAME';
      }
    }),
  );
});

t.test('a command with its locality in front, and its answer', async (t) => {
  t.equal(toHex(sendCommand(startup, 3)), `00000008030000000c${toHex(startup)}`);
  const answer = sentCommandAnswer(fromHex('80010000000a00000100'));
  t.equal(toHex(answer), '0000000a80010000000a0000010000000000');
  t.equal(sentCommandAnswerSize(answer), answer.length);
  t.equal(sentCommandAnswerSize(answer.subarray(0, 3)), undefined);
  const response = sentCommandResponse(answer);
  t.equal(toHex(response), '80010000000a00000100');
  answer.fill(0);
  t.equal(toHex(response), '80010000000a00000100', 'it is a copy');
  for (const bad of ['00000009', '00001001', 'ffffffff'])
    t.throws(() => sentCommandAnswerSize(fromHex(bad)), { code: 'BAD_FRAME' }, bad);
  t.throws(() => sentCommandResponse(fromHex('0000000a80010000000b0000010000000000')), { code: 'BAD_FRAME' });
  t.throws(() => sentCommandResponse(fromHex('0000000a80010000000a0000010000000001')), { code: 'BAD_FRAME' });
});

t.test('messages come out of a stream as they went in, wherever it is cut', async () => {
  const sizeOf = (head: Uint8Array): number | undefined => (head.length < 1 ? undefined : 1 + (head[0] as number));
  const message = fc.uint8Array({ maxLength: 30 }).map((body) => Uint8Array.of(body.length, ...body));
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat(20), { minLength: 1 }), (messages, cuts) => {
      const stream = Uint8Array.from(messages.flatMap((one) => [...one]));
      const frames = new FrameAssembler(sizeOf);
      const found: string[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const next = at + 1 + (cuts[i % cuts.length] as number);
        frames.push(stream.subarray(at, next));
        at = next;
        for (let frame = frames.next(); frame !== undefined; frame = frames.next()) found.push(toHex(frame));
      }
      return frames.length === 0 && found.join() === messages.map(toHex).join();
    }),
  );
});
