import fc from 'fast-check';
import t from 'tap';
import type { VtpmDevice, VtpmState } from '../../live/tpm/vtpm-device.js';
import { checkState, newState, STATE_BLOB_SIZE_MAX, type StateBlob } from '../../live/tpm/vtpm-state.js';

const REFUSED = { name: 'QuiesceError', code: 'BAD_STATE_BLOB' };
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const saved = (first: number): VtpmState =>
  newState('swtpm', { permanent: bytes(first, 2, 3), volatile: bytes(4, 5), savestate: null });

t.test('a state that was saved is accepted, and only by its kind of device', async (t) => {
  const state: Awaited<ReturnType<VtpmDevice['saveState']>> = saved(1);
  checkState(state, 'swtpm');
  t.match(state.generation, /^[0-9a-f]{32}$/);
  t.equal(state.permanent.generation, state.generation);
  t.equal(state.volatile?.generation, state.generation);
  t.equal(state.savestate, null);
  t.throws(() => checkState(state, 'model'), REFUSED);
});

t.test('two saves never have one generation, even of equal bytes', async (t) => {
  t.not(saved(1).generation, saved(1).generation);
});

t.test('blobs of two saves are refused, whichever is the older, and also when the label is changed', async (t) => {
  const [before, after] = [saved(1), saved(1)];
  t.throws(() => checkState({ ...after, permanent: before.permanent }, 'swtpm'), REFUSED);
  t.throws(() => checkState({ ...after, volatile: before.volatile }, 'swtpm'), REFUSED);
  const relabelled = { ...(before.permanent as StateBlob), generation: after.generation };
  t.throws(() => checkState({ ...after, permanent: relabelled }, 'swtpm'), REFUSED);
});

t.test('a blob in the place of another is refused', async (t) => {
  const state = saved(1);
  t.throws(() => checkState({ ...state, volatile: state.permanent }, 'swtpm'), REFUSED);
  t.throws(() => checkState({ ...state, volatile: { ...state.permanent, kind: 'volatile' } }, 'swtpm'), REFUSED);
});

t.test('a missing blob is noticed: without the volatile one a TPM would start anew', async (t) => {
  t.throws(() => checkState({ ...saved(1), volatile: null }, 'swtpm'), REFUSED);
});

t.test('an empty blob, which would make a new TPM, and one beyond the limit are refused', async (t) => {
  for (const length of [0, STATE_BLOB_SIZE_MAX + 1]) {
    const state = newState('swtpm', { permanent: new Uint8Array(length), volatile: null, savestate: null });
    t.throws(() => checkState(state, 'swtpm'), REFUSED, `${length} bytes`);
  }
});

t.test('each changed bit is found', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), fc.nat(7), (data, place, bit) => {
      const state = newState('swtpm', { permanent: data, volatile: null, savestate: null });
      checkState(state, 'swtpm');
      const changed = Uint8Array.from(data);
      const at = place % data.length;
      changed[at] = (changed[at] as number) ^ (1 << bit);
      try {
        checkState({ ...state, permanent: { ...state.permanent, bytes: changed } }, 'swtpm');
        return false;
      } catch {
        return true;
      }
    }),
  );
});
