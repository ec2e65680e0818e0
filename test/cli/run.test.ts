import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { quiesce } from '../support/fake-terminal.js';

const RUN = ['run', '--scenario', 'clean-migration', '--commands', '2'];

interface Printed {
  readonly token: string;
  readonly steps: readonly { readonly choice: string }[];
}

t.test('the same seed prints the same, another seed prints another order', async (t) => {
  const first = await quiesce([...RUN, '--seed', '5']);
  t.match(first, { status: 0, err: '' });
  t.match(first.out, /holds in this schedule of \d+ steps: nothing more can happen\n$/);
  t.strictSame(await quiesce([...RUN, '--seed', '5']), first);
  t.not((await quiesce([...RUN, '--seed', '6'])).out, first.out);
  t.match(
    (await quiesce([...RUN, '--seed', '5', '--verbose'])).out,
    /guest1 ring page 0: tpmif_shared_page\.state: 0 -> 1/,
  );
});

t.test('one JSON document has the trace', async (t) => {
  const { status, out } = await quiesce([...RUN, '--json']);
  t.equal(status, 0);
  const printed = JSON.parse(out) as Printed;
  t.match(printed, {
    seed: 1,
    scenario: 'clean-migration',
    tpmfront: 'sequenced',
    tpmback: 'sequenced',
    session: 'ima_extends',
    commands: 2,
    grain: 'fine',
    holds: true,
    oracle: null,
    quiescent: true,
    steps: [{ step: 1, choice: String, actor: String, store: Array, changes: Array, violations: [], fault: null }],
  });
  const replayed = await quiesce(['replay', printed.token, '--json']);
  t.match(JSON.parse(replayed.out), {
    holds: true,
    oracle: null,
    quiescent: true,
    steps: printed.steps.length,
    diverged: null,
  });
});

t.test('a diagram, a trace and a schedule can be had', async (t) => {
  const folder = t.testdir({});
  const [trace, schedule] = [join(folder, 'trace.jsonl'), join(folder, 'a.schedule')];
  const { out } = await quiesce([...RUN, '--mermaid', '--trace', trace, '--out', schedule]);
  t.match(out, /^---\ntitle: .*\n---\nsequenceDiagram\n/);
  t.match(readFileSync(trace, 'utf8'), /^\{"trace":1,"seed":1,/);
  const replayed = await quiesce(['replay', schedule, '--mermaid']);
  t.match(replayed, { status: 0, out }, 'the replay is the run');
});

t.test('a run that fails says so', async (t) => {
  const statuses = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const { status, out } = await quiesce([
      'run',
      '--scenario',
      'checkpoint',
      '--tpmfront',
      'no-hook',
      '--commands',
      '2',
      '--seed',
      `${seed}`,
    ]);
    statuses.add(status);
    t.match(out, status === 1 ? /in-step fails: A snapshot/ : /holds in this schedule/);
  }
  t.strictSame([...statuses].sort(), [0, 1]);
});

t.test('a replay that diverges names the step and what was possible', async (t) => {
  const folder = t.testdir({});
  const file = join(folder, 'a.schedule');
  await quiesce([...RUN, '--out', file]);
  const text = readFileSync(file, 'utf8');
  const broken = t.testdir({ 'a.schedule': text.replace('guest1.kernel/freeze_tasks', 'guest1.kernel/melt_tasks') });
  const { status, out, err } = await quiesce(['replay', join(broken, 'a.schedule'), '--json']);
  t.equal(status, 2);
  t.match(
    err,
    /^quiesce replay: step \d+ is not possible: wanted guest1\.kernel\/melt_tasks, possible: .*guest1\.kernel\/freeze_tasks/,
  );
  t.match(JSON.parse(out), {
    holds: false,
    oracle: null,
    diverged: { step: Number, wanted: 'guest1.kernel/melt_tasks', possible: [String] },
  });

  const longer = t.testdir({ 'a.schedule': `${text}guest1.user/issue\n` });
  const past = await quiesce(['replay', join(longer, 'a.schedule')]);
  t.match(past, { status: 2, err: /wanted guest1\.user\/issue, nothing can happen any more\n$/ });

  const header = text.slice(0, text.indexOf('\n\n') + 2);
  const open = t.testdir({ 'a.schedule': `${header}toolstack.run/request_suspend\n` });
  t.match(await quiesce(['replay', join(open, 'a.schedule')]), {
    status: 0,
    out: /no failure in 1 step, but more can happen/,
  });
});

t.test('damaged input is refused', async (t) => {
  t.match(await quiesce(['replay', 'q1.AAAA']), {
    status: 2,
    err: /^quiesce replay: replay token: expected a whole token, found 3 bytes\n$/,
  });
  t.match(await quiesce(['replay', 'package.json']), {
    status: 2,
    err: /package\.json:1: expected the line 'quiesce schedule 1', found "\{"\n$/,
  });
});
