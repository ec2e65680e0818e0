/**
 * A hundred seeded rounds with a real TPM behind: every process dies at rest, while the guest is suspended, and in every
 * phase of a migration; connections break and migrations are cancelled. After each there is one running guest, no command
 * lost and none executed twice, as the PCR says. And all of it is one schedule of the simulator.
 */
import t from 'tap';
import { PHASES, planText } from '../../live/soak/plan.js';
import { soak } from '../../live/soak/soak.js';
import { quiesce } from '../support/fake-terminal.js';
import { LiveRun } from '../support/live/live-run.js';
import { testFolder } from './tpm-toolbox.js';

const ROUNDS = 100;
const SEED = 7;
const ALL_MILLISECONDS = 15 * 60_000;
const PARTS = ['hypervisor', 'xenstored', 'backend', 'guest', 'user', 'toolstack', 'tpm'];
const TARGET_PARTS = ['hypervisor', 'xenstored', 'backend', 'guest'].map((part) => `other/${part}`);

t.test(`${ROUNDS} rounds with seed ${SEED}`, { timeout: ALL_MILLISECONDS }, async (t) => {
  const trace = `${testFolder(t)}/trace`;
  const live = await LiveRun.begin({ tpm: 'swtpm', trace });
  const plans: string[] = [];
  try {
    const result = await soak({
      directory: live.directory,
      seed: SEED,
      tools: false,
      goOn: (rounds) => rounds < ROUNDS,
      onRound: ({ number, plan, text, outcome, owner }) => {
        plans.push(planText(plan));
        t.comment(`${number}: ${text}; ${outcome}; on ${owner}`);
      },
    });
    t.strictSame(result.failures, []);
    t.equal(result.rounds, ROUNDS);
    for (const victim of PARTS) {
      t.ok(plans.includes(`kill ${victim}`), `${victim} at rest`);
      t.ok(plans.includes(`kill ${victim} while suspended`), `${victim} while suspended`);
    }
    for (const victim of [...PARTS, ...TARGET_PARTS]) {
      for (const phase of PHASES) {
        const died = plans.some((text) => text.startsWith(`kill ${victim} `) && text.endsWith(`after "${phase}"`));
        t.ok(died, `${victim} after "${phase}"`);
      }
    }
    t.ok(result.migrations > 10, `${result.migrations} migrations`);
    t.ok(result.answered > ROUNDS, `${result.answered} commands`);
  } finally {
    t.strictSame(await live.end(), { files: false, processes: [] });
  }
  // No condition: at which moments they die depends on the machine (docs/live-conformance.md). What is said of the trace is seen
  // in the log.
  const { out } = await quiesce(['live', 'conform', trace]);
  t.comment(out);
  t.match(out, /accepted in live|not accepted: \d+ of \d+ events/);
});
