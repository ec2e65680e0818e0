/** Faults seeded into the store, and into the ring by which a guest reaches it. */
import { foundBy, type Mutant, mutant, survives } from './mutant.js';

const WATCHES = 'xenstore-sim/watch-requests.ts';
const DRAFT = 'xenstore-sim/draft.ts';
const COMMIT = 'xenstore-sim/c-commit.ts';
const NODES = 'xenstore-sim/c-nodes.ts';
const LIFECYCLE = 'xenstore-sim/lifecycle.ts';
const RING = 'frontend/xenstore-ring/driver.ts';

export const STORE_MUTANTS: readonly Mutant[] = [
  mutant(
    'watches-do-not-fire-at-once',
    'the registration of a watch raises no event',
    [WATCHES, 'draft.queue(caller, watch.event(path.text));\n', ''],
    foundBy('quiesce connect', 'no-hang', 'what has changed before the watch was registered is never looked at'),
  ),
  mutant(
    'watches-see-no-deeper',
    'a change is told only to watches of exactly that node',
    [DRAFT, 'at = reach === EXACT ? null : at.parent', 'at = null'],
    foundBy('watch c', 'no-hang', 'who watches a directory does not hear of the nodes in it'),
  ),
  mutant(
    'watches-outlive-their-client',
    'the watches of a connection that is closed stay',
    [LIFECYCLE, 'dropWatches(draft, store.connection(connection));\n', ''],
    foundBy(
      'sequenced backend-restart',
      'driver-fault',
      'the next change is told to nobody that is there, and the daemon breaks',
    ),
  ),
  mutant(
    'events-are-merged-by-token',
    'an event is dropped where another of that token waits',
    [
      'xenstore-sim/event-queue.ts',
      'return one.path === other.path && one.token === other.token;',
      'return one.token === other.token;',
    ],
    foundBy('watch c', 'no-hang', 'a client with one token for two nodes hears of one of them only'),
  ),
  mutant(
    'events-are-taken-all-at-once',
    'taking one event drops those behind it',
    [LIFECYCLE, 'pending: owner.pending.slice(count)', 'pending: owner.pending.slice(count + count + 4096)'],
    foundBy('watch c', 'no-hang', 'of two changes the watcher hears of the first only'),
  ),
  mutant(
    'commit-tells-nobody',
    'the end of a transaction raises no event',
    [COMMIT, 'if (reach === SILENT) return;', 'if (reach === SILENT || path.text.length > 0) return;'],
    foundBy(
      'quiesce clean-migration',
      'no-hang',
      'the device of the target is made in a transaction, and its backend, which has been waiting, never hears of it',
    ),
  ),
  mutant(
    'commit-sees-no-conflict',
    'a transaction is committed although what it has read was changed',
    [
      COMMIT,
      'if (transaction.doomed || (!finite && accessed.some(changed)))',
      'if (!finite && accessed.some(changed))',
    ],
    foundBy('counter c', 'exactly-once', 'two that have read the same counter both write it: one addition is lost'),
  ),
  mutant(
    'ocaml-commit-sees-no-conflict',
    'oxenstored takes every transaction for one that nobody has met',
    [
      'xenstore-sim/ocaml-commit.ts',
      'const alone = !transaction.changedOutside(ROOT, before);',
      'const alone = before !== null;',
    ],
    foundBy('counter ocaml', 'exactly-once', 'the same: its nodes are put over those of the other'),
  ),
  mutant(
    'nodes-inherit-nothing',
    'a node that is made has no entry but that of its owner',
    [
      NODES,
      'const permissions = caller.privileged ? ancestor.permissions : ancestor.permissions.ownedBy(caller.domid);',
      "const permissions = PermissionList.of([{ access: 'n', domid: caller.domid }], () => true);",
    ],
    foundBy('quiesce connect', 'driver-fault', 'the guest may not read the nodes that the backend has made: EACCES'),
  ),
  mutant(
    'nodes-belong-to-the-parents-owner',
    'what a guest makes is owned by the owner of the directory',
    [
      NODES,
      'const permissions = caller.privileged ? ancestor.permissions : ancestor.permissions.ownedBy(caller.domid);',
      'const permissions = ancestor.permissions;',
    ],
    survives(
      'xenstore-xsa',
      'every directory in which a guest makes nodes is its own; the test makes some in that of another domain (XSA-419)',
    ),
  ),
  mutant(
    'permissions-allow-all',
    'an entry for nobody allows everything',
    [
      'xenstore-sim/permissions.ts',
      'const BITS: { readonly [A in Access]: number } = { n: 0,',
      'const BITS: { readonly [A in Access]: number } = { n: EVERYTHING,',
    ],
    foundBy(
      'permissions c',
      'store-permissions',
      'a node that is closed is read, written and removed by another domain',
    ),
  ),
  mutant(
    'permissions-outlive-their-domain',
    'an entry for a domain that has ended still holds',
    ['xenstore-sim/permissions.ts', 'if (!stale && (domid', 'if ((domid'],
    foundBy(
      'domain number used again c',
      'store-permissions',
      'a new domain with the number of an old one reads what that one was let read',
    ),
  ),
  mutant(
    'events-are-told-to-all',
    'an event goes to everybody who watches, whether or not the node may be read',
    [DRAFT, 'const allowed = permitted(this.subject(connection));', 'const allowed = permitted !== null;'],
    foundBy('permissions c', 'store-permissions', 'a domain hears when a node changes that it may not read (XSA-115)'),
  ),
  mutant(
    'ring-is-one-byte-smaller',
    'a daemon that waits for room is told only of a buffer that was more than full',
    [RING, '>>> 0 >= place.shape.ringBytes;', '>>> 0 > place.shape.ringBytes;'],
    foundBy('read c', 'no-hang', 'the daemon waits for room in a full buffer, and nobody tells it that there is some'),
  ),
  mutant(
    'ring-forgets-its-watches',
    'watches are not registered again after a migration',
    [
      'frontend/xenstore-ring/suspend.ts',
      'if (!cancelled() && place.rules.registersWatches) {',
      'if (cancelled() && place.rules.registersWatches) {',
    ],
    foundBy(
      'watch and migrate c',
      ['no-hang', 'driver-fault'],
      'the new daemon knows of no watch, and the last change is never seen',
    ),
  ),
  mutant(
    'ring-goes-on-in-the-middle',
    'half a message that was written is not begun anew on the new ring',
    [RING, "for (const field of ['writing', 'written', 'write_chunk',", "for (const field of ['write_chunk',"],
    foundBy(
      'send again c',
      ['in-step', 'no-hang', 'right-answer'],
      'the new daemon gets the second half of a message without the first',
    ),
  ),
];
