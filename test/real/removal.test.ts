/** RM in a transaction that may not access enough nodes for it: what is left of the tree inside, as the real C daemon has it. */
import t from 'tap';
import { XsType } from '../../protocol/xs-wire.js';
import { inProcessDaemon } from '../support/in-process-daemon.js';
import { type FuzzStep, recordConversation } from '../support/xenstore-fuzz.js';
import { policyWith } from '../support/xenstore-limits.js';
import { playTranscript } from '../support/xenstore-transcript.js';
import { withRealDaemon } from './tested-real-daemon.js';

const HOME = '/local/domain/1';
const BELOW = ['d', 'd/1', 'd/1/e', 'd/2', 'd/3'];
const PLAY = { milliseconds: 300, differencesMax: 10 };

function ask(type: number, path: string, transaction = 1): FuzzStep {
  return { conn: 'g1', type, transaction, payload: `${path}\0` };
}

for (const nodes of [2, 3, 4, 5, 6, 7, 8]) {
  t.test(`of ${nodes} nodes`, async (t) => {
    const limits = { 'trans-nodes': nodes };
    const steps: FuzzStep[] = [
      ...BELOW.map((name) => ask(XsType.MKDIR, `${HOME}/${name}`, 0)),
      ask(XsType.TRANSACTION_START, '', 0),
      ask(XsType.RM, `${HOME}/d`),
      ...['', ...BELOW.map((name) => `/${name}`)].map((name) => ask(XsType.DIRECTORY, HOME + name)),
      { conn: 'g1', type: XsType.TRANSACTION_END, transaction: 1, payload: 'T\0' },
      ask(XsType.DIRECTORY, `${HOME}/d`, 0),
    ];
    const transcript = await recordConversation(steps, inProcessDaemon(policyWith('c', limits)));
    t.ok(transcript.length > steps.length);
    t.strictSame(await withRealDaemon('c', limits, (daemon) => playTranscript(transcript, daemon, PLAY)), []);
  });
}
