/** Faults seeded into the hypervisor: grants, event channels, domains, timers. */
import { foundBy, type Mutant, mutant, survives } from './mutant.js';

const GRANTS = 'hypervisor/grant-table.ts';
const EVENTS = 'hypervisor/event-channels.ts';
const DOMAIN = 'hypervisor/domain.ts';
const TIMERS = 'hypervisor/timers.ts';

export const HYPERVISOR_MUTANTS: readonly Mutant[] = [
  mutant(
    'grants-first-handle-is-zero',
    'handles begin with the one that means none',
    [
      GRANTS,
      'if (entry.frame >= granter.pages) return GNTST_bad_page;\n      for (let handle = 1;',
      'if (entry.frame >= granter.pages) return GNTST_bad_page;\n      for (let handle = 0;',
    ],
    foundBy('quiesce connect', 'no-hang', 'the backend takes handle 0 for a failure, and never connects'),
  ),
  mutant(
    'grants-take-the-page-away',
    "a mapped page is no longer its own domain's",
    [
      GRANTS,
      'this.#protect(address, this.#memory.agentsOf(address / PAGE_SIZE) | agents);',
      'this.#protect(address, agents);',
    ],
    foundBy('quiesce connect', 'stray-memory', 'the guest fills its ring page and may not'),
  ),
  mutant(
    'grants-map-any-frame',
    'the frame of an entry is not compared with the pages there are',
    [GRANTS, 'if (entry.frame >= granter.pages) return GNTST_bad_page;\n', ''],
    foundBy(
      'quiesce connect+hostile-stores=1',
      'driver-fault',
      "a guest that writes another frame into its entry makes the hypervisor look for a page that is not there: a backend's map throws",
    ),
  ),
  mutant(
    'grants-map-for-anybody',
    'the domain of an entry is not compared with the one that maps',
    [GRANTS, 'if (entry.domid !== mapper) return GNTST_permission_denied;\n', ''],
    survives('hypervisor/grant-table', 'nobody in these worlds maps what was not granted to it'),
  ),
  mutant(
    'grants-forget-that-they-are-mapped',
    'the flags of an entry do not say that it is mapped',
    [GRANTS, 'entry.flags |= GTF_reading | GTF_writing;\n', ''],
    survives(
      'hypervisor/grant-table',
      'a frontend ends a grant when it has the answer, and then no backend here maps it any more',
    ),
  ),
  mutant(
    'grants-reset-too-late',
    'a mapping that is ended leaves its flags',
    [GRANTS, 'entry.flags &= ~(GTF_reading | GTF_writing);\n', ''],
    foundBy(
      'block restore/linux',
      'right-answer',
      'the frontend ends the grant of a page whose request is answered, and the hypervisor says that it is in use',
    ),
  ),
  mutant(
    'events-mask-themselves',
    'taking an event masks its port',
    [
      EVENTS,
      'try {\n      this.#setBit(domain.sharedInfo + PENDING_OFFSET, port, false);',
      'try {\n      this.#setBit(domain.sharedInfo + MASK_OFFSET, port, true);\n' +
        '      this.#setBit(domain.sharedInfo + PENDING_OFFSET, port, false);',
    ],
    foundBy('quiesce connect', 'no-hang', 'the second event of a port is never delivered'),
  ),
  mutant(
    'events-bind-silently',
    'binding raises no event',
    [EVENTS, 'this.#setPending(domain, port);\n        return port;', 'return port;'],
    foundBy(
      'sequenced backend-restart',
      'no-hang',
      'the notification of a request was dropped while nobody was bound, and the event that repairs that is missing',
    ),
  ),
  mutant(
    'events-close-one-end',
    'the other end of a closed channel stays bound',
    [EVENTS, 'remote.state = ChannelState.Unbound;\n', ''],
    foundBy('sequenced backend-restart', 'no-hang', 'the new process cannot bind to a port that is bound'),
  ),
  mutant(
    'events-outlive-their-process',
    'the channels of a process that dies are not closed',
    [EVENTS, '.owner) === agent) this.close(domain, port);', '.owner) === -agent) this.close(domain, port);'],
    foundBy('sequenced backend-restart', 'no-hang', 'the same: the port of the guest is still bound to the dead one'),
  ),
  mutant(
    'domain-saves-all-but-the-first',
    'the first page of a guest is not in its image',
    [
      DOMAIN,
      'save(image: number): void {\n    for (let pfn = FIRST_GUEST_PFN;',
      'save(image: number): void {\n    for (let pfn = FIRST_GUEST_PFN + 1;',
    ],
    foundBy(
      'quiesce clean-migration',
      ['in-step', 'no-hang'],
      'the guest in the image has never been answered, and the device has executed; before the first command, what is ' +
        'missing is that the kernel is in the middle of a suspend, which it never ends',
    ),
  ),
  mutant(
    'domain-saves-all-but-the-last',
    'the last page of a guest is not in its image',
    [
      DOMAIN,
      'save(image: number): void {\n    for (let pfn = FIRST_GUEST_PFN; pfn < this.pages;',
      'save(image: number): void {\n    for (let pfn = FIRST_GUEST_PFN; pfn < this.pages - 1;',
    ],
    foundBy(
      'read and migrate c',
      'no-hang',
      'of the tpmfronts the last page is the second ring page, which is zeroed after a resume; but of a guest with a store ' +
        'ring it is the end of what its driver remembers',
    ),
  ),
  mutant(
    'domain-restores-one-page-twice',
    'the pages of an image are restored one place too far',
    [
      DOMAIN,
      'this.#memory.copyPage(image + pfn - FIRST_GUEST_PFN, this.#firstFrame + pfn);',
      'this.#memory.copyPage(image + Math.max(pfn - FIRST_GUEST_PFN - 1, 0), this.#firstFrame + pfn);',
    ],
    foundBy(
      'quiesce clean-migration',
      ['no-hang', 'driver-fault', 'stray-memory'],
      "the driver finds the kernel's words for its own: whatever it makes of them, it does not connect",
    ),
  ),
  mutant(
    'timers-fire-when-they-are-off',
    'a timer that is off counts as fired',
    [TIMERS, 'return memory.word(address >>> 2) === FIRED;', 'return memory.word(address >>> 2) <= FIRED;'],
    survives(
      'hypervisor/timers',
      'where a pair holds, nobody asks a timer that was not set before: the toolstack sets its own with each wait, the vTPM ' +
        'takes one that is off for one that has fired',
    ),
  ),
  mutant(
    'timers-do-not-come-to-their-end',
    'the timer that is nearest to its end is not moved when time passes',
    [TIMERS, 'if (left > 0 && place.ticking()) memory', 'if (left > milliseconds && place.ticking()) memory'],
    foundBy('sequenced slow-command', 'no-hang', 'time passes for ever and the vTPM is never done: a circle'),
  ),
  mutant(
    'timers-forget-the-others',
    'when time passes every timer fires, however long it still had',
    [TIMERS, 'Math.max(left - milliseconds, 0) + FIRED', 'FIRED'],
    survives(
      'hypervisor/timers',
      'where a pair holds, no two timers run at once: the guest acknowledges and suspends in no time, and what is left is ' +
        'the one of the vTPM',
    ),
  ),
];
