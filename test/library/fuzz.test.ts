/** Fuzz as a program uses it: the same as the command, with classes, signals and clear errors. */
import t from 'tap';
import {
  CHECK_SCENARIOS,
  explore,
  type FuzzProgress,
  type FuzzQuestion,
  fuzz,
  QuiesceTpmfront,
  replay,
  SCENARIOS,
} from '../../library/index.js';
import { quiesce } from '../support/fake-terminal.js';

const SLOW = { timeout: 300_000 };

/** Lets the guest suspend inside a command. */
class Hasty extends QuiesceTpmfront {
  override suspended(): boolean {
    return true;
  }
}

const ASK = { scenario: 'checkpoint', session: 'ima_extends', daemon: 'c', commands: 2, runs: 600 } as const;

t.test('it says what the command says', SLOW, async (t) => {
  const mine = await fuzz({ ...ASK, tpmfront: 'linux', seed: 7 });
  const argv = ['fuzz', '--scenario', 'checkpoint', '--session', 'ima_extends', '--daemon', 'c', '--commands', '2'];
  const { status, out } = await quiesce([...argv, '--tpmfront', 'linux', '--seed', '7', '--runs', '600', '--json']);
  t.equal(status, 1);
  const {
    failures,
    version: _,
    seed: __,
    differences: ___,
    ...figures
  } = JSON.parse(out) as {
    readonly failures: readonly { readonly token: string; readonly oracle: string }[];
    readonly version: string;
    readonly seed: number;
    readonly differences: readonly unknown[];
  };
  t.match(mine, figures);
  t.strictSame(
    mine.failures.map(({ token, oracle }) => ({ token, oracle })),
    failures.map(({ token, oracle }) => ({ token, oracle })),
  );
});

t.test('a class is broken by a schedule that cannot be shorter, which its token replays', SLOW, async (t) => {
  const { holds, failures, runs, aborted } = await fuzz({ ...ASK, tpmfront: Hasty });
  t.match({ holds, runs, aborted }, { holds: false, runs: 600, aborted: false });
  const [failure] = failures;
  t.match(failure, { tpmfront: 'Hasty', tpmback: 'v2', oracle: 'in-step', world: { scenario: 'checkpoint' } });
  t.match(await replay(failure?.token ?? '', { tpmfront: Hasty }), { oracle: 'in-step', steps: failure?.schedule });
  const { schedule } = await explore({ ...ASK, commands: 1, tpmfront: Hasty });
  t.equal(failure?.schedule.length, schedule.length);
});

t.test('what is drawn stays within the question, and the same seed gives the same', SLOW, async (t) => {
  const one: FuzzQuestion = { tpmfront: 'sequenced', grain: 'coarse', seed: 3, runs: 512 };
  const first = await fuzz(one);
  t.strictSame(await fuzz(one), first);
  t.not((await fuzz({ ...one, seed: 4 })).features, first.features);
  t.equal((await fuzz({ ...one, checkDeterminism: true })).checked, 512);
  const scenario = SCENARIOS.find(({ name }) => name === CHECK_SCENARIOS[1]);
  const own = { ...scenario, name: 'mine' } as NonNullable<typeof scenario>;
  t.match(await fuzz({ ...ASK, scenario: own, tpmfront: 'quiesce' }), { holds: true, failures: [] });
});

t.test('a signal ends it, and what was found until then is reported', SLOW, async (t) => {
  const stop = new AbortController();
  const heard: FuzzProgress[] = [];
  const found = await fuzz({
    ...ASK,
    tpmfront: 'linux',
    runs: 1_000_000,
    signal: stop.signal,
    onProgress(progress) {
      heard.push(progress);
      if (heard.length === 2) stop.abort();
    },
  });
  t.match(found, { aborted: true, holds: false, runs: heard.at(-1)?.runs });
  t.equal(heard.length, 2);
  t.match(await fuzz({ ...ASK, tpmfront: 'linux', signal: AbortSignal.abort() }), { aborted: true, runs: 0 });
});

t.test('it goes on with the tokens of an earlier campaign, and names those that are damaged', SLOW, async (t) => {
  const question = { ...ASK, tpmfront: 'quiesce', runs: 256 };
  const { tokens } = await fuzz(question);
  t.ok(tokens.length > 0);
  const again = await fuzz({ ...question, corpus: [...tokens, 'q1.AAAA'] });
  t.match(again.damaged, [{ token: 'q1.AAAA', reason: String }]);
  t.ok(again.tokens.length >= tokens.length);
});

t.test('what is asked wrongly, and drivers that break a rule, are refused in one line', SLOW, async (t) => {
  let count = 0;
  /** Looks like `quiesce`, but for what it counts where no trial looks. */
  class Counts extends QuiesceTpmfront {
    override suspendCancelled(): void {
      if (this.state.command > 1 && count++ % 2 === 0) this.state.held = true;
      else super.suspendCancelled();
    }
  }
  class Throws extends QuiesceTpmfront {
    override accepts(): boolean {
      throw new Error('no');
    }
  }
  const cases: readonly (readonly [FuzzQuestion, string, RegExp])[] = [
    [{ runs: 0 }, 'USAGE', /^runs: expected an integer from 1/],
    [{ seed: -1 }, 'USAGE', /^seed: expected an integer from 0/],
    [{ scenario: 'x' }, 'UNKNOWN_NAME', /scenario 'x'/],
    [{ tpmfront: 'x' }, 'UNKNOWN_NAME', /tpmfront 'x'/],
    [{ tpmfront: './nothing.ts' }, 'USAGE', /nothing\.ts/],
    [{ tpmfront: Counts, scenario: 'cancelled-suspend', commands: 4 }, 'BAD_DRIVER', /^Counts: .* \(rule 'memory': /],
  ];
  for (const [question, code, message] of cases) await t.rejects(fuzz(question), { code, message }, String(message));
  await t.rejects(fuzz({ tpmfront: Throws }), /no/);
});
