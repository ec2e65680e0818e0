/**
 * The toolstack of an exploration of the ring: suspends the guest, and resumes it in place, restores it in a new domain
 * on the same host, or migrates it to another host. Domains, channels and pages are made here; the order is libxl's:
 * the store connection is introduced before the guest runs.
 */
import { SuspendResult } from '../../hypervisor/domain.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { layout, u32 } from '../../protocol/layout.js';
import type { StoreClient } from '../store-client.js';
import type { RingDaemon } from './daemon.js';
import type { RingGuest } from './guest.js';

export const RingToolstackState = layout('toolstack', { run: u32 });

/** `cancel`: the save fails after the guest has suspended. */
export type RingPlan = 'none' | 'cancel' | 'restore' | 'migrate';

export interface RingHost {
  readonly daemon: RingDaemon;
  /** The toolstack's own connection. */
  readonly store: StoreClient;
}

export interface RingToolstackPlace {
  readonly address: number;
  readonly plan: RingPlan;
  /** Whether the guest is unpaused before its connection is introduced. */
  readonly introducesLate: boolean;
  readonly source: RingGuest;
  readonly target: RingGuest;
  readonly sourceHost: RingHost;
  /** The same as `sourceHost` where the guest is restored. */
  readonly targetHost: RingHost;
  /** First frame of the image. */
  readonly image: number;
  /** Path of a node below a guest's home, and its value, for every node a new guest is given. */
  readonly nodes: readonly (readonly [path: string, value: string])[];
}

const run = task<RingToolstack>('run', {
  ask: { when: (toolstack) => toolstack.place.source.mayBeAsked(), run: (toolstack) => toolstack.ask() },
  save: { when: (toolstack) => toolstack.place.source.suspended, run: (toolstack) => toolstack.save() },
  destroy: (toolstack) => toolstack.destroy(),
  create: (toolstack) => toolstack.create(),
  introduce: (toolstack) => toolstack.introduce(),
  unpause: (toolstack) => toolstack.unpause(),
  // Only of a toolstack that does it in the wrong order.
  unpause_first: (toolstack) => toolstack.unpause(),
  introduce_late: (toolstack) => toolstack.introduce(),
});

export class RingToolstack {
  readonly place: RingToolstackPlace;
  readonly task: Task<RingToolstack>;

  constructor(memory: JournaledMemory, place: RingToolstackPlace) {
    this.place = place;
    this.task = new Task(memory, run, this, place.address);
  }

  /** First boot of the source, outside of any exploration. */
  boot(): void {
    const { source, sourceHost } = this.place;
    source.domain.create(source.domid);
    this.#furnish(source, sourceHost);
    const port = source.host.events.allocateUnbound(source.domain, 0);
    sourceHost.store.introduce(source.domid);
    sourceHost.daemon.introduce(source.domid, source.page, port);
    source.domain.resume(SuspendResult.ResumedInNewDomain);
    source.ring.start(port);
  }

  ask(): void {
    this.place.source.suspend.task.start();
  }

  save(): string | undefined | typeof DONE {
    const { plan, source, sourceHost, image } = this.place;
    sourceHost.store.domainShutdown(source.domid);
    source.domain.save(image);
    if (plan !== 'cancel') return undefined;
    source.domain.resume(SuspendResult.Cancelled);
    sourceHost.store.resumeDomain(source.domid);
    return DONE;
  }

  destroy(): void {
    const { source, sourceHost } = this.place;
    source.host.events.closeAll(source.domain);
    sourceHost.daemon.release();
    sourceHost.store.domainDestroyed(source.domid);
    source.domain.destroy();
  }

  /** The new port goes into the start info, where the guest finds it. */
  create(): string {
    const { target, targetHost, image, introducesLate } = this.place;
    target.domain.create(target.domid);
    target.domain.restore(image);
    target.ring.state.port = target.host.events.allocateUnbound(target.domain, 0);
    this.#furnish(target, targetHost);
    return introducesLate ? 'unpause_first' : 'introduce';
  }

  introduce(): void {
    const { target, targetHost } = this.place;
    targetHost.store.introduce(target.domid);
    targetHost.daemon.introduce(target.domid, target.page, target.ring.state.port);
  }

  unpause(): string | typeof DONE | undefined {
    this.place.target.domain.resume(SuspendResult.ResumedInNewDomain);
    return this.place.introducesLate ? 'introduce_late' : DONE;
  }

  #furnish(guest: RingGuest, { store }: RingHost): void {
    store.domainCreated(guest.domid);
    const home = `/local/domain/${guest.domid}`;
    store.mkdir(home);
    store.setPermissions(home, [`n${guest.domid}`]);
    for (const [path, value] of this.place.nodes) {
      store.write(`${home}/${path}`, value);
      store.setPermissions(`${home}/${path}`, [`n${guest.domid}`]);
    }
  }
}
