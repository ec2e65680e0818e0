/**
 * Random conversations with our daemon, held again with the real one: frame by frame the same.
 *
 * QUIESCE_REAL_RUNS sets how many conversations, QUIESCE_REAL_SEED the first.
 */
import fc from 'fast-check';
import t from 'tap';
import { inProcessDaemon } from '../support/in-process-daemon.js';
import { conversation, type FuzzStep, recordConversation } from '../support/xenstore-fuzz.js';
import { type Limits, policyWith } from '../support/xenstore-limits.js';
import { playTranscript, type TranscriptStep } from '../support/xenstore-transcript.js';
import { withRealDaemon } from './tested-real-daemon.js';
import { DAEMON_KINDS, type DaemonKind } from './toolbox.js';

const { QUIESCE_REAL_RUNS = '50', QUIESCE_REAL_SEED = '1' } = process.env;
/** Frames that do not come cost this much. */
const PLAY = { milliseconds: 300, differencesMax: 1 };

/** So small that conversations meet them. */
const SMALL: Limits = {
  nodes: 6,
  watches: 2,
  transactions: 2,
  permissions: 2,
  'node-size': 150,
  'path-max': 30,
  'trans-nodes': 5,
  requests: 5,
};

/** The shortest conversation found with which the `kind` daemon differs from what `record` says; undefined if there is none. */
async function difference(
  kind: DaemonKind,
  limits: Limits,
  runs: number,
  record: (steps: FuzzStep[]) => Promise<TranscriptStep[]>,
): Promise<string | undefined> {
  const property = fc.asyncProperty(conversation(kind), async (steps) => {
    const transcript = await record(steps);
    const found = await withRealDaemon(kind, limits, (daemon) => playTranscript(transcript, daemon, PLAY));
    if (found.length === 0) return;
    const said = transcript.filter(({ action }) => action === 'send' || action === 'host');
    throw new Error([...said.map((step) => step.in ?? `${step.what} ${step.domid}`), ...found].join('\n'));
  });
  const details = await fc.check(property, { numRuns: runs, seed: Number(QUIESCE_REAL_SEED) });
  return details.failed ? String(details.errorInstance) : undefined;
}

for (const kind of DAEMON_KINDS) {
  t.test(`the real ${kind} daemon answers random requests twice alike`, { timeout: 300_000 }, async (t) => {
    const record = (steps: FuzzStep[]) => withRealDaemon(kind, {}, (daemon) => recordConversation(steps, daemon));
    t.equal(await difference(kind, {}, 10, record), undefined);
  });

  for (const limits of [{}, SMALL]) {
    const name = limits === SMALL ? 'with small quotas' : 'with the usual quotas';
    t.test(`our ${kind} daemon ${name} answers random requests as the real one`, { timeout: 300_000 }, async (t) => {
      const record = (steps: FuzzStep[]) => recordConversation(steps, inProcessDaemon(policyWith(kind, limits)));
      t.equal(await difference(kind, limits, Number(QUIESCE_REAL_RUNS), record), undefined);
    });
  }
}
