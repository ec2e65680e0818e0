/**
 * The race table's part of the benchmark: states and seconds of every race with every design, and of the largest worlds,
 * in which everything goes wrong at once.
 */
import { IDENTITY_SCENARIOS } from '../scenarios/device-identity.js';
import { DESIGNS, type Design, type IdentitySetting, USUAL_SETTING } from '../simulator/block-identity/setting.js';
import { IdentityWorld } from '../simulator/block-identity/world.js';
import { type Exploration, explore } from '../simulator/explore/explore.js';
import { median, print, timed } from './figures.js';

const RUNS = 5;

/** Scripts, toolstack and backend are killed while others use names and numbers again. */
const STORM: IdentitySetting = {
  ...USUAL_SETTING,
  plan: 'resume',
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

export function benchIdentity(): void {
  print(
    `races of the block device identity, depth-first, one core; median of ${RUNS} runs after one that does not count`,
  );
  print('states and seconds by design; where an oracle fails, until it does');
  print(`${''.padEnd(30)}${DESIGNS.map(({ name }) => name.padStart(16)).join('')}`);
  let total = 0;
  for (const { place, label, setting } of IDENTITY_SCENARIOS) {
    const cells = DESIGNS.map(({ name }) => measured(name, setting));
    total += cells.reduce((sum, { seconds }) => sum + seconds, 0);
    print(`${`${place.padEnd(4)}${label}`.padEnd(30)}${cells.map(cellText).join('')}`);
  }
  print(`all races with all designs: ${total.toFixed(2)} s`);
  print('');
  print('everything at once: kills of script, toolstack and backend, a resume, numbers used again');
  for (const { name } of DESIGNS) {
    const { result, seconds } = measured(name, STORM, ['right-device', 'driver-fault']);
    const speed = `${Math.round(result.states / seconds / 1000)} k states/s`;
    const verdict = result.holds ? 'holds' : result.oracle;
    print(`  ${name}  ${String(result.states).padStart(8)} states  ${seconds.toFixed(3)} s  ${speed}  ${verdict}`);
  }
}

interface Measured {
  readonly result: Exploration;
  readonly seconds: number;
}

function measured(
  design: Design,
  setting: IdentitySetting,
  oracles?: Parameters<typeof explore>[1]['oracles'],
): Measured {
  const once = (): Exploration => explore(new IdentityWorld(design, setting), { order: 'dfs', oracles });
  let result = once();
  const seconds = Array.from({ length: RUNS }, () => timed(() => (result = once())));
  return { result, seconds: median(seconds) };
}

function cellText({ result, seconds }: Measured): string {
  return `${String(result.states).padStart(8)} ${seconds.toFixed(4)} s`.padStart(16);
}
