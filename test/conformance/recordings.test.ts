/**
 * Every recording of a real Xen, followed through the simulator as `quiesce conform` does it, and recordings that were
 * falsified.
 *
 * `DIFFERENT` lists the recordings that the simulator does not allow, each with the line where it cannot follow, the
 * reason, and what would have to be otherwise in the recording. A difference that is not listed fails, and so does one
 * that is listed and no longer there, and one for which the reason given is not all of it.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { QuiesceError } from '../../protocol/errors.js';
import { RECORDED_SITUATIONS } from '../../scenarios/recorded-situations.js';
import { type Conformance, conform } from '../../simulator/conformance/conform.js';
import { observablesOf } from '../../simulator/conformance/observables.js';
import { parseRecording, type RecordedLine } from '../../simulator/conformance/recording.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import { quiesce } from '../support/fake-terminal.js';
import { RECORDING_NAMES, readRecording, recordingFile } from '../support/recording.js';
import { SESSION } from '../support/worlds.js';

interface Different {
  readonly line: number;
  readonly recorded: string;
  readonly why: string;
  /** The recording as it would be without the difference: that is allowed. */
  readonly without: (lines: readonly RecordedLine[]) => readonly RecordedLine[];
}

/** The line with which the toolstack introduces a domain. */
function introducing(lines: readonly RecordedLine[], domid: number): RecordedLine | undefined {
  return lines.find(({ op, value }) => op === 'INTRODUCE' && value.startsWith(`${domid} `));
}

function renumbered(lines: readonly RecordedLine[]): readonly RecordedLine[] {
  return lines.map((entry, index) => ({ ...entry, line: index + 1 }));
}

const DIFFERENT: { readonly [recording: string]: Different } = {
  shutdown: {
    line: 12,
    recorded: 'toolstack WRITE source:control/shutdown poweroff',
    why: 'no simulated guest powers off: nothing of a suspend is left to be decided then',
    without: (lines) => lines.filter(({ line }) => line < 12),
  },
  'async-poll-saverestore-inflight': {
    line: 2530,
    recorded: 'toolstack BEGIN',
    why: 'the restored domain is destroyed in the end; the simulated toolstack takes only a source away',
    without: (lines) => lines.filter(({ line }) => line < 2530),
  },
  'pipe-migrate': {
    line: 539,
    recorded: 'toolstack RM source:front',
    why:
      'sender and receiver are two processes on one host, so the target is introduced before the source is taken away; ' +
      'the simulated toolstack is one process, and introduces the target when it makes its device',
    without: (lines) => {
      const introduced = introducing(lines, 5);
      const device = lines.findIndex(({ op, path }) => op === 'RM' && path.startsWith('/libxl/5/device/vtpm'));
      const start = lines.findLastIndex(({ op }, index) => index < device && op === 'TRANSACTION_START');
      return renumbered(
        lines.flatMap((entry, index) =>
          entry === introduced ? [] : index === start && introduced !== undefined ? [introduced, entry] : [entry],
        ),
      );
    },
  },
  'pvh-migrate-receiver-dies': {
    line: 504,
    recorded: 'toolstack RESUME source',
    why: 'the receiver dies between introducing the target and making its device: one step of the simulated toolstack',
    without: (lines) => lines.filter((entry) => entry !== introducing(lines, 16)),
  },
};

const STATES_MAX = 200_000;

function followed(name: string, lines: readonly RecordedLine[], only?: string): Conformance {
  return conform(`${name}.jsonl`, lines, {
    situations: RECORDED_SITUATIONS.filter(({ scenario }) => only === undefined || scenario.name === only),
    tpmfront: findTpmfront('linux'),
    tpmback: findTpmback('v2'),
    session: SESSION,
    maxStates: STATES_MAX,
  });
}

t.test('all 39 recordings are allowed but for those listed, at the line listed', async (t) => {
  t.equal(RECORDING_NAMES.length, 39);
  for (const name of RECORDING_NAMES) {
    const { allowed, complete, difference } = followed(name, readRecording(name));
    t.ok(complete, `${name}: decided`);
    const listed = DIFFERENT[name];
    t.equal(allowed, listed === undefined, name);
    if (listed !== undefined) t.match(difference, { line: listed.line, recorded: listed.recorded }, name);
  }
  for (const [name, { without }] of Object.entries(DIFFERENT)) {
    t.ok(followed(name, without(readRecording(name))).allowed, `${name}: nothing else is different`);
  }
  for (const name of Object.keys(DIFFERENT)) t.ok(RECORDING_NAMES.includes(name), `${name} is a recording`);
});

t.test('a recording is allowed in what it was made in, and not in something else', async (t) => {
  for (const [name, made, other] of [
    ['saverestore-idle', 'save-restore', 'clean-migration'],
    ['pvh-migrate-idle', 'clean-migration', 'save-restore'],
    ['checkpoint-idle', 'checkpoint', 'connect'],
    ['backend-killed-inflight', 'backend-restart', 'at-work'],
  ] as const) {
    const lines = readRecording(name);
    t.ok(followed(name, lines, made).allowed, `${name}: ${made}`);
    t.notOk(followed(name, lines, other).allowed, `${name}: not ${other}`);
  }
});

/** The lines of `name` whose observables are the `count` that begin at the first text with `from`. */
function observed(
  name: string,
  from: string,
  count: number,
): readonly { readonly text: string; readonly line: number }[] {
  const { events } = observablesOf(name, readRecording(name));
  const first = events.findIndex(({ text }) => text.startsWith(from));
  return events.slice(first, first + count).filter(({ text }) => !/ (BEGIN|COMMIT)$/.test(text));
}

t.test('a recording from which a line of the handshake is missing is not allowed', async (t) => {
  const lines = readRecording('create');
  const handshake = observed('create', 'tpmback WRITE source:back/state 2', 16);
  t.ok(handshake.length >= 10);
  for (const { text, line } of handshake) {
    const { allowed, difference } = followed(
      'create',
      lines.filter((entry) => entry.line !== line),
    );
    t.notOk(allowed, `without ${text}`);
    t.ok((difference?.line ?? 0) > line, `without ${text}: noticed after it`);
  }
});

t.test('a recording with a line of the handshake twice is not allowed', async (t) => {
  const lines = readRecording('create');
  for (const { text, line } of observed('create', 'tpmback WRITE source:back/state 2', 16)) {
    const twice = lines.flatMap((entry) => (entry.line === line ? [entry, entry] : [entry]));
    t.match(followed('create', twice), { allowed: false, difference: { line } }, text);
  }
});

t.test('what cannot come before something else is found out of order', async (t) => {
  const lines = readRecording('saverestore-idle');
  const lineOf = (start: string): number =>
    observablesOf('x', lines).events.find(({ text }) => text.startsWith(start))?.line ?? 0;
  // Each pair: the second is moved before the first, and a causal chain runs from the first to the second.
  for (const [first, second] of [
    ['toolstack WRITE source:control/shutdown suspend', 'tpmback UNMAP source:ring'],
    ['tpmback UNMAP source:ring', 'tpmback WRITE source:back/state 6'],
    ['tpmback WRITE target:back/state 2', 'guest WATCH target:control/shutdown'],
    ['guest UNWATCH source:back/state', 'guest WRITE target:front/state 3'],
    ['guest WRITE target:front/state 3', 'tpmback MAP target:ring'],
    ['tpmback MAP target:ring', 'tpmback WRITE target:back/state 4'],
    ['tpmback WRITE target:back/state 4', 'guest WRITE target:front/state 4'],
  ] as const) {
    const [before, after] = [lineOf(first), lineOf(second)];
    t.ok(before > 0 && after > before, `${first}, ${second}`);
    const moved = lines.find(({ line }) => line === after);
    const swapped = renumbered(
      lines
        .filter(({ line }) => line !== after)
        .flatMap((entry) => (entry.line === before && moved !== undefined ? [moved, entry] : [entry])),
    );
    t.notOk(followed('swapped', swapped).allowed, `${second} before ${first}`);
  }
});

t.test(
  'a recording in which a request is answered twice, or an answer precedes its request, is not allowed',
  async (t) => {
    const lines = readRecording('checkpoint-idle');
    const answers = lines.filter(({ value }) => / answer seq=/.test(value));
    const second = answers[1];
    const twice = lines.flatMap((entry) => (entry === second ? [entry, entry] : [entry]));
    t.match(followed('twice', twice), { allowed: false, difference: { recorded: 'tpmback ANSWER source:ring' } });
  },
);

t.test('another driver than the recorded one does not show the same', async (t) => {
  const file = recordingFile('saverestore-idle');
  t.equal((await quiesce(['conform', file])).status, 0);
  const { status, out } = await quiesce(['conform', file, '--tpmfront', 'quiesce', '--json']);
  t.equal(status, 1);
  // The driver of Linux drops the watch of the old path and probes with commands of its own before it says 4.
  t.match(JSON.parse(out), { allowed: false, complete: true, difference: { recorded: String } });
});

t.test('the command says what it has found, as text and as JSON', async (t) => {
  const allowed = await quiesce(['conform', recordingFile('checkpoint-idle')]);
  t.match(allowed, { status: 0, err: '' });
  t.match(allowed.out, /\nsource domain 1, target domain none; 27 observables\n\nallowed in checkpoint, /);

  const file = recordingFile('pvh-migrate-receiver-dies');
  const refused = await quiesce(['conform', file]);
  t.match(refused, { status: 1, err: '' });
  t.match(
    refused.out,
    /\nnot allowed: 9 of 18 observables in clean-migration, then\nline 504: toolstack RESUME source\n/,
  );
  for (const line of refused.out.split('\n')) t.ok(line.length <= 80, line);
  t.match(JSON.parse((await quiesce(['conform', file, '--json'])).out), {
    file,
    allowed: false,
    complete: true,
    events: 18,
    reached: 9,
    scenario: 'clean-migration',
    user: 'sleep',
    difference: { line: 504, recorded: 'toolstack RESUME source', possible: [String] },
    source: 15,
    target: 16,
    schedule: [String],
    states: Number,
  });
});

t.test('what cannot be answered is refused, with status 2', async (t) => {
  const file = recordingFile('saverestore-idle');
  const bounded = await quiesce(['conform', file, '--max-states', '50']);
  t.equal(bounded.status, 2);
  t.match(bounded.out, /\nundecided: /);
  t.match(bounded.err, /the bound of 50 states was reached/);
  for (const [args, message] of [
    [[], /expected RECORDING/],
    [['no-such-file'], /cannot read no-such-file: no such file/],
    [['package.json'], /^quiesce conform: package\.json:1: expected a JSON object/],
    [[file, '--scenario', 'x'], /there is no scenario of a recording 'x'; known: at-work, /],
    [[file, '--tpmback', 'v1'], /speaks the v2 ring/],
  ] as const) {
    t.match(await quiesce(['conform', ...args]), { status: 2, out: '', err: message });
  }
});

t.test('a source or an event that is not known is refused with its line', async (t) => {
  const good = '{"t":1,"src":"lab","who":"lab","op":"BEGIN"}';
  for (const [bad, what] of [
    ['{"t":1,"src":"moon","who":"x","op":"y"}', "unknown source 'moon'"],
    ['{"t":1,"src":"__proto__","who":"x","op":"y"}', "unknown source '__proto__'"],
    ['{"t":1,"src":"xenstored","who":"dom1","op":"ERASE"}', "unknown event 'ERASE' of xenstored"],
    [
      '{"t":1,"src":"vtpm-backend","who":"x","op":"ring","value":"dom=1 melts"}',
      "unknown event of the backend 'dom=1 melts'",
    ],
    ['{"t":1,"src":"vtpm-backend","who":"x","op":"ring","value":" fetch seq=1 "}', 'expected dom=N'],
    [good.slice(0, 20), 'cut short'],
  ] as const) {
    const read = (): unknown => observablesOf('x.jsonl', parseRecording('x.jsonl', `${good}\n\n${bad}\n`));
    t.throws(read, { code: 'BAD_RECORDING', message: new RegExp(`^x\\.jsonl:3: .*${what}`) });
  }
  t.throws(() => parseRecording('x.jsonl', '\n'), { code: 'BAD_RECORDING', message: /^x\.jsonl:1: expected one line/ });
});

/** What reading and reducing makes of a text: nothing, or an error that names a line. */
function refusal(text: string): string | null {
  try {
    observablesOf('x.jsonl', parseRecording('x.jsonl', text));
    return null;
  } catch (error) {
    if (!(error instanceof QuiesceError) || error.code !== 'BAD_RECORDING') throw error;
    return error.message;
  }
}

t.test('whatever a file holds, it is read or refused with a line', async (t) => {
  const text = readFileSync(recordingFile('destroy'), 'utf8');
  const whole = text.split('\n').filter((line) => line !== '');
  const named = /^x\.jsonl:\d+: /;
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(255), fc.boolean(), (at, byte, cuts) => {
      const changed = cuts
        ? text.slice(0, at)
        : `${text.slice(0, at)}${String.fromCharCode(byte)}${text.slice(at + 1)}`;
      const message = refusal(changed);
      return message === null || named.test(message);
    }),
    { numRuns: 60 },
  );
  const field = fc.constantFrom('t', 'src', 'who', 'op', 'conn', 'path', 'value', 'to', 'f');
  fc.assert(
    fc.property(fc.nat(whole.length - 1), field, fc.jsonValue(), (at, name, value) => {
      const line: unknown = JSON.parse(whole[at] ?? '{}');
      const message = refusal(JSON.stringify({ ...(line as object), [name]: value }));
      return message === null || named.test(message);
    }),
    { numRuns: 300 },
  );
  t.pass();
});
