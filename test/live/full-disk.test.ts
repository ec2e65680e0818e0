/**
 * A live system with the model TPM on a disk that is full.
 */
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { fullDiskStory } from '../support/live/full-disk-story.js';

t.test('a full disk', { timeout: 800_000 }, async (t) => {
  if (native() === null) {
    t.comment('koffi is not installed');
    t.pass();
    return;
  }
  await fullDiskStory(t, { tpm: 'model', moments: [0, 1, 2, 3, 4] });
});
