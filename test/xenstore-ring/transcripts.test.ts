/**
 * The recorded scenarios once more, with every byte of a guest going through a real ring page: also what only the page
 * tells (features, connection, error), and frames longer than the ring.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { DaemonName } from '../../xenstore-sim/index.js';
import { ringPageDaemon } from '../support/ring-page-daemon.js';
import { policyWith } from '../support/xenstore-limits.js';
import { playTranscript, transcriptsOf } from '../support/xenstore-transcript.js';

const RECORDINGS: readonly (readonly [daemon: DaemonName, file: string])[] = [
  ['c', 'xenstore-c.jsonl'],
  ['c-4.22', 'xenstore-c-4.22.jsonl'],
  ['ocaml', 'xenstore-ocaml.jsonl'],
];

for (const [name, file] of RECORDINGS) {
  t.test(`a guest at a ring page of ${name} gets the bytes it gets from the real daemon`, async (t) => {
    let rings = 0;
    let states = 0;
    for (const [scenario, steps] of transcriptsOf(readFileSync(`test/recordings/${file}`, 'latin1'))) {
      if (!steps.some(({ transport }) => transport === 'ring')) continue;
      rings++;
      states += steps.filter(({ action }) => action === 'ring-state').length;
      const daemon = ringPageDaemon(name, policyWith(name, steps[0]?.quota ?? {}));
      t.strictSame(await playTranscript(steps, daemon, { milliseconds: 0 }), [], scenario);
    }
    t.ok(rings >= 30, `${rings} scenarios with guests`);
    t.ok(states >= 7, `${states} looks at the page`);
  });
}
