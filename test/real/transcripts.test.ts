/**
 * The recorded scenarios, played against the daemons they were recorded from: recordings and replay are right.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { playTranscript, transcriptsOf } from '../support/xenstore-transcript.js';
import { startRealDaemon } from './real-daemon.js';
import { testedRealDaemon } from './tested-real-daemon.js';
import type { DaemonKind } from './toolbox.js';

const SCENARIOS: { readonly [kind in DaemonKind]: number } = { c: 97, ocaml: 98 };

for (const kind of ['c', 'ocaml'] as const) {
  t.test(`the real ${kind} daemon answers as recorded`, { timeout: 120_000 }, async (t) => {
    const scenarios = transcriptsOf(readFileSync(`test/recordings/xenstore-${kind}.jsonl`, 'latin1'));
    t.equal(scenarios.size, SCENARIOS[kind]);
    for (const [name, steps] of scenarios) {
      const daemon = await startRealDaemon(kind, { quota: steps[0]?.quota ?? {} });
      try {
        t.strictSame(await playTranscript(steps, await testedRealDaemon(daemon)), [], name);
      } finally {
        await daemon.stop();
      }
    }
  });
}

t.test('a recording that tells a frame more, a frame less, or another one is found out', async (t) => {
  const scenarios = transcriptsOf(readFileSync('test/recordings/xenstore-c.jsonl', 'latin1'));
  const steps = scenarios.get('guest-watch') ?? [];
  const at = steps.findIndex((step) => (step.replies ?? []).length > 1);
  const changes: readonly ((frames: readonly string[]) => string[])[] = [
    (frames) => [...frames, ...frames.slice(-1)],
    (frames) => frames.slice(0, -1),
    (frames) => frames.map((frame, index) => (index === 1 ? `${frame.slice(0, -4)}7800` : frame)),
    (frames) => frames.toReversed(),
  ];
  for (const change of changes) {
    const wrong = steps.map((step, index) => (index === at ? { ...step, replies: change(step.replies ?? []) } : step));
    const daemon = await startRealDaemon('c');
    try {
      t.equal((await playTranscript(wrong, await testedRealDaemon(daemon))).length, 1);
    } finally {
      await daemon.stop();
    }
  }
});
