/**
 * The daemon against transcripts of the three real ones: every byte of every scenario.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { DaemonName } from '../xenstore-sim/index.js';
import { inProcessDaemon } from './support/in-process-daemon.js';
import { policyWith } from './support/xenstore-limits.js';
import { playTranscript, transcriptsOf } from './support/xenstore-transcript.js';

const SCENARIOS: readonly (readonly [daemon: DaemonName, file: string, count: number])[] = [
  ['c', 'xenstore-c.jsonl', 97],
  ['c-4.22', 'xenstore-c-4.22.jsonl', 103],
  ['ocaml', 'xenstore-ocaml.jsonl', 98],
];

for (const [name, file, count] of SCENARIOS) {
  t.test(`with the policy ${name}, each scenario gives the bytes of the real daemon`, async (t) => {
    const transcripts = transcriptsOf(readFileSync(`test/recordings/${file}`, 'latin1'));
    t.equal(transcripts.size, count);
    for (const [scenario, steps] of transcripts) {
      const daemon = inProcessDaemon(policyWith(name, steps[0]?.quota ?? {}));
      t.strictSame(await playTranscript(steps, daemon, 0), [], scenario);
    }
  });
}
