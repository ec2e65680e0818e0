/**
 * Conversations on the rules of the store, one topic each: our daemons answer frame by frame as the real ones do.
 */
import t from 'tap';
import { POLICIES } from '../../xenstore-sim/policy.js';
import { inProcessDaemon } from '../support/in-process-daemon.js';
import { DOMAINS } from '../support/scripts/domains.js';
import { parseStep, type Scripts } from '../support/scripts/notation.js';
import { RIGHTS } from '../support/scripts/rights.js';
import { TRANSACTIONS } from '../support/scripts/transactions.js';
import { TREE } from '../support/scripts/tree.js';
import { WATCHES } from '../support/scripts/watches.js';
import { isComparable, recordConversation } from '../support/xenstore-fuzz.js';
import { playTranscript } from '../support/xenstore-transcript.js';
import { withRealDaemon } from './tested-real-daemon.js';
import { DAEMON_KINDS } from './toolbox.js';

const SCRIPTS: Scripts = { ...TREE, ...RIGHTS, ...DOMAINS, ...WATCHES, ...TRANSACTIONS };

for (const kind of DAEMON_KINDS) {
  t.test(`our ${kind} daemon answers as the real one on every topic`, { timeout: 300_000 }, async (t) => {
    for (const [topic, script] of Object.entries(SCRIPTS)) {
      const steps = script.map(parseStep).filter((step) => isComparable(kind, step));
      const transcript = await recordConversation(steps, inProcessDaemon(POLICIES[kind]));
      t.strictSame(await withRealDaemon(kind, {}, (daemon) => playTranscript(transcript, daemon)), [], topic);
    }
  });
}
