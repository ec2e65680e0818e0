/**
 * What must hold whatever the design: the right device, one writer, no device left behind, and refusals that are seen
 * and deserved.
 */
import { parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import { DomainIs, type IdentityHost } from './host.js';
import { SLOTS } from './kernel.js';
import type { GuestParts } from './machine.js';
import { devicePath } from './nodes.js';

/** After each step: what is exposed is what was meant, for as long as it is exposed. */
export function judgeStep(host: IdentityHost, guests: readonly GuestParts[]): void {
  const { kernel } = host;
  let writtenLife = 0;
  for (const { guest, backend } of guests) {
    const { writable } = backend.opening.state;
    if (!backend.state.exposed || backend.slot < 0) continue;
    const { life } = kernel.disk(backend.slot);
    // A loop device without a file shows nothing of anybody's.
    if (life === 0) continue;
    const truth = host.truth(guest);
    const isRight =
      (life === truth.meant && (truth.meant_writable || !writable)) ||
      (life === truth.also_meant && (truth.also_writable || !writable));
    if (!isRight) {
      const how = life === truth.meant ? ' for writing' : ', which is another device than was meant';
      host.fail('right-device', `${backend.name} exposes ${SLOTS[backend.slot]?.name}${how}`);
    }
    if (!writable) continue;
    if (life === writtenLife) host.fail('one-writer', `two guests write to ${SLOTS[backend.slot]?.name}`);
    writtenLife = life;
  }
}

/** Where nothing but a fault can happen. */
export function judgeEnd(host: IdentityHost, guests: readonly GuestParts[]): void {
  for (const parts of guests) {
    const { toolstack, scripts } = parts;
    if (toolstack.task.running) host.fail('no-hang', `the toolstack waits in ${toolstack.task.next}`);
    for (const script of scripts)
      if (script.running) host.fail('no-hang', `${script.place.name} waits in ${script.addTask.next}`);
    judgeOwner(host, parts);
    judgeRefusal(host, parts);
  }
}

/** A device that is attached for a guest, or held open for it, has an owner: the guest, and nodes by which to find it. */
function judgeOwner(host: IdentityHost, { guest, backend, toolstack }: GuestParts): void {
  const { store, paths } = toolstack.place;
  const owned = host.truth(guest).domain === DomainIs.Running && store.peek(paths.node.State) !== null;
  if (!owned && backend.slot >= 0)
    host.fail('no-leak', `${backend.name} has ${SLOTS[backend.slot]?.name} open for a guest that does not run`);
  SLOTS.forEach((slot, index) => {
    const disk = host.kernel.disk(index);
    if (slot.kind !== 'loop' || disk.maker !== guest) return;
    const found = owned && store.peek(paths.node.Node) === devicePath(slot.name);
    if (!found) host.fail('no-leak', `${slot.name} stays attached, and nobody knows`);
  });
}

/** A device that was asked for and is not opened: state and error node say so. */
function judgeRefusal(host: IdentityHost, { backend, toolstack }: GuestParts): void {
  const { store, paths } = toolstack.place;
  const { refused } = backend.opening.state;
  if (!backend.state.alive || store.peek(paths.node.PhysicalDevice) === null || backend.slot >= 0) return;
  const state = parseXenbusState(store.peek(paths.node.State));
  if (!refused) host.fail('refusal-shown', `${backend.name} neither opens its device nor refuses it`);
  else if (state !== XenbusState.Closing && state !== XenbusState.Closed)
    host.fail('refusal-shown', `${backend.name} has refused its device in state ${state}`);
  else if (store.peek(paths.error) === null) host.fail('refusal-shown', `${backend.name} does not say why it refuses`);
}
