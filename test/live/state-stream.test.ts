import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from '../../live/tpm/checkpoint.js';
import { decodeState, encodeState } from '../../live/tpm/state-stream.js';
import { checkState, newState, type VtpmState } from '../../live/tpm/vtpm-state.js';
import { newDirectory } from './fake-device.js';

const BAD = { code: 'BAD_STATE_STREAM' };

const bytes = fc.uint8Array({ minLength: 1, maxLength: 50 });
const state: fc.Arbitrary<VtpmState> = fc
  .tuple(fc.constantFrom('swtpm' as const, 'model' as const), bytes, fc.option(bytes), fc.option(bytes))
  .map(([device, permanent, volatile, savestate]) => newState(device, { permanent, volatile, savestate }));
const OBJECT = { noNullPrototype: true };
const last = fc.record({ sequence: fc.option(fc.nat(0xffffffff)), response: bytes }, OBJECT);

t.test('what was written is read, and is accepted by the same check', async (t) => {
  fc.assert(
    fc.property(state, (one) => {
      const read = decodeState(encodeState(one));
      checkState(read, one.device);
      t.strictSame(read, one);
    }),
    { numRuns: 50 },
  );
});

t.test('the head, byte for byte', async (t) => {
  const one = newState('swtpm', { permanent: Uint8Array.of(1, 2), volatile: Uint8Array.of(3), savestate: null });
  const hex = Buffer.from(encodeState(one)).toString('hex');
  const blobs = `00000002${one.permanent.digest}0102${'00000001'}${one.volatile?.digest}03`;
  t.equal(hex, `5156545301010300${one.generation}${blobs}`);
});

t.test('a state that is cut, longer, or changed is refused, here or by the check', async () => {
  fc.assert(
    fc.property(state, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, place, change) => {
      const whole = encodeState(one);
      const at = place % whole.length;
      const changed = Uint8Array.from(whole);
      changed[at] = (changed[at] as number) ^ change;
      return refused(whole.subarray(0, at), one) && refused(Uint8Array.of(...whole, 0), one) && refused(changed, one);
    }),
  );
});

t.test('any bytes give a state or BAD_STATE_STREAM', async () => {
  const head = fc.constantFrom([], [0x51, 0x56, 0x54, 0x53, 1, 1, 3, 0]);
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 120 }), (start, rest) => {
      try {
        decodeState(Uint8Array.of(...start, ...rest));
        return true;
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_STATE_STREAM';
      }
    }),
  );
});

t.test('a checkpoint is read as it was written; any change of a byte is found', async (t) => {
  const checkpoint: fc.Arbitrary<Checkpoint> = fc.record({ last: fc.option(last), state }, OBJECT);
  fc.assert(
    fc.property(checkpoint, fc.nat(), (one, place) => {
      const whole = encodeCheckpoint(one);
      t.strictSame(decodeCheckpoint(whole), one);
      const changed = Uint8Array.from(whole);
      const at = place % whole.length;
      changed[at] = (changed[at] as number) ^ 0x10;
      t.throws(() => decodeCheckpoint(changed), BAD);
      t.throws(() => decodeCheckpoint(whole.subarray(0, at)), BAD);
    }),
    { numRuns: 50 },
  );
});

t.test('a file is replaced whole or not at all', async (t) => {
  const directory = newDirectory(t);
  const file = join(directory, 'checkpoint');
  t.equal(readCheckpoint(file), null);
  const one: Checkpoint = {
    last: null,
    state: newState('swtpm', { permanent: Uint8Array.of(1), volatile: null, savestate: null }),
  };
  writeCheckpoint(file, one);
  t.strictSame(readCheckpoint(file), one);
  t.throws(() => writeCheckpoint(join(directory, 'no', 'folder'), one), { code: 'ENOENT' });
  t.strictSame(readdirSync(directory), ['checkpoint']);
  writeFileSync(file, readFileSync(file).subarray(1));
  t.throws(() => readCheckpoint(file), BAD);
});

/** Whether the bytes are no state, or one that no device would take for `one`. */
function refused(found: Uint8Array, one: VtpmState): boolean {
  try {
    checkState(decodeState(found), one.device);
    return false;
  } catch {
    return true;
  }
}
