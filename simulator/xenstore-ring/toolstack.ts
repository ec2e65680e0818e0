/**
 * The toolstack of an exploration of the ring: suspends the guest, and resumes it in place, restores it in a new domain
 * on the same host, or migrates it to another host. Domains, channels and pages are made here; the order is libxl's:
 * the store connection is introduced before the guest runs.
 */
import { SuspendResult } from '../../hypervisor/domain.js';
import { ALL_AGENTS, type JournaledMemory } from '../../hypervisor/journaled-memory.js';
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
  unpause: (toolstack) => toolstack.place.target.domain.resume(SuspendResult.ResumedInNewDomain),
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

  create(): void {
    const { target, targetHost, image } = this.place;
    target.domain.create(target.domid);
    target.domain.restore(image);
    this.#furnish(target, targetHost);
  }

  /** The new port goes into the start info, where the guest finds it. */
  introduce(): void {
    const { target, targetHost } = this.place;
    const port = target.host.events.allocateUnbound(target.domain, 0);
    target.ring.state.port = port;
    targetHost.store.introduce(target.domid);
    targetHost.daemon.introduce(target.domid, target.page, port);
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

/** Agents of the toolstack: it builds domains, so it may touch all of them. */
export const RING_TOOLSTACK_AGENTS = ALL_AGENTS;
