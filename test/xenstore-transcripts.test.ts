/**
 * The daemon against transcripts of the three real ones: every byte of every scenario. What a guest sends and gets goes
 * through a ring page, whose fields are compared too.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { DaemonName } from '../xenstore-sim/index.js';
import { inProcessDaemon } from './support/in-process-daemon.js';
import { ringPageDaemon } from './support/ring-page-daemon.js';
import { policyWith } from './support/xenstore-limits.js';
import { playTranscript, transcriptsOf } from './support/xenstore-transcript.js';

const RECORDINGS: readonly (readonly [daemon: DaemonName, file: string, scenarios: number])[] = [
  ['c', 'xenstore-c.jsonl', 97],
  ['c-4.22', 'xenstore-c-4.22.jsonl', 103],
  ['ocaml', 'xenstore-ocaml.jsonl', 98],
];

for (const [name, file, scenarios] of RECORDINGS) {
  t.test(`with the policy ${name}, each scenario gives the bytes of the real daemon`, async (t) => {
    const transcripts = transcriptsOf(readFileSync(`test/recordings/${file}`, 'latin1'));
    t.equal(transcripts.size, scenarios);
    let ringStates = 0;
    for (const [scenario, steps] of transcripts) {
      ringStates += steps.filter(({ action }) => action === 'ring-state').length;
      const policy = policyWith(name, steps[0]?.quota ?? {});
      const guests = steps.some(({ transport }) => transport === 'ring');
      const daemon = guests ? ringPageDaemon(name, policy) : inProcessDaemon(policy);
      t.strictSame(await playTranscript(steps, daemon, { milliseconds: 0 }), [], scenario);
    }
    t.ok(ringStates >= 7, `${ringStates} looks at a page`);
  });
}
