/** The library as a program uses it: questions with names, classes and entries; replays; mended drivers. */
import t from 'tap';
import {
  explore,
  type GuestServices,
  QuiesceTpmfront,
  recheck,
  replay,
  SCENARIOS,
  TPMFRONTS,
} from '../../library/index.js';
import { assert } from '../../protocol/assert.js';
import { formatSchedule } from '../../simulator/schedule.js';

/** Lets the guest suspend inside a command. */
class Hasty extends QuiesceTpmfront {
  override suspended(): boolean {
    return true;
  }
}

const ASK = { scenario: 'checkpoint', commands: 2 } as const;

t.test('a class, an entry and a name of the same driver get the same verdict', async (t) => {
  const named = await explore({ ...ASK, tpmfront: 'quiesce' });
  t.match(named, { holds: true, complete: true, tpmfront: 'quiesce' });
  const scenario = SCENARIOS.find(({ name }) => name === 'checkpoint');
  const entry = TPMFRONTS.find(({ name }) => name === 'quiesce');
  assert(scenario !== undefined && entry !== undefined, 'expected a checkpoint and a quiesce');
  for (const tpmfront of [QuiesceTpmfront, entry]) {
    t.equal((await explore({ ...ASK, scenario, tpmfront })).states, named.states);
  }
});

t.test('a class that changes a rule is broken by a schedule, which its token replays', async (t) => {
  const { holds, oracle, schedule, token, tpmfront } = await explore({ ...ASK, tpmfront: Hasty });
  // The command is executed after the guest's memory was copied and before its TPM is.
  t.match({ holds, oracle, tpmfront }, { holds: false, oracle: 'in-step', tpmfront: 'Hasty' });
  t.equal(schedule.at(-1), 'toolstack.run/save_vtpm');
  const again = await replay(token ?? '', { tpmfront: Hasty });
  t.match(again, { holds: false, oracle: 'in-step', diverged: null, steps: schedule });
  const names = {
    ...ASK,
    tpmfront: 'quiesce',
    tpmback: 'v2',
    session: 'ima_extends',
    grain: 'fine',
    daemon: 'c',
  } as const;
  const mended = await replay(formatSchedule({ ...names, steps: schedule }));
  t.match(mended, { holds: false, oracle: null, diverged: { wanted: 'guest1.kernel/xs_suspend' } });
  await t.rejects(replay(token ?? ''), { code: 'UNKNOWN_NAME' }, 'nobody else knows the class');
  await t.rejects(replay('q1.AAAA'), { code: 'BAD_SCHEDULE' });
});

t.test('a schedule is checked again, and what comes after it where the driver leaves it', async (t) => {
  const { schedule: steps } = await explore({ ...ASK, tpmfront: Hasty });
  const broken = await recheck({ ...ASK, tpmfront: Hasty, steps });
  t.match(broken, {
    holds: false,
    oracle: 'in-step',
    followed: steps.length,
    text: `in-step fails after ${steps.length} steps`,
  });
  const mended = await recheck({ ...ASK, tpmfront: QuiesceTpmfront, steps });
  const followed = steps.indexOf('guest1.kernel/xs_suspend');
  t.match(mended, { holds: true, oracle: null, followed });
  t.match(mended.text, /up to where guest1\.kernel\/xs_suspend is not possible; no failure in \d+ states after that/);

  // Not mended, only moved: from where it leaves the schedule others lead to the same failure.
  class Later extends QuiesceTpmfront {
    override suspended(): boolean {
      return !this.transmitTask.running;
    }
  }
  const left = [...steps.slice(0, 4), 'guest1.tpmfront.suspend/wait'];
  const moved = await recheck({ ...ASK, tpmfront: Later, steps: left });
  t.match(moved, {
    holds: false,
    oracle: 'in-step',
    text: /^4 of 5 steps, up to where guest1\.tpmfront\.suspend\/wait is not possible; in-step fails after that$/,
  });
});

t.test('what cannot be asked is refused with a code', async (t) => {
  await t.rejects(explore({ scenario: 'nothing' }), {
    code: 'UNKNOWN_NAME',
    message: /there is no scenario 'nothing'/,
  });
  await t.rejects(explore({ ...ASK, tpmfront: 'nobody' }), {
    code: 'UNKNOWN_NAME',
    message: /there is no tpmfront 'nobody'/,
  });
  await t.rejects(explore({ ...ASK, tpmback: 'v1' }), { code: 'USAGE' });
  class Throws extends QuiesceTpmfront {
    constructor(services: GuestServices) {
      super(services);
      throw new Error('no');
    }
  }
  await t.rejects(explore({ ...ASK, tpmfront: Throws }), { code: 'BAD_DRIVER', message: /^Throws: making the driver/ });
});
