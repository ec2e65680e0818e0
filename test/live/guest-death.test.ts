/**
 * A guest gets SIGKILL when it has asked for something that cannot be taken back, and before it could write that down: the
 * next process neither forgets it nor asks again. What may be asked twice, such as for a watch, it asks again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { quiesce } from '../support/fake-terminal.js';
import { ASKED, MOVES, story, TO_HYPERCALL } from '../support/live/led-run.js';

/** What has been asked for is done, and the first word that would tell of it is not stored. */
const dies = (step: string, guest = 'guest1'): string => `fault/kill ${guest} in ${guest}.kernel/${step} after store 0`;
/** The next process looks what was left to it. */
const RETURNS = 'guest1/returns';
const RETURNS_THERE = 'guest2/returns';

t.test('in processes', { skip: native() === null ? 'koffi is not installed' : false, timeout: 300_000 }, async (t) => {
  t.test('it has acknowledged: it suspends', async (t) => {
    const { live, asks, died, taken, end } = await story(t, [ASKED, dies('acknowledge')]);
    const suspended = asks('suspend');
    await died();
    await taken();
    await suspended;
    t.equal((await live.status()).suspended, true);
    await live.control('cancel');
    const count = await end();
    t.equal(count('guest1.kernel/acknowledge'), 1);
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('it was about to acknowledge, and the request was withdrawn: it suspends, and is let go on', async (t) => {
    const { live, asks, died, taken, end } = await story(t, [
      ASKED,
      'fault/kill guest1 in guest1.kernel/acknowledge after call promise',
      'toolstack/withdraw guest1',
      RETURNS,
      ...TO_HYPERCALL.slice(2),
      'guest1.kernel/suspend',
      'toolstack/withdraw guest1',
      'toolstack/resume guest1',
    ]);
    const moved = live.control('migrate').catch((error: { message: string }) => error);
    await died();
    await asks('cancel');
    await taken();
    t.match(await moved, { message: /cancelled/ });
    const count = await end();
    t.equal(count('guest1.kernel/acknowledge'), 1);
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('it has stopped in its hypercall, and goes on when it is back', async (t) => {
    const { live, asks, died, taken, end } = await story(t, [...TO_HYPERCALL, dies('suspend'), RETURNS]);
    const suspended = asks('suspend');
    await died();
    await taken();
    await suspended;
    await live.control('cancel');
    const count = await end();
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('it has stopped in its hypercall, and was let go on before it is back', async (t) => {
    const { live, asks, died, taken, end } = await story(t, [
      ...TO_HYPERCALL,
      dies('suspend'),
      'toolstack/resume guest1',
      RETURNS,
    ]);
    const suspended = asks('suspend');
    await died();
    await suspended;
    await live.control('cancel');
    await taken();
    const count = await end();
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('where it has moved to, before its watches are registered, and after', async (t) => {
    const { trace, asks, died, taken, end } = await story(t, [
      ...MOVES,
      'guest2.kernel/gnttab_resume',
      dies('xs_resume', 'guest2'),
      RETURNS_THERE,
      'guest2.kernel/xs_resume',
      dies('dpm_resume', 'guest2'),
      RETURNS_THERE,
    ]);
    const moved = asks('migrate');
    await died();
    await died();
    await taken();
    await moved;
    const count = await end();
    t.equal(count('guest2.kernel/xs_resume'), 2);
    const accepted = async (): Promise<void> => {
      const { status, out } = await quiesce(['live', 'conform', trace, '--json']);
      t.equal(status, 0);
      const { schedule } = JSON.parse(out) as { schedule: string[] };
      t.ok(schedule.includes('live/guest2 registers its watches once more'));
    };
    await accepted();
    // It may have died when the step was done, before it could tell.
    const second = `${trace}/b-guest.2.jsonl`;
    const lines = readFileSync(second, 'utf8').split('\n');
    const begun = lines.findIndex((line) => line.includes('"begin":"guest2.kernel/xs_resume"'));
    writeFileSync(second, `${lines.slice(0, begun + 1).join('\n')}\n`);
    await accepted();
  });
});
