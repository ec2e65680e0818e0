/**
 * Random conversations with our daemon, held again with the real one: frame by frame the same.
 *
 * QUIESCE_REAL_RUNS sets how many conversations, QUIESCE_REAL_SEED the first.
 */
import fc from 'fast-check';
import t from 'tap';
import { POLICIES } from '../../xenstore-sim/policy.js';
import { inProcessDaemon } from '../support/in-process-daemon.js';
import { conversation, type FuzzStep, recordConversation } from '../support/xenstore-fuzz.js';
import { playTranscript, type TranscriptStep } from '../support/xenstore-transcript.js';
import { withRealDaemon } from './tested-real-daemon.js';
import { DAEMON_KINDS, type DaemonKind } from './toolbox.js';

const { QUIESCE_REAL_RUNS = '50', QUIESCE_REAL_SEED = '1' } = process.env;
/** Frames that do not come cost this much. */
const PLAY = { milliseconds: 300, differencesMax: 1 };

/** The shortest conversation found with which the `kind` daemon differs from what `record` says; undefined if there is none. */
async function difference(
  kind: DaemonKind,
  runs: number,
  record: (steps: FuzzStep[]) => Promise<TranscriptStep[]>,
): Promise<string | undefined> {
  const property = fc.asyncProperty(conversation(kind), async (steps) => {
    const transcript = await record(steps);
    const found = await withRealDaemon(kind, (daemon) => playTranscript(transcript, daemon, PLAY));
    if (found.length === 0) return;
    const said = transcript.filter(({ action }) => action === 'send' || action === 'host');
    throw new Error([...said.map((step) => step.in ?? `${step.what} ${step.domid}`), ...found].join('\n'));
  });
  const details = await fc.check(property, { numRuns: runs, seed: Number(QUIESCE_REAL_SEED) });
  return details.failed ? String(details.errorInstance) : undefined;
}

for (const kind of DAEMON_KINDS) {
  t.test(`the real ${kind} daemon answers random requests twice alike`, { timeout: 120_000 }, async (t) => {
    const record = (steps: FuzzStep[]) => withRealDaemon(kind, (daemon) => recordConversation(steps, daemon));
    t.equal(await difference(kind, 10, record), undefined);
  });
}

for (const kind of DAEMON_KINDS) {
  t.test(`our ${kind} daemon answers random requests as the real one`, { timeout: 240_000 }, async (t) => {
    const record = (steps: FuzzStep[]) => recordConversation(steps, inProcessDaemon(POLICIES[kind]));
    t.equal(await difference(kind, Number(QUIESCE_REAL_RUNS), record), undefined);
  });
}
