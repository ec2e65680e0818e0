/** The race table: every row with every design shows what the table says, or stands among the disagreements. */
import t from 'tap';
import { IDENTITY_SCENARIOS } from '../../scenarios/device-identity.js';
import { DISAGREEMENTS, disagreementOf, tableExpectation } from '../../scenarios/device-identity-disagreements.js';
import { IDENTITY_EXPECTED, INCIDENTAL } from '../../scenarios/device-identity-expected.js';
import { VTPM_VOLUME_SCENARIOS } from '../../scenarios/vtpm-volume.js';
import { DESIGNS } from '../../simulator/block-identity/setting.js';
import { decideIdentity } from '../../simulator/block-identity/verdict.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { replay, stepsByName } from '../../simulator/replay.js';
import { DAEMONS, USUAL_DAEMON } from '../../simulator/world-options.js';

const ROWS = 40;

t.test('there is a scenario for each of the 40 rows, and an expectation for each scenario', async (t) => {
  const rows = new Set(IDENTITY_SCENARIOS.map(({ row }) => row));
  t.strictSame(
    [...rows].sort((a, b) => a - b),
    Array.from({ length: ROWS }, (_, row) => row + 1),
  );
  t.strictSame(IDENTITY_SCENARIOS.map(({ place }) => place).sort(), Object.keys(IDENTITY_EXPECTED).sort());
  const names = IDENTITY_SCENARIOS.map(({ name }) => name);
  t.equal(new Set(names).size, names.length, 'no name twice');
  for (const { name, place, title } of IDENTITY_SCENARIOS) {
    t.equal(name, `device-identity/${place}`);
    t.match(title, /^[A-Z].*\.$/);
  }
});

for (const { name, place, setting } of [...IDENTITY_SCENARIOS, ...VTPM_VOLUME_SCENARIOS]) {
  t.test(`${name} shows what the race table says`, async (t) => {
    for (const { name: design } of DESIGNS) {
      const expected = tableExpectation(place, design);
      if (expected === undefined) {
        t.fail(`${design}: nothing is expected`);
        continue;
      }
      t.ok(expected.why.length > 10, `${design}: there is an argument`);
      if (expected.notApplicable) continue;
      for (const daemon of setting.use === 'vbd' ? DAEMONS : [USUAL_DAEMON]) {
        const verdict = decideIdentity({ scenario: name, design }, { ...setting, daemon });
        const { oracle, holds, complete, observed, schedule } = verdict;
        const seen = observed.filter((what) => !INCIDENTAL.has(what) || expected.seen.includes(what));
        const asTable = oracle === expected.oracle && (oracle !== null || same(seen, expected.seen));
        const disagreement = disagreementOf(place, design);
        const at = `${design}, ${daemon}`;
        if (disagreement === undefined) {
          t.ok(asTable, `${at}: expected ${expected.oracle ?? expected.seen}, found ${oracle ?? seen}: ${schedule}`);
        } else {
          t.notOk(asTable, `${at}: it does not stand among the disagreements for nothing`);
          t.equal(oracle, disagreement.found, `${at}: the disagreement is the one that is written down`);
        }
        t.equal(complete, holds, `${at}: every state was seen`);
      }
    }
  });
}

t.test('for the volume of a vTPM it is the vTPM that is found in the schedules', async (t) => {
  t.strictSame(
    VTPM_VOLUME_SCENARIOS.map(({ name }) => name),
    IDENTITY_SCENARIOS.map(({ place }) => `vtpm-volume/${place}`),
  );
  const [first] = VTPM_VOLUME_SCENARIOS;
  if (first === undefined) throw new Error('there is no scenario');
  const { oracle, schedule } = decideIdentity({ scenario: first.name, design: 'P' }, first.setting);
  t.equal(oracle, 'right-device');
  const text = schedule.join();
  t.match(text, /guest1\.tpmfront\/connect/);
  t.match(text, /tpmback1\.connect\/expose/);
  t.notMatch(text, /blk/);
});

t.test('the schedule of each disagreement leads where it says', async (t) => {
  for (const { place, design, found, why, schedule, right } of DISAGREEMENTS) {
    const scenario = IDENTITY_SCENARIOS.find((candidate) => candidate.place === place);
    t.ok(scenario !== undefined && why.length > 40 && right === 'explorer', `${place} ${design}`);
    if (scenario === undefined) continue;
    const result = replay(new IdentityWorld(design, scenario.setting), stepsByName(schedule));
    t.match(result, { diverged: null, oracle: found }, `${place} ${design}`);
  }
});

function same(one: readonly string[], other: readonly string[]): boolean {
  return [...one].sort().join() === [...other].sort().join();
}
