/**
 * A hundred seeded kill points, process by moment, with a real TPM behind: after each there is one running guest, no
 * command lost and none executed twice, as the PCR says.
 */
import t from 'tap';
import { soak } from '../../live/soak/soak.js';
import { LiveRun } from '../support/live/live-run.js';

const ROUNDS = 100;
const SEED = 7;
const ALL_MILLISECONDS = 8 * 60_000;

t.test(`${ROUNDS} rounds with seed ${SEED}`, { timeout: ALL_MILLISECONDS }, async (t) => {
  const live = await LiveRun.begin({ tpm: 'swtpm' });
  try {
    const result = await soak({
      directory: live.directory,
      seed: SEED,
      tools: false,
      goOn: (rounds) => rounds < ROUNDS,
      onRound: ({ number, text, outcome, owner }) => t.comment(`${number}: ${text}; ${outcome}; on ${owner}`),
    });
    t.strictSame(result.failures, []);
    t.equal(result.rounds, ROUNDS);
    t.ok(result.migrations > 10, `${result.migrations} migrations`);
    t.ok(result.answered > ROUNDS, `${result.answered} commands`);
  } finally {
    t.strictSame(await live.end(), { files: false, processes: [] });
  }
});
