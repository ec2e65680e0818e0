/**
 * Failures of device state against guest state: F31 to F35.
 */
import { type Hazard, notReproduced } from './hazard.js';
import { changed, design } from './worlds.js';

const leftBehind = changed('clean-migration', { name: 'left-behind' }, { vtpmState: 'left-behind' });

export const DEVICE_STATE: readonly Hazard[] = [
  {
    name: 'F31',
    title: 'The guest is saved after n commands, the device after n + 1 or n - 1.',
    source: 'thread on tpmfront and suspend, November 2006',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: design('no-hook, whose command is in flight', 'no-hook', 'clean-migration'),
      avoids: design('quiesce, which waits for the response', 'quiesce', 'clean-migration'),
    },
    recordings: ['late-answer-checkpoint'],
  },
  {
    name: 'F32',
    title: 'The vTPM is asked for its state while it executes.',
    source: 'thread on tpmfront and suspend, November 2006',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: design('a toolstack that waits for the device, under no-hook', 'no-hook', 'slow-command'),
      avoids: design('the same under sequenced', 'sequenced', 'slow-command'),
    },
  },
  {
    name: 'F33',
    title: "The vTPM's state is left behind: the guest migrates, the domain of its vTPM does not.",
    source: 'xen docs/man/xen-vtpm.7.pod',
    known: {
      kind: 'explored',
      oracle: 'in-step',
      shows: design('quiesce, with a new vTPM on the target', 'quiesce', leftBehind),
      avoids: design('quiesce, where the state moves', 'quiesce', 'clean-migration'),
    },
  },
  {
    name: 'F34',
    title: 'Both copies of the guest run after a lost last handshake: two frontends, one device.',
    source: 'xen tools/xl/xl_migrate.c',
    known: {
      kind: 'explored',
      oracle: 'one-instance',
      shows: design('a source that is resumed without a look at the target', 'sequenced', 'both-copies-run'),
      avoids: design('a successor that looks at the target first', 'sequenced', 'toolstack-dies'),
      asked: ['one-instance'],
    },
  },
  {
    name: 'F35',
    title: 'Rollback: an old checkpoint is restored against a newer vTPM.',
    source: 'derived from xen 1066e48e86',
    known: notReproduced('no scenario restores an image twice; a vTPM that does not fit its guest is F33'),
  },
];
