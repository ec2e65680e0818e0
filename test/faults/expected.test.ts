/** The faults that the verdict table has no column for: each design shows what the argument in `scenarios/fault-expected.ts` says. */
import t from 'tap';
import { isExpected } from '../../scenarios/expected.js';
import { FAULT_EXPECTED } from '../../scenarios/fault-expected.js';
import { findScenario } from '../../scenarios/find-scenario.js';
import { TPMFRONTS } from '../../simulator/drivers.js';
import { holds, shortest, worldOf } from '../support/worlds.js';

for (const { scenario, fault, oracles, commands = 2, why, verdicts } of FAULT_EXPECTED) {
  t.test(`${scenario}, ${Object.keys(verdicts).length} designs`, { timeout: 300_000 }, async (t) => {
    t.comment(why);
    t.ok(findScenario(scenario).faults[fault] > 0, 'the fault can strike');
    for (const [front, expected] of Object.entries(verdicts)) {
      t.ok(TPMFRONTS.some(({ name }) => name === front));
      const world = (): ReturnType<typeof worldOf> => worldOf({ front, scenario: findScenario(scenario), commands });
      if (expected.oracle === null) t.ok(holds(world(), oracles), `${front} holds: ${expected.why}`);
      else {
        const { oracle, steps } = shortest(world(), oracles);
        t.ok(isExpected(expected, oracle), `${front}: ${oracle}; ${expected.why}\n${steps.join('\n')}`);
      }
    }
  });
}
