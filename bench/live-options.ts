/** The live systems that are measured, but for what is said there. */
import type { LiveOptions } from '../live/toolstack/options.js';

export const LIVE_OPTIONS: LiveOptions = {
  tpm: 'model',
  startup: true,
  xenstore: 'sim',
  tpmfront: 'sequenced',
  tcti: { protocol: 'swtpm', port: 0 },
  fillerPages: 0,
  threads: false,
};
