import fc from 'fast-check';
import t from 'tap';
import { modelEngine } from '../backend/tpm/model/engine.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { TPM_CC } from '../protocol/tpm/command-codes.js';
import { bigEndian32, readResponseHeader } from '../protocol/tpm/header.js';
import { TPM_RC } from '../protocol/tpm/response-codes.js';
import { changedState, changesState } from '../protocol/tpm/state-change.js';
import {
  BITS,
  COUNTER,
  define,
  EXTEND,
  extend,
  flush,
  hierarchyChange,
  NULL,
  nv,
  OPEN,
  OWNER,
  random,
  readNv,
  readPcr,
  started,
  startSession,
  startup,
} from './support/model-commands.js';
import { command, EngineBench, fromHex, toHex, word } from './support/tpm-engine.js';

t.test('the state fits a page, and depends on nothing but the seed', async (t) => {
  t.ok(modelEngine({ seed: 1 }).stateSize <= PAGE_SIZE);
  t.equal(modelEngine({ seed: 1 }).stateSize % 4, 0);
  t.strictSame(new EngineBench(modelEngine({ seed: 7 })).state, new EngineBench(modelEngine({ seed: 7 })).state);
  t.notSame(new EngineBench(modelEngine({ seed: 7 })).state, new EngineBench(modelEngine({ seed: 8 })).state);
  for (const nvIndexSize of [63, 65, 2052, 0]) t.throws(() => modelEngine({ seed: 1, nvIndexSize }), /nvIndexSize/);
  t.throws(() => modelEngine({ seed: 0.5 }), /seed/);
});

t.test('Startup comes first, and once', async (t) => {
  const device = new EngineBench(modelEngine({ seed: 1 }));
  t.equal(device.code(random(8)), TPM_RC.INITIALIZE);
  t.equal(device.code(command({ code: TPM_CC.Startup, parameters: '0001' })), 0x1c4, 'nothing to resume');
  t.equal(device.code(startup, 1), TPM_RC.LOCALITY);
  t.equal(device.code(startup), 0);
  t.equal(device.code(startup), TPM_RC.INITIALIZE);
  t.equal(device.code(random(8)), 0);
});

t.test('PCR 0 tells the locality of Startup, and 17 to 22 start as ones', async (t) => {
  for (const locality of [0, 3]) {
    const device = new EngineBench(modelEngine({ seed: 1 }));
    device.send(startup, locality);
    t.equal(toHex(device.send(readPcr(0)).slice(-32)), word(locality, 64));
    for (let pcr = 1; pcr < 24; pcr++) {
      t.equal(toHex(device.send(readPcr(pcr)).slice(-32)), (pcr >= 17 && pcr <= 22 ? 'ff' : '00').repeat(32), `${pcr}`);
    }
  }
});

t.test('a malformed command is refused as the real TPM refuses it', async (t) => {
  const device = started();
  const cases: readonly (readonly [string, number])[] = [
    ['', 0x142],
    ['8001', 0x142],
    ['80010000000b0000017b', 0x142],
    ['80030000000a0000017b', 0x084],
    ['80010000000a000001ff', 0x143],
    ['80010000000a00000181', 0x143],
    ['80010000000a0000017b', 0x1da],
    ['80010000000d0000017b000800', 0x095],
    ['80010000000a0000013d', 0x19a],
    ['80010000000e0000013d00000010', 0x125],
    ['80010000000e0000013d00000018', 0x184],
    ['80020000000e0000014400000000', 0x145],
  ];
  for (const [bytes, expected] of cases) {
    t.equal(device.code(fromHex(bytes)), expected, bytes);
    t.equal(device.changes(fromHex(bytes)), false, bytes);
  }
});

t.test('authorisation areas are read strictly', async (t) => {
  const device = started();
  const reset = (area: string): number => {
    const body = `00000010${word(area.length / 2, 8)}${area}`;
    return device.code(fromHex(`8002${word(10 + body.length / 2, 8)}0000013d${body}`));
  };
  t.equal(reset('400000090000000000'), 0);
  t.equal(reset('400000090000010000'), 0, 'continueSession is ignored');
  t.equal(reset('4000000900000000'), TPM_RC.SIZE, 'too short');
  t.equal(reset('4000000900000000000000'), 0xa9a, 'two bytes of a second session');
  t.equal(reset('40000007000000000000'), 0x984, 'not a session');
  t.equal(reset('400000090000080000'), 0x9a1, 'reserved attribute');
  t.equal(reset('400000090000800000'), 0x982, 'a password cannot audit');
  t.equal(reset('4000000900011100000000'), 0x98f, 'a password has no nonce');
  t.equal(reset('400000090000000001aa'), 0x9a2, 'a wrong password for a PCR');
  t.equal(reset('400000090000000000400000090000000000'), 0xa8b, 'more passwords than handles');
  t.equal(reset('020000000000010000'), TPM_RC.REFERENCE_S0, 'a session that is not there');
  device.send(startSession());
  t.equal(reset('020000000000010000'), TPM_RC.AUTH_TYPE, 'a session that is there');
});

t.test('a second send does what the measured table says', async (t) => {
  const device = started();
  device.send(define({ attributes: COUNTER }));
  device.send(define({ index: 0x01500021, attributes: BITS }));
  device.send(define({ index: 0x01500022, attributes: EXTEND, size: 32 }));
  device.send(define({ index: 0x01500023, attributes: OPEN }));
  const at = (index: number) => ({ handles: [OWNER, index] });
  // Name, command, response code of the second send, whether its answer is the same, whether it changes state again.
  const rows: readonly (readonly [string, Uint8Array, number, boolean, boolean])[] = [
    ['PCR_Extend', extend(10), 0, true, true],
    [
      'PCR_Event',
      command({ code: TPM_CC.PCR_Event, handles: [16], passwords: [''], parameters: '0001aa' }),
      0,
      true,
      true,
    ],
    ['PCR_Reset', command({ code: TPM_CC.PCR_Reset, handles: [16], passwords: [''] }), 0, true, false],
    ['PCR_Read', readPcr(10), 0, true, false],
    ['GetRandom', random(16), 0, false, true],
    ['StirRandom', command({ code: TPM_CC.StirRandom, parameters: '0001aa' }), 0, true, true],
    ['NV_Increment', nv(TPM_CC.NV_Increment), 0, true, true],
    ['NV_SetBits', nv(TPM_CC.NV_SetBits, '0000000000000101', at(0x01500021)), 0, true, false],
    ['NV_Extend', nv(TPM_CC.NV_Extend, '0001aa', at(0x01500022)), 0, true, true],
    ['NV_Write', nv(TPM_CC.NV_Write, '0002aabb0001', at(0x01500023)), 0, true, false],
    ['NV_Read', nv(TPM_CC.NV_Read, readNv()), 0, true, false],
    ['NV_DefineSpace', define({ index: 0x01500024, attributes: OPEN }), 0x14c, false, false],
    ['NV_UndefineSpace', nv(TPM_CC.NV_UndefineSpace, '', at(0x01500024)), 0x28b, false, false],
    ['StartAuthSession', startSession(), 0, false, true],
    ['FlushContext', flush(0x02000001), 0x1cb, false, false],
    ['HierarchyChangeAuth', hierarchyChange(OWNER, '', ''), 0, true, false],
    ['SelfTest', command({ code: TPM_CC.SelfTest, parameters: '01' }), 0, true, false],
    ['Shutdown', command({ code: TPM_CC.Shutdown, parameters: '0001' }), 0, true, false],
  ];
  for (const [name, bytes, code, same, again] of rows) {
    // Resetting an untouched PCR would change nothing the first time.
    device.send(extend(16));
    const before = toHex(device.state);
    const first = toHex(device.send(bytes));
    const between = toHex(device.state);
    t.equal(Number.parseInt(first.slice(12, 20), 16), 0, `${name}: first`);
    if (name !== 'HierarchyChangeAuth')
      t.equal(before !== between, changesState(bigEndian32(bytes, 6)), `${name}: changes`);
    const second = toHex(device.send(bytes));
    t.equal(Number.parseInt(second.slice(12, 20), 16), code, `${name}: second`);
    t.equal(first === second, same, `${name}: same answer`);
    t.equal(between !== toHex(device.state), again, `${name}: changes again`);
  }
});

t.test('three sessions can be loaded', async (t) => {
  const device = started();
  const handles = [0, 1, 2].map((i) => bigEndian32(device.send(startSession(undefined, word(i === 1 ? 1 : 0, 2))), 10));
  t.strictSame(handles, [0x02000000, 0x03000001, 0x02000002]);
  t.equal(device.code(startSession()), TPM_RC.SESSION_MEMORY);
  t.equal(device.changes(startSession()), false);
  t.equal(device.code(flush(0x03000001)), 0);
  t.equal(device.code(flush(0x02000001)), 0x1cb);
  t.equal(bigEndian32(device.send(startSession()), 10), 0x02000001);
  t.equal(device.code(flush(0x40000001)), 0x1c4);
  t.equal(device.code(flush(0x80000000)), 0x1cb);
});

t.test('StartAuthSession checks each parameter', async (t) => {
  const device = started();
  t.equal(device.code(startSession('22'.repeat(15))), 0x1d5);
  t.equal(device.code(startSession('22'.repeat(33))), 0x1d5);
  t.equal(device.code(startSession(undefined, '02')), 0x3c4);
  t.equal(device.code(startSession(undefined, '00', '0011000b')), 0x4d6);
  t.equal(device.code(startSession(undefined, '00', '000600070043000b')), 0x4c4);
  t.equal(device.code(startSession(undefined, '00', '000600800045000b')), 0x4c9);
  t.equal(device.code(startSession(undefined, '00', '00100010')), 0x5c3);
  t.equal(device.code(startSession(undefined, '00', '000600800043000b')), 0);
  t.equal(device.code(startSession(undefined, '00', '000a000b000b')), 0);
  const key = { code: TPM_CC.StartAuthSession, parameters: `0010${'22'.repeat(16)}0000000010000b` };
  t.equal(device.code(command({ ...key, handles: [0x80000000, NULL] })), TPM_RC.REFERENCE_H0);
  t.equal(device.code(command({ ...key, handles: [NULL, 0x80000000] })), TPM_RC.REFERENCE_H0 + 1);
  t.equal(device.code(command({ ...key, handles: [0x81000000, NULL] })), 0x18b);
  t.equal(device.code(command({ ...key, handles: [OWNER, NULL] })), 0x184);
  t.equal(device.code(command({ ...key, handles: [NULL, OWNER] })), 0);
});

t.test('random numbers: two copies of a state give the same, two seeds do not', async (t) => {
  const bytes = (device: EngineBench): string => toHex(device.send(random(40)).slice(12));
  t.equal(bytes(started(1)), bytes(started(1)));
  t.not(bytes(started(1)), bytes(started(2)));
  const stirred = started(1);
  stirred.send(command({ code: TPM_CC.StirRandom, parameters: '0001aa' }));
  t.not(bytes(stirred), bytes(started(1)));
  t.equal(started().send(random(0xffff)).length, 12 + 64);
  t.equal(started().code(command({ code: TPM_CC.StirRandom, parameters: `0081${'00'.repeat(129)}` })), 0x1d5);
});

t.test('a capability list can be read in parts', async (t) => {
  const device = started();
  const get = (capability: number, property: number, count: number): Uint8Array =>
    device.send(
      command({ code: TPM_CC.GetCapability, parameters: word(capability, 8) + word(property, 8) + word(count, 8) }),
    );
  const handles: number[] = [];
  for (let next = 0, more = true; more; ) {
    const answer = get(1, next, 5);
    more = answer[10] === 1;
    for (let i = 0; i < bigEndian32(answer, 15); i++) handles.push(bigEndian32(answer, 19 + i * 4));
    next = (handles.at(-1) ?? 0) + 1;
  }
  t.strictSame(
    handles,
    Array.from({ length: 24 }, (_, pcr) => pcr),
  );
  t.equal(get(6, 0x100, 0)[10], 1, 'none asked for, more there');
  t.equal(toHex(get(1, 0x05000000, 1)), '80010000000a000002cb');
  t.equal(toHex(get(11, 0, 1)), '80010000000a000001c4');
  t.equal(toHex(get(5, 0, 0)).slice(38), '000403ffffff000b03ffffff000c03000000000d03000000', 'two banks in use');
});

t.test('any bytes get a well-formed answer, and errors leave the state alone', async () => {
  const device = started();
  device.send(define({ attributes: OPEN, auth: 'pw' }));
  device.send(define({ index: 0x01500021, attributes: COUNTER }));
  const implemented = [
    0x122, 0x12a, 0x134, 0x137, 0x13c, 0x13d, 0x14e, 0x165, 0x169, 0x176, 0x17a, 0x17b, 0x17e, 0x182,
  ];
  const code = fc.oneof(fc.constantFrom(...implemented), fc.integer({ min: 0x110, max: 0x1a0 }));
  const handle = fc.constantFrom('40000001', '4000000c', '01500020', '01500021', '00000010', '02000000', '');
  const area = fc.constantFrom('00000009400000090000000000', '0000000b4000000900000000027077', '');
  const body = fc.tuple(handle, handle, area, fc.uint8Array({ maxLength: 24 }).map(toHex));
  const framed = fc.record({ code, body, sessions: fc.boolean() }).map(({ code, body, sessions }) => {
    const text = body.join('');
    return fromHex(`${sessions ? '8002' : '8001'}${word(10 + text.length / 2, 8)}${word(code, 8)}${text}`);
  });
  fc.assert(
    fc.property(fc.oneof(framed, framed, fc.uint8Array({ maxLength: 30 })), fc.nat(4), (bytes, locality) => {
      const before = toHex(device.state);
      const response = device.send(bytes, locality);
      const header = readResponseHeader(response);
      const wellFormed = response.length >= 10 && response.length <= 4096 && header.size === response.length;
      const error = header.tag === 0x8001 && response.length === 10;
      const kept =
        header.code === 0 || changedState(bigEndian32(bytes, 6), header.code) || header.code === TPM_RC.RETRY;
      return wellFormed && (header.code === 0 || (error && (kept || before === toHex(device.state))));
    }),
    { numRuns: 2000 },
  );
});

t.test('a valid command with bytes added or cut off is refused and changes nothing', async (t) => {
  const device = started();
  device.send(define({ index: 0x01500021, attributes: COUNTER }));
  device.send(define({ index: 0x01500022, attributes: OPEN }));
  const valid = [
    startup,
    extend(3),
    readPcr(3),
    random(4),
    startSession(),
    flush(0x02000000),
    define({ attributes: OPEN }),
    nv(TPM_CC.NV_Increment, '', { handles: [OWNER, 0x01500021] }),
    nv(TPM_CC.NV_Write, '0001aa0000', { handles: [OWNER, 0x01500022] }),
    nv(TPM_CC.NV_UndefineSpace, '', { handles: [OWNER, 0x01500022] }),
    hierarchyChange(OWNER, '', 'x'),
    command({ code: TPM_CC.Shutdown, parameters: '0000' }),
  ];
  const resized = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(2, copy.length);
    return copy;
  };
  for (const bytes of valid) {
    const broken = [Uint8Array.of(...bytes, 0)];
    for (let length = 10; length < bytes.length; length++) broken.push(bytes.slice(0, length));
    for (const one of broken.map(resized)) {
      const before = toHex(device.state);
      const code = device.code(one);
      if (code === 0 || before !== toHex(device.state)) t.fail(`${toHex(one)}: 0x${code.toString(16)}`);
    }
  }
});
