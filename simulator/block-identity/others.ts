/**
 * Other users of the host's block devices and of the nodes: what each of them may do once, at any moment that the
 * setting allows. They mean no harm; numbers and names are used again.
 */
import { ALL_AGENTS } from '../../hypervisor/journaled-memory.js';
import { formatDeviceNumber, formatDiskSequence } from '../../protocol/physical-device.js';
import { type Actor, actor } from '../actors.js';
import type { StoreClient } from '../store-client.js';
import type { IdentityBackend } from './backend.js';
import type { IdentityHost } from './host.js';
import { Content, type GendiskKind, SLOTS } from './kernel.js';
import type { GuestParts } from './machine.js';
import type { DevicePaths } from './nodes.js';
import type { Moment, Other, OtherAction } from './setting.js';

const LOOP0 = SLOTS.findIndex(({ name }) => name === 'loop0');
const KIND_OF = { volume: 'volume', file: 'loop', partition: 'disk', removable: 'drive' } as const;

export class Others {
  readonly #host: IdentityHost;
  readonly #place: { readonly store: StoreClient; readonly paths: DevicePaths; readonly backend: IdentityBackend };
  readonly #kind: GendiskKind;

  /** Those who meddle with the device of one guest. */
  constructor(host: IdentityHost, { toolstack, backend }: GuestParts) {
    this.#host = host;
    this.#place = { store: toolstack.place.store, paths: backend.place.paths, backend };
    this.#kind = KIND_OF[host.setting.source];
  }

  actors(): Actor[] {
    const { setting, world } = this.#host;
    return setting.others.map((other, index) =>
      actor({
        name: `fault/${this.#describe(other)}`,
        agents: ALL_AGENTS,
        enabled: () => (world.done & (1 << index)) === 0 && this.isMoment(other.when) && this.#can(other.action),
        run: () => {
          world.done |= 1 << index;
          this.#do(other.action);
        },
      }),
    );
  }

  isMoment(when: Moment): boolean {
    const { store, paths, backend } = this.#place;
    const has = (path: string): boolean => store.peek(path) !== null;
    switch (when) {
      case 'any':
        return true;
      case 'unwritten':
        return !has(paths.node.PhysicalDevice) && !has(paths.node.Identity) && store.peek(paths.node.Online) === '1';
      case 'identity-only':
        return !has(paths.node.PhysicalDevice) && has(paths.node.Identity);
      case 'number-only':
        return has(paths.node.PhysicalDevice) && !has(paths.node.Identity);
      case 'written':
        return has(paths.node.PhysicalDevice) && backend.slot < 0;
      case 'killed':
        return this.#host.world.killed;
      case 'opened':
        return backend.opening.state.verified;
      case 'refused':
        return backend.opening.state.refused;
      case 'crashed':
        return this.#host.world.crashed;
      case 'resumed':
        return this.#host.world.resumed;
      case 'removing':
        return store.peek(paths.node.Online) === '0';
    }
  }

  #can(action: OtherAction): boolean {
    const { kernel } = this.#host;
    switch (action) {
      case 'remove': {
        const slot = this.#deviceOfA;
        return slot >= 0 && kernel.disk(slot).openers === 0;
      }
      case 'create':
        return kernel.findFree(this.#kind) >= 0;
      case 'recreate':
        return this.#deviceOfA < 0 && kernel.findFree(this.#kind) >= 0;
      case 'detach':
        return kernel.disk(LOOP0).maker !== 0;
      case 'attach':
        return kernel.findFree('loop') >= 0;
      case 'attach-first':
        return kernel.disk(LOOP0).present;
      case 'swap':
      case 'change-medium':
        return this.#device >= 0;
      case 'write-zero':
      case 'write-absent':
      case 'write-number':
      case 'write-sequence':
      case 'write-other-and-mode':
      case 'remove-mode':
        return this.#place.store.peek(this.#place.paths.node.State) !== null;
    }
  }

  #do(action: OtherAction): void {
    const { kernel } = this.#host;
    const { store, paths } = this.#place;
    switch (action) {
      case 'remove':
        kernel.remove(this.#deviceOfA);
        return;
      case 'create':
        kernel.create(kernel.findFree(this.#kind), Content.Other);
        return;
      case 'recreate':
        kernel.create(kernel.findFree(this.#kind), Content.A);
        return;
      case 'detach':
        // It opens the device, asks for the file to be detached, and closes.
        if (!kernel.open(LOOP0)) return;
        kernel.clear(LOOP0);
        kernel.close(LOOP0);
        return;
      case 'attach':
        kernel.attach(kernel.findFree('loop'), Content.Other, 0, false);
        return;
      case 'attach-first':
        if (!kernel.attach(LOOP0, Content.Other, 0, false)) this.#host.observe('attach-busy');
        return;
      case 'swap':
        kernel.swap(this.#device);
        return;
      case 'change-medium':
        kernel.swap(this.#device);
        kernel.renumber(this.#device);
        return;
      case 'write-zero':
        store.write(paths.node.PhysicalDevice, '0:0');
        return;
      case 'write-absent':
        store.write(paths.node.PhysicalDevice, 'fd:7');
        return;
      case 'write-number':
        store.write(paths.node.PhysicalDevice, formatDeviceNumber(this.#volumeB));
        return;
      case 'write-sequence':
        store.transaction(() => {
          store.write(paths.node.Identity, formatDiskSequence(0xffn));
          store.write(paths.node.PhysicalDevice, store.read(paths.node.PhysicalDevice) ?? '');
        });
        return;
      case 'write-other-and-mode':
        this.#changeMind();
        return;
      case 'remove-mode':
        store.remove(paths.node.Mode);
        return;
    }
  }

  /** Volume B in place of A, and writable: all nodes at once. */
  #changeMind(): void {
    const { store, paths, backend } = this.#place;
    const { kernel } = this.#host;
    const slot = kernel.findContent('volume', Content.B);
    const { life, diskseq } = kernel.disk(slot);
    const truth = this.#host.truth(backend.place.guest);
    truth.also_meant = life;
    truth.also_writable = true;
    store.transaction(() => {
      store.write(paths.node.PhysicalDevice, formatDeviceNumber(this.#volumeB));
      if (this.#host.policy.identity) store.write(paths.node.Identity, formatDiskSequence(BigInt(diskseq)));
      store.write(paths.node.Mode, 'w');
    });
  }

  get #volumeB(): { readonly major: number; readonly minor: number } {
    return SLOTS[this.#host.kernel.findContent('volume', Content.B)] as { major: number; minor: number };
  }

  get #deviceOfA(): number {
    return this.#host.kernel.findContent(this.#kind, Content.A);
  }

  /** The device that is or will be the guest's. */
  get #device(): number {
    return this.#kind === 'loop' && this.#host.kernel.disk(LOOP0).life === 0 ? -1 : this.#deviceOfA;
  }

  #describe({ action }: Other): string {
    const what = this.#kind === 'loop' ? 'file' : this.#kind;
    switch (action) {
      case 'remove':
        return `others remove ${what} A`;
      case 'create':
        return `others make another ${what}`;
      case 'recreate':
        return `others make ${what} A again`;
      case 'detach':
        return 'others detach loop0';
      case 'attach':
        return 'others attach a file to the first free loop device';
      case 'attach-first':
        return 'others attach a file to loop0';
      case 'swap':
        return `others put other contents behind ${what} A`;
      case 'change-medium':
        return `others change the medium of ${what} A`;
      case 'write-zero':
        return 'others write 0:0';
      case 'write-absent':
        return 'others write the number of no device';
      case 'write-number':
        return 'others write the number of volume B';
      case 'write-sequence':
        return 'others write another diskseq and the same number';
      case 'write-other-and-mode':
        return 'others write volume B and mode w';
      case 'remove-mode':
        return 'others remove mode';
    }
  }
}
