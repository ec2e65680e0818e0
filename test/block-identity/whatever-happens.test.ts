/** All at once: what the rows of the race table show one by one, with everything that can go wrong going wrong. */
import t from 'tap';
import { type Design, type IdentitySetting, USUAL_SETTING } from '../../simulator/block-identity/setting.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { explore } from '../../simulator/explore/explore.js';
import type { OracleName } from '../../simulator/world-state.js';

const STORM: IdentitySetting = {
  ...USUAL_SETTING,
  hotAdd: true,
  others: [
    { action: 'remove', when: 'any' },
    { action: 'create', when: 'any' },
    { action: 'recreate', when: 'any' },
  ],
  scriptKill: 'any',
  toolstackKill: true,
  backendKill: true,
};
const LOOP_STORM: IdentitySetting = {
  ...STORM,
  source: 'file',
  others: [
    { action: 'detach', when: 'any' },
    { action: 'attach', when: 'any' },
  ],
};

function found(design: Design, setting: IdentitySetting, oracles?: readonly OracleName[]) {
  const { oracle, complete, states } = explore(new IdentityWorld(design, setting), { order: 'dfs', oracles });
  return { oracle, complete, states };
}

t.test(
  'with an identity no other device is ever exposed, whoever is killed and whoever uses numbers again',
  async (t) => {
    for (const setting of [
      STORM,
      LOOP_STORM,
      { ...STORM, plan: 'resume' },
      { ...LOOP_STORM, plan: 'remove' },
    ] as const) {
      for (const design of ['I', 'O'] as const) {
        const { oracle, complete, states } = found(design, setting, ['right-device', 'driver-fault', 'refusal-shown']);
        t.match(
          { oracle, complete },
          { oracle: null, complete: true },
          `${design}, ${setting.source}, ${setting.plan}`,
        );
        t.ok(states > 1000, `${states} states`);
      }
      t.equal(found('P', setting, ['right-device']).oracle, 'right-device', 'and without one it is');
    }
  },
);

t.test('where nothing goes wrong every design exposes its device, and removes it without a trace', async (t) => {
  for (const design of ['P', 'I', 'O'] as const) {
    for (const source of ['volume', 'file', 'partition', 'removable'] as const) {
      for (const plan of ['add', 'remove', 'reboot-guest'] as const) {
        for (const probes of [true, false]) {
          for (const clear of ['now', 'deferred'] as const) {
            const kernel = { ...USUAL_SETTING.kernel, clear };
            const world = new IdentityWorld(design, { ...USUAL_SETTING, source, plan, probes, kernel });
            const name = `${design}, ${source}, ${plan}, ${clear}`;
            t.match(explore(world, { order: 'dfs' }), { oracle: null, complete: true }, name);
            t.ok(world.observed.has('exposes'), name);
            for (const bad of ['refuses', 'finds-nothing', 'malformed', 'add-fails', 'times-out'] as const)
              t.notOk(world.observed.has(bad), `${name}: ${bad}`);
          }
        }
      }
    }
  }
});
