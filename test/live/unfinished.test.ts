/**
 * What a guest finds that was killed when it had asked for something that is not taken back: whether that was done follows
 * from what its predecessor has promised, and from what those say who were asked.
 */
import t from 'tap';
import { Rights } from '../../live/memory/address-space.js';
import { JOURNAL_PFN, TABLES_FRAME } from '../../live/memory/segments.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { UndoJournal } from '../../live/memory/undo-journal.js';
import { finish, promiseHypercall } from '../../live/parts/unfinished.js';
import { SUSPENSIONS } from '../../live/tables.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';

const FRAME = PLAN.guest.firstFrame;
const KEPT = FRAME * PAGE_SIZE;
const JOURNAL = (FRAME + JOURNAL_PFN) * PAGE_SIZE;
const BEFORE = 5;

interface Found {
  /** The step at which its kernel stands. */
  readonly at: string;
  /** What it did in that step before it was killed. */
  readonly did: 'nothing' | 'promised the acknowledgement' | 'promised the hypercall';
  /** What happened meanwhile, or before that. */
  readonly running: boolean;
  readonly suspensions: number;
  readonly shutdown: string | null;
}

const CALLS: Found = { at: 'suspend', did: 'promised the hypercall', running: true, suspensions: BEFORE, shutdown: '' };
const ACKNOWLEDGES: Found = {
  at: 'acknowledge',
  did: 'promised the acknowledgement',
  running: true,
  suspensions: BEFORE,
  shutdown: '',
};
const STOPPED = BEFORE + 1;

const CASES: readonly { readonly name: string; readonly found: Found; readonly goesOnAt: string }[] = [
  {
    name: 'it stands in its hypercall',
    found: { ...CALLS, running: false, suspensions: STOPPED },
    goesOnAt: 'gnttab_resume',
  },
  { name: 'it was let go on already', found: { ...CALLS, suspensions: STOPPED }, goesOnAt: 'gnttab_resume' },
  { name: 'its hypercall never came', found: CALLS, goesOnAt: 'suspend' },
  { name: 'it was about to make one', found: { ...CALLS, did: 'nothing' }, goesOnAt: 'suspend' },
  {
    name: 'its memory has come to another host',
    found: { ...CALLS, did: 'nothing', running: false, suspensions: 0 },
    goesOnAt: 'gnttab_resume',
  },
  { name: 'it has acknowledged', found: ACKNOWLEDGES, goesOnAt: 'freeze_tasks' },
  { name: 'its acknowledgement never came', found: { ...ACKNOWLEDGES, shutdown: 'suspend' }, goesOnAt: 'acknowledge' },
  { name: 'the request was withdrawn', found: { ...ACKNOWLEDGES, did: 'nothing' }, goesOnAt: 'acknowledge' },
  { name: 'there is no request', found: { ...ACKNOWLEDGES, shutdown: null }, goesOnAt: 'acknowledge' },
  {
    name: 'it has done what it promised',
    found: { ...ACKNOWLEDGES, at: 'freeze_tasks' },
    goesOnAt: 'freeze_tasks',
  },
];

for (const spaces of testSpaces()) {
  for (const { name, found, goesOnAt } of CASES) {
    t.test(`${spaces.name}: ${name}`, async (t) => {
      const open = (): { memory: SharedMemory; journal: UndoJournal } => {
        const space = spaces.create();
        space.open(FRAME, PLAN.guest.pages, Rights.Store);
        space.open(TABLES_FRAME, 1, Rights.Store);
        const memory = new SharedMemory(space);
        const journal = new UndoJournal(memory.words, JOURNAL);
        journal.recover();
        memory.keep(journal, FRAME, 1);
        return { memory, journal };
      };
      const { memory, journal } = open();
      memory.commit();
      memory.write32(SUSPENSIONS, BEFORE);
      memory.write32(KEPT, 0);
      memory.commit();
      if (found.did === 'promised the hypercall') promiseHypercall({ memory, journal });
      if (found.did === 'promised the acknowledgement') journal.promise(0);
      // Killed in the middle of its stores, too.
      memory.write32(KEPT, 1);
      memory.write32(SUSPENSIONS, found.suspensions);

      const next = open();
      let at = found.at;
      const goOn = (step = ''): void => {
        at = step;
      };
      const finishes = (): void =>
        finish({
          guest: {
            manageTask: { at: (step) => step === at, start: goOn },
            goOnAcknowledged: () => goOn('freeze_tasks'),
          },
          domain: { running: found.running },
          memory: next.memory,
          store: { read: (path) => (path === 'control/shutdown' ? found.shutdown : null) },
          journal: next.journal,
        });
      t.equal(next.memory.read32(KEPT), 0, 'its step was taken back');
      finishes();
      t.equal(at, goesOnAt);
      finishes();
      t.equal(at, goesOnAt, 'once');
      next.memory.commit();
      t.equal(open().journal.promised, null, 'nobody hears of it again');
    });
  }

  t.test(`${spaces.name}: a promise outlives a successor that is killed before it could act on it`, async (t) => {
    const open = (): UndoJournal => {
      const space = spaces.create();
      space.open(FRAME, PLAN.guest.pages, Rights.Store);
      const journal = new UndoJournal(new SharedMemory(space).words, JOURNAL);
      journal.recover();
      return journal;
    };
    open().promise(7);
    open();
    const journal = open();
    t.equal(journal.promised, 7);
    journal.withdraw();
    t.equal(journal.promised, null);
    t.equal(open().promised, null);
  });
}
