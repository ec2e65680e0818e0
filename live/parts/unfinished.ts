/**
 * What a guest that was killed had asked of others, and could not write down that it had: its step was taken back, and what
 * was asked was not. Done again it would be another request; so the next process goes on after it. To be called before
 * anything else of the guest runs.
 */
import type { Guest } from '../../frontend/guest.js';
import type { Domain } from '../../hypervisor/domain.js';
import { DomainNode } from '../../protocol/xenbus.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { UndoJournal } from '../memory/undo-journal.js';
import { SUSPENSIONS } from '../tables.js';

export interface Unfinished {
  readonly guest: { readonly manageTask: Pick<Guest['manageTask'], 'at' | 'start'> } & Pick<Guest, 'goOnAcknowledged'>;
  readonly domain: Pick<Domain, 'running'>;
  readonly memory: Pick<SharedMemory, 'read32' | 'commit'>;
  readonly store: Pick<StoreAccess, 'read'>;
  readonly journal: Pick<UndoJournal, 'promise' | 'promised'>;
}

/** To be called before the suspend hypercall; returns its argument: how often the domain has stopped before. */
export function promiseHypercall({ memory, journal }: Pick<Unfinished, 'memory' | 'journal'>): number {
  const before = memory.read32(SUSPENSIONS);
  journal.promise(before);
  return before;
}

export function finish(unfinished: Unfinished): void {
  const { manageTask } = unfinished.guest;
  if (manageTask.at('acknowledge')) finishAcknowledgement(unfinished);
  else if (manageTask.at('suspend')) finishHypercall(unfinished);
}

/**
 * The request to suspend is read and taken in one transaction, so one that is there was not taken. Where the toolstack has
 * withdrawn it since, the guest suspends although nobody waits for it any more, and is let go on.
 */
function finishAcknowledgement({ guest, memory, store, journal }: Unfinished): void {
  if (journal.promised === null || store.read(DomainNode.ControlShutdown) !== '') return;
  guest.goOnAcknowledged();
  memory.commit();
}

/**
 * Only that hypercall stops a domain that is to go on, here or where its memory has been sent; and one that was let go on
 * already has been stopped once more than before.
 */
function finishHypercall({ guest, domain, memory, journal }: Unfinished): void {
  const { promised } = journal;
  const stopped = !domain.running || (promised !== null && memory.read32(SUSPENSIONS) !== promised >>> 0);
  if (!stopped) return;
  guest.manageTask.start('gnttab_resume');
  memory.commit();
}
