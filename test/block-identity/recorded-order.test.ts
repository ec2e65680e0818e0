/**
 * The order in which toolstack, stock script and blkback write the nodes that this world has, against recordings of a
 * real Xen: a disk added to a running guest, removed, and given up because its script does not end.
 */
import t from 'tap';
import { type IdentitySetting, USUAL_SETTING } from '../../simulator/block-identity/setting.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { CHOICES_MAX } from '../../simulator/explore/explore.js';
import type { StoreOperation } from '../../simulator/store-client.js';
import { readBlockRecording } from '../support/block-recording.js';

/** Nodes whose value is the same everywhere, and those that name the device. */
const COMPARED = new Set(['state', 'online', 'mode', 'hotplug-status']);
const NAMING = new Set(['node', 'physical-device', 'physical-device-path']);
const WHO = new Map([
  ['dom0-kernel', 'blkback'],
  ['dom0-client', 'script'],
  ['toolstack', 'toolstack'],
]);

/** `who node = value` of each write below the backend directory, and `who RM`. */
function written(who: string, operation: string, path: string, value: string): string[] {
  const found = /(?:^|\/)backend\/vbd\/\d+\/\d+(?:\/(.*))?$/.exec(path);
  if (found === null) return [];
  const [, node] = found;
  if (operation === 'RM' && node === undefined) return [`${who} RM`];
  if (operation !== 'WRITE' || node === undefined) return [];
  if (COMPARED.has(node)) return [`${who} ${node} = ${value}`];
  return NAMING.has(node) ? [`${who} ${node}`] : [];
}

function recorded(name: string, handle: number): string[] {
  return readBlockRecording(name).flatMap(({ src, who, op, path, value }) =>
    src === 'xenstored' && WHO.has(who) && path.includes(`/${handle}`)
      ? written(WHO.get(who) ?? '', op, path, value)
      : [],
  );
}

/** Takes the first choice of the first of `owners` that has one, until only faults or others are left. */
function simulated(setting: Partial<IdentitySetting>, owners: readonly string[]): string[] {
  const world = new IdentityWorld('P', { ...USUAL_SETTING, source: 'file', probes: true, ...setting });
  const operations: StoreOperation[] = [];
  const choices = new Int32Array(CHOICES_MAX);
  world.listen((operation) => operations.push(operation));
  for (;;) {
    const possible = [...choices.subarray(0, world.enumerate(choices))];
    const wanted = owners.map((owner) => possible.find((choice) => world.describe(choice).startsWith(owner)));
    const next = wanted.find((choice) => choice !== undefined);
    if (next === undefined) break;
    world.step(next);
  }
  t.equal(world.violations, 0, world.lastFault ?? '');
  return operations.flatMap(({ client, operation, path, value }) =>
    written(client.replace(/[0-9]+$/, ''), operation, path, value),
  );
}

/** Made before the exploration begins, in one transaction: what is in it stands in the recording. */
const CREATED = ['toolstack online = 1', 'toolstack state = 1', 'toolstack mode = w'];

t.test('a disk is added to a running guest', async (t) => {
  const found = recorded('block-attach', 51728).slice();
  t.equal(found.shift(), 'toolstack RM', 'of what may be there from before');
  const here = simulated({ hotAdd: true }, ['guest1', 'blkback1', 'script1', 'toolstack']);
  t.strictSame(found, [...CREATED, ...here]);
  t.ok(found.indexOf('blkback state = 4') < found.indexOf('script hotplug-status = connected'));
});

t.test('and removed: the nodes go when the script has ended', async (t) => {
  const removed = recorded('block-detach', 51728);
  const here = simulated({ hotAdd: true, plan: 'remove' }, ['guest1', 'blkback1', 'script1', 'toolstack']);
  t.strictSame(removed, here.slice(here.indexOf('toolstack online = 0')));
});

t.test('a script that does not end is killed, and the device is taken away', async (t) => {
  const found = recorded('hotplug-script-hangs', 51712);
  t.equal(found.shift(), 'toolstack RM');
  const here = simulated({ scriptKill: 'unwritten' }, ['fault/script1', 'blkback1', 'script1.remove', 'toolstack']);
  t.strictSame(found, [...CREATED, ...here]);
});
