/**
 * Schedules of the simulator, carried out by a live system: what it finds broken breaks, and what it holds holds.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t, { type Test } from 'tap';
import { loadSession } from '../../library/sessions.js';
import { native } from '../../live/memory/native.js';
import { findScenario } from '../../scenarios/find-scenario.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import { decide } from '../../simulator/verdict.js';
import { quiesce } from '../support/fake-terminal.js';

/** Three PCR extends of a recorded session, and the SHA-256 digests that they carry. */
const EXTENDS = readFileSync('scenarios/sessions/ima_extends.jsonl', 'utf8')
  .split('\n')
  .slice(1, 4)
  .map((line, seq) => ({ ...(JSON.parse(line) as { command: string }), session: 'extends', seq }));

const SEEDS_MAX = 400;

interface Outcome {
  readonly taken: number;
  readonly steps: number;
  readonly missing: string | null;
  readonly issued: number;
  readonly executed: number;
  readonly answered: number;
  readonly simulated: string | null;
  readonly failures: readonly string[];
  readonly pcrs: readonly { pcr: number; expected: string; found: string }[];
}

interface Place {
  readonly folder: string;
  readonly session: string;
  drive(schedule: string): Promise<{ status: number; found: Outcome; trace: string }>;
}

function place(t: Test): Place {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-drive-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const session = `${folder}/extends.jsonl`;
  writeFileSync(session, EXTENDS.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return {
    folder,
    session,
    async drive(schedule) {
      const trace = `${folder}/trace`;
      const run = [
        'live',
        'drive',
        schedule,
        '--directory',
        `${folder}/run`,
        '--trace',
        trace,
        '--timeout',
        '60',
        '--json',
      ];
      const { status, out, err } = await quiesce(run);
      t.equal(err, '');
      return { status, found: JSON.parse(out) as Outcome, trace };
    },
  };
}

/** A shortest schedule that breaks a pair. */
function counterexample(scenario: string, tpmfront: string, session: string): { token: string; oracle: string | null } {
  const pairing = {
    scenario: findScenario(scenario),
    tpmfront: findTpmfront(tpmfront),
    tpmback: findTpmback('sequenced'),
    session: loadSession(session),
  };
  const { token, oracle } = decide(pairing);
  return { token: token ?? '', oracle };
}

/** The first schedule that a seed, from the one that is likely on, draws with `what` in it and such an end: 0 holds, 1 fails. */
async function drawn(
  scenario: string,
  tpmfront: string,
  here: Place,
  { what, likely }: { readonly what: RegExp; readonly likely: number },
  end: number,
): Promise<string> {
  const file = `${here.folder}/drawn.schedule`;
  const run = [
    'run',
    '--scenario',
    scenario,
    '--tpmfront',
    tpmfront,
    '--tpmback',
    'sequenced',
    '--session',
    here.session,
  ];
  for (let seed = likely; seed < likely + SEEDS_MAX; seed++) {
    const { status } = await quiesce([...run, '--seed', String(seed), '--out', file]);
    if (status === end && what.test(readFileSync(file, 'utf8'))) return file;
  }
  throw new Error(`expected a schedule of ${scenario} with ${what} among ${SEEDS_MAX}`);
}

/** PCR 10 after the first command was executed so many times: each extends it with the digest that the command carries. */
function pcrAfter(times: number): string {
  const { command = '' } = EXTENDS[0] ?? {};
  const digest = Buffer.from(command, 'hex').subarray(-32);
  let value: Buffer = Buffer.alloc(32);
  for (let i = 0; i < times; i++) value = createHash('sha256').update(value).update(digest).digest();
  return value.toString('hex');
}

const COUNTEREXAMPLES = [
  { scenario: 'live-migration', tpmfront: 'resend' },
  { scenario: 'live-backend-restart', tpmfront: 'quiesce' },
] as const;

if (native() === null) t.comment('koffi is not installed: parts are threads, which cannot be led');
else {
  for (const { scenario, tpmfront } of COUNTEREXAMPLES) {
    t.test(
      `${scenario} with ${tpmfront}: a command is executed twice by the real TPM`,
      { timeout: 100_000 },
      async (t) => {
        const { session, drive } = place(t);
        const { token, oracle } = counterexample(scenario, tpmfront, session);
        t.equal(oracle, 'exactly-once');
        const { status, found, trace } = await drive(token);
        t.equal(status, 1);
        t.equal(found.missing, null);
        t.equal(found.taken, found.steps);
        t.equal(found.simulated, 'exactly-once');
        t.strictSame([found.issued, found.executed], [1, 2]);
        t.strictSame(found.failures, ['exactly-once']);
        t.strictSame(found.pcrs, [{ pcr: 10, expected: pcrAfter(1), found: pcrAfter(2) }]);
        const conform = await quiesce(['live', 'conform', trace]);
        t.equal(conform.status, 0, 'what was led is a run that the simulator accepts');
        t.match(conform.out, 'exactly-once fails in it, as it did live');
      },
    );
  }

  t.test('sequenced holds in the same situations', { timeout: 300_000 }, async (t) => {
    for (const scenario of ['live-migration', 'live-backend-restart']) {
      await t.test(scenario, async (t) => {
        const { folder, session, drive } = place(t);
        const schedule = `${folder}/held.schedule`;
        const run = ['run', '--scenario', scenario, '--session', session, '--seed', '5', '--out', schedule];
        t.equal((await quiesce(run)).status, 0);
        if (scenario === 'live-backend-restart') t.match(readFileSync(schedule, 'utf8'), /\nfault\/kill tpmback1/);
        const { status, found, trace } = await drive(schedule);
        t.strictSame([status, found.missing, found.failures, found.pcrs, found.simulated], [0, null, [], [], null]);
        t.strictSame([found.issued, found.executed, found.answered], [3, 3, 3]);
        t.equal((await quiesce(['live', 'conform', trace])).status, 0);
      });
    }
  });

  const HELD = [
    {
      name: 'the toolstack dies when the target is made: the guest goes on where it was',
      scenario: 'live-toolstack-dies',
      what: /create_vtpm\n[\s\S]*\nfault\/kill toolstack\n[\s\S]*\ntoolstack\.successor\/await_target_closed\n/,
      likely: 35,
      left: { 'toolstack.2.jsonl': /"toolstack\/resume guest1"/ },
    },
    {
      name: 'the toolstack dies when the target runs: it goes on there',
      scenario: 'live-toolstack-dies',
      what: /unpause_target\n[\s\S]*\nfault\/kill toolstack\n/,
      likely: 43,
      left: { 'toolstack.2.jsonl': /"toolstack\/destroy guest1"/ },
    },
    {
      name: 'the stream ends when the memory is saved',
      scenario: 'save-fails',
      what: /save_memory\n[\s\S]*\ntoolstack\.successor\/resume_source\n/,
      likely: 1,
      left: { 'a-hypervisor.1.jsonl': /save_memory"}\n.*\n$/, 'toolstack.1.jsonl': /"toolstack\/resume guest1"/ },
    },
    {
      name: 'the image is refused',
      scenario: 'restore-fails',
      what: /restore_memory\n[\s\S]*\ntoolstack\.successor\/resume_source\n/,
      likely: 1,
      left: { 'a-hypervisor.1.jsonl': /save_vtpm"}\n.*\n$/, 'toolstack.1.jsonl': /"toolstack\/resume guest1"/ },
    },
  ] as const;

  for (const { name, scenario, left, ...draw } of HELD) {
    t.test(`sequenced holds: ${name}`, { timeout: 100_000 }, async (t) => {
      const here = place(t);
      const { status, found, trace } = await here.drive(await drawn(scenario, 'sequenced', here, draw, 0));
      t.strictSame([status, found.missing, found.failures, found.pcrs, found.simulated], [0, null, [], [], null]);
      t.strictSame([found.issued, found.executed, found.answered], [3, 3, 3]);
      for (const [file, line] of Object.entries(left)) t.match(readFileSync(`${trace}/${file}`, 'utf8'), line);
      t.equal((await quiesce(['live', 'conform', trace])).status, 0);
    });
  }

  t.test('resend, and a toolstack that dies: a command is executed twice', { timeout: 100_000 }, async (t) => {
    const here = place(t);
    const schedule = await drawn(
      'live-toolstack-dies',
      'resend',
      here,
      { what: /\nfault\/kill toolstack\n/, likely: 50 },
      1,
    );
    const { status, found, trace } = await here.drive(schedule);
    t.strictSame([status, found.missing, found.simulated], [1, null, 'exactly-once']);
    t.equal(found.executed, found.issued + 1);
    t.strictSame(found.failures, ['exactly-once']);
    t.ok(existsSync(`${trace}/toolstack.2.jsonl`), 'there was a successor');
    t.match((await quiesce(['live', 'conform', trace])).out, 'exactly-once fails in it, as it did live');
  });

  t.test('what cannot be led is refused before anything begins', { timeout: 300_000 }, async (t) => {
    const { folder, session } = place(t);
    const write = (
      name: string,
      scenario: string,
      tpmfront: string,
      tpmback: string,
      steps: readonly string[],
    ): string => {
      const file = `${folder}/${name}`;
      const head = `scenario: ${scenario}\ntpmfront: ${tpmfront}\ntpmback: ${tpmback}\nsession: ${session}\ncommands: all\ngrain: fine\n`;
      writeFileSync(file, `quiesce schedule 1\n${head}\n${steps.join('\n')}\n`);
      return file;
    };
    const first = ['guest1.user/issue', 'guest1.tpmfront.transmit/fill'];
    const taken = [
      ...[...first, 'guest1.tpmfront.transmit/publish', 'guest1.tpmfront.transmit/notify'],
      ...['tpmback1/interrupt', 'tpmback1.serve/fetch', 'tpmback1.serve/execute'],
    ];
    const cases: readonly (readonly [string, RegExp])[] = [
      [
        write('1', 'slow-command', 'sequenced', 'sequenced', first),
        /expected a schedule of clean-migration, .*found slow-command/,
      ],
      [write('2', 'clean-migration', 'wait-loop', 'v1', first), /found wait-loop/],
      [write('3', 'clean-migration', 'sequenced', 'v2', first), /expected tpmback sequenced, found v2/],
      [write('4', 'clean-migration', 'resend', 'v2', ['guest1.tpmfront.transmit/fill']), /step 1, .*no such step here/],
      [
        write('5', 'backend-restart', 'resend', 'v2', [...taken, 'fault/kill tpmback1']),
        /step 8, fault\/kill tpmback1: .*a live TPM ends with it/,
      ],
      [
        write('6', 'backend-restart', 'resend', 'v2', [
          'fault/kill tpmback1',
          'supervisor/restart tpmback1',
          'fault/x',
        ]),
        /step 3/,
      ],
    ];
    for (const [file, message] of cases) {
      const { status, err } = await quiesce(['live', 'drive', file, '--directory', `${folder}/run`]);
      t.equal(status, 2);
      t.match(err, message);
    }
  });
}
