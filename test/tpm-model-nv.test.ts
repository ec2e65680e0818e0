import t from 'tap';
import { TPM_CC } from '../protocol/tpm/command-codes.js';
import { TPM_RC } from '../protocol/tpm/response-codes.js';
import {
  COUNTER,
  type Definition,
  define,
  EXTEND,
  hierarchyChange,
  INDEX,
  LOCKOUT,
  nv,
  OPEN,
  OWNER,
  PLATFORM,
  readNv,
  started,
} from './support/model-commands.js';
import { command, toHex } from './support/tpm-engine.js';

t.test('a counter counts replays and never goes back', async (t) => {
  const device = started();
  const value = (): string => toHex(device.send(nv(TPM_CC.NV_Read, readNv())).slice(16, 24));
  device.send(define({ attributes: COUNTER }));
  t.equal(device.code(nv(TPM_CC.NV_Read, readNv())), TPM_RC.NV_UNINITIALIZED);
  for (let i = 0; i < 300; i++) device.send(nv(TPM_CC.NV_Increment));
  t.equal(value(), '000000000000012c');
  device.send(nv(TPM_CC.NV_UndefineSpace));
  device.send(define({ attributes: COUNTER }));
  device.send(nv(TPM_CC.NV_Increment));
  t.equal(value(), '000000000000012d', 'a counter defined again goes on');
});

t.test('NV definitions are checked', async (t) => {
  const device = started();
  const cases: readonly (readonly [string, Definition, number])[] = [
    ['too large', { attributes: OPEN, size: 65 }, 0x2d5],
    ['a counter of 4 bytes', { attributes: COUNTER, size: 4 }, 0x2d5],
    ['an extend index of another size than its digest', { attributes: EXTEND, size: 20 }, 0x2d5],
    ['a type that is not there', { attributes: OPEN | 0x30 }, 0x2c2],
    ['already written', { attributes: OPEN | 0x20000000 }, 0x2c2],
    ['nobody can read', { attributes: 0x02000006 }, 0x2c2],
    ['nobody can write', { attributes: 0x02060000 }, 0x2c2],
    ['a reserved bit', { attributes: OPEN | 0x100 }, 0x2e1],
    ['not an NV handle', { attributes: OPEN, index: 0x02500020 }, 0x2c4],
    ['a password longer than the digest', { attributes: OPEN, auth: 'x'.repeat(33) }, 0x1d5],
    ['made by the platform without saying so', { attributes: OPEN, by: PLATFORM }, 0x182],
    ['made by the owner in the name of the platform', { attributes: OPEN | 0x40000000 }, 0x182],
    ['by neither owner nor platform', { attributes: OPEN, by: LOCKOUT }, 0x184],
  ];
  for (const [what, definition, expected] of cases) {
    t.equal(device.changes(define(definition)), false, what);
    t.equal(device.code(define(definition)), expected, what);
  }
  for (let i = 0; i < 8; i++) t.equal(device.code(define({ index: 0x01000000 + i, attributes: OPEN })), 0);
  t.equal(device.code(define({ index: 0x01000008, attributes: OPEN })), TPM_RC.NV_SPACE);
  t.equal(device.code(nv(TPM_CC.NV_UndefineSpace, '', { handles: [OWNER, 0x01000003] })), 0);
  t.equal(device.code(define({ index: 0x01000008, attributes: OPEN })), 0);
});

t.test('NV access follows attributes, types and ranges', async (t) => {
  const device = started();
  device.send(define({ attributes: OPEN | 0x80004000 }));
  t.equal(device.code(nv(TPM_CC.NV_Write, '0002aabb0007')), TPM_RC.NV_RANGE);
  t.equal(device.code(nv(TPM_CC.NV_Write, '00000009')), 0x2c4);
  t.equal(device.code(nv(TPM_CC.NV_Increment)), 0x282);
  t.equal(device.code(nv(TPM_CC.NV_SetBits, '00'.repeat(8))), 0x282);
  t.equal(device.code(nv(TPM_CC.NV_Extend, '0000')), 0x282);
  t.equal(device.code(nv(TPM_CC.NV_Write, '0000', { handles: [PLATFORM, INDEX] })), 0x2da);
  t.equal(device.code(nv(TPM_CC.NV_Write, '00000000', { handles: [PLATFORM, INDEX] })), TPM_RC.NV_AUTHORIZATION);
  t.equal(device.code(nv(TPM_CC.NV_Write, '0008010203040506070800 00'.replace(' ', ''))), 0);
  t.equal(toHex(device.send(nv(TPM_CC.NV_Read, '00030004')).slice(16, 19)), '050607');
  t.equal(device.code(nv(TPM_CC.NV_Read, '00050004')), TPM_RC.NV_RANGE);
  t.equal(device.code(nv(TPM_CC.NV_Read, '04010000')), 0x1c4);
  t.equal(device.code(nv(TPM_CC.NV_WriteLock)), 0);
  t.equal(device.code(nv(TPM_CC.NV_WriteLock)), 0);
  t.equal(device.code(nv(TPM_CC.NV_Write, '00000000')), TPM_RC.NV_LOCKED);
  t.equal(device.code(nv(TPM_CC.NV_ReadLock)), 0);
  t.equal(device.code(nv(TPM_CC.NV_Read, readNv())), TPM_RC.NV_LOCKED);
  t.equal(device.code(nv(TPM_CC.NV_Read, readNv(), { handles: [OWNER, 0x015000ff] })), 0x28b);
  t.equal(device.code(nv(TPM_CC.NV_Read, readNv(), { handles: [0x80000000, INDEX] })), 0x184);
});

t.test('an index has its own password', async (t) => {
  const device = started();
  device.send(define({ attributes: OPEN, auth: 'pw' }));
  const own = { handles: [INDEX, INDEX] };
  t.equal(device.code(nv(TPM_CC.NV_Write, '00000000', { ...own, passwords: ['pw'] })), 0);
  t.equal(
    device.code(nv(TPM_CC.NV_Write, '00000000', { ...own, passwords: ['pw\0\0'] })),
    0,
    'zeros at the end do not count',
  );
  t.equal(
    device.code(nv(TPM_CC.NV_Write, '00000000', { ...own, passwords: ['no'] })),
    0x9a2,
    'not guarded: not counted',
  );
  t.equal(device.code(nv(TPM_CC.NV_Write, '00000000', { handles: [INDEX, INDEX] })), 0x9a2);
  device.send(define({ index: 0x01500021, attributes: 0x02020002 }));
  const other = { handles: [0x01500021, 0x01500021] };
  t.equal(device.code(nv(TPM_CC.NV_Write, '00000000', other)), TPM_RC.AUTH_UNAVAILABLE, 'AUTHWRITE is not set');
  t.equal(device.code(nv(TPM_CC.NV_Read, '00000000', { handles: [INDEX, 0x01500021], passwords: ['pw'] })), 0x149);
});

t.test('guarded indices: RETRY once, three failures lock, the lockout handle unlocks', async (t) => {
  const device = started();
  device.send(define({ attributes: 0x00040004, auth: 'pw' }));
  const write = (password: string): Uint8Array =>
    nv(TPM_CC.NV_Write, '0001aa0000', { handles: [INDEX, INDEX], passwords: [password] });
  t.equal(device.code(write('no')), TPM_RC.RETRY, 'not executed, not counted');
  t.equal(device.code(write('no')), 0x98e);
  t.equal(device.changes(write('no')), true, 'a failure is counted');
  t.equal(device.code(write('pw')), 0);
  t.equal(device.code(write('no')), 0x98e);
  t.equal(device.code(write('pw')), TPM_RC.LOCKOUT);
  t.equal(device.code(command({ code: TPM_CC.DictionaryAttackLockReset, handles: [OWNER], passwords: [''] })), 0x184);
  t.equal(device.code(command({ code: TPM_CC.DictionaryAttackLockReset, handles: [LOCKOUT], passwords: [''] })), 0);
  t.equal(device.code(write('pw')), 0);
});

t.test('a changed password is the one that counts', async (t) => {
  const device = started();
  t.equal(device.code(hierarchyChange(OWNER, '', 'secret')), 0);
  t.equal(device.code(hierarchyChange(OWNER, '', 'secret')), 0x9a2, 'as measured: state right, answer wrong');
  t.equal(device.code(define({ attributes: OPEN })), 0x9a2);
  t.equal(device.code(hierarchyChange(PLATFORM, '', 'other')), 0, 'the other hierarchies have their own');
  t.equal(device.code(hierarchyChange(OWNER, 'secret', '')), 0);
  t.equal(device.code(define({ attributes: OPEN })), 0);
});
