/**
 * The recorded scenarios, played against the daemons they were recorded from: recordings and replay are right.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { POLICIES } from '../../xenstore-sim/policy.js';
import { playTranscript, type TranscriptStep, transcriptsOf } from '../support/xenstore-transcript.js';
import { withServer } from './quiesce-server.js';
import { startRealDaemon } from './real-daemon.js';
import { testedRealDaemon } from './tested-real-daemon.js';
import { DAEMON_KINDS, type DaemonKind } from './toolbox.js';

/** C 4.17 answers some requests with an error left over from earlier work. Where there is none, it ends itself. */
function isAnsweredAtRandom(step: TranscriptStep): boolean {
  return step.tags?.includes('error-name-unspecified') === true || step.in === 'SET_PERMS tx=0 @bogus\\0r0\\0';
}

const SCENARIOS: { readonly [kind in DaemonKind]: number } = { c: 97, ocaml: 98 };

for (const kind of DAEMON_KINDS) {
  t.test(`the real ${kind} daemon answers as recorded`, { timeout: 300_000 }, async (t) => {
    const scenarios = transcriptsOf(readFileSync(`test/recordings/xenstore-${kind}.jsonl`, 'latin1'));
    t.equal(scenarios.size, SCENARIOS[kind]);
    for (const [name, all] of scenarios) {
      const steps = kind === 'c' ? all.filter((step) => !isAnsweredAtRandom(step)) : all;
      const daemon = await startRealDaemon(kind, steps[0]?.quota);
      try {
        t.strictSame(await playTranscript(steps, await testedRealDaemon(daemon)), [], name);
      } finally {
        await daemon.stop();
      }
    }
  });
}

/** Scenarios without rings, domains and special settings. */
const FOR_SERVER = 62;

for (const kind of DAEMON_KINDS) {
  t.test(`our ${kind} daemon behind its server answers as recorded`, { timeout: 300_000 }, async (t) => {
    const scenarios = transcriptsOf(readFileSync(`test/recordings/xenstore-${kind}.jsonl`, 'latin1'));
    const played = [...scenarios].filter(([, steps]) => isForServer(steps));
    t.equal(played.length, FOR_SERVER);
    for (const [name, steps] of played) {
      t.strictSame(await withServer(POLICIES[kind], (daemon) => playTranscript(steps, daemon)), [], name);
    }
  });
}

/** Whether a scenario needs neither rings nor domains that come and go, nor other settings than the usual. */
function isForServer(steps: readonly TranscriptStep[]): boolean {
  return steps.every(
    ({ action, transport, quota }) => action !== 'host' && transport !== 'ring' && quota === undefined,
  );
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
      const found = await playTranscript(wrong, await testedRealDaemon(daemon), { milliseconds: 200 });
      t.equal(found.length, 1);
    } finally {
      await daemon.stop();
    }
  }
});
