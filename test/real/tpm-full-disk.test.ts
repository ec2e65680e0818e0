/**
 * A live system with a real TPM on a disk that is full: swtpm cannot write its permanent state then, and answers nothing but
 * TPM_RC_FAILURE from that command on. It is made anew, and the command is executed when there is room.
 */
import t from 'tap';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { fullDiskStory } from '../support/live/full-disk-story.js';
import { COUNTER, define, nv, readNv } from '../support/model-commands.js';

t.test('a full disk', { timeout: 800_000 }, async (t) => {
  let increments = 0;
  await fullDiskStory(t, {
    tpm: 'swtpm',
    moments: [1, 3],
    async write(live) {
      if (increments === 0) t.equal((await live.tpm(Buffer.from(define({ attributes: COUNTER })))).readUInt32BE(6), 0);
      const answer = await live.tpm(Buffer.from(nv(TPM_CC.NV_Increment)));
      t.equal(answer.readUInt32BE(6), 0, 'incremented');
      const value = await live.tpm(Buffer.from(nv(TPM_CC.NV_Read, readNv())));
      t.equal(value.readBigUInt64BE(16), BigInt(++increments), 'and once');
    },
  });
});
