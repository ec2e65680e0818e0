/**
 * The drivers with the other xenstoreds: a driver that holds with one daemon only does not hold.
 */
import t from 'tap';
import { EXPECTED, isExpected } from '../scenarios/expected.js';
import { CHECK_SCENARIOS } from '../scenarios/scenarios.js';
import { TPMFRONTS } from '../simulator/drivers.js';
import { explore } from '../simulator/explore/explore.js';
import { DAEMONS, USUAL_DAEMON } from '../simulator/world-options.js';
import { worldOf } from './support/worlds.js';

/** As many as each failure needs; the whole session is what `quiesce check --daemon` explores. */
const commands = 3;

for (const daemon of DAEMONS.filter((name) => name !== USUAL_DAEMON)) {
  t.test(`with ${daemon} every design does in every situation what it must`, async (t) => {
    let fails = 0;
    for (const { name } of TPMFRONTS) {
      for (const scenario of CHECK_SCENARIOS) {
        const expected = EXPECTED[name]?.[scenario];
        if (expected === undefined) throw new Error(`no expectation of ${name} in ${scenario}`);
        const { oracle, complete, holds } = explore(worldOf({ front: name, scenario, commands, daemon }), {
          order: 'bfs',
        });
        t.ok(isExpected(expected, oracle), `${name} in ${scenario}: expected ${expected.oracle}, found ${oracle}`);
        t.equal(complete, holds);
        if (!holds) fails++;
      }
    }
    t.ok(fails > 20, `${fails} failures`);
  });
}

t.test('the hosts of a world run the xenstored it names', async (t) => {
  for (const [daemon, names] of [
    ['c', ['tool', 'local']],
    ['ocaml', ['@introduceDomain', '@releaseDomain', 'libxl', 'local', 'tool']],
  ] as const) {
    const { machine } = worldOf({ front: 'quiesce', scenario: 'checkpoint', commands, daemon });
    const client = machine.clients.find(({ connected }) => connected);
    t.strictSame(client?.list('/')?.slice(0, names.length), names, daemon);
  }
});
