/**
 * The races between a block script, a backend and everybody else who uses the host's devices, one scenario for each row
 * of the race table, and variants where a row speaks of more than one situation (a letter after the number).
 *
 * What each design must show stands in `device-identity-expected.ts`.
 */
import type { Other, ScriptRules } from '../simulator/block-identity/setting.js';
import { type IdentityScenario, scenario } from './identity-scenario.js';

/** Volume A is removed, and its number used for another one. */
const RECYCLE: readonly Other[] = [
  { action: 'remove', when: 'any' },
  { action: 'create', when: 'any' },
];
const RECYCLE_AFTER_KILL: readonly Other[] = [
  { action: 'remove', when: 'killed' },
  { action: 'create', when: 'killed' },
];
/** The file of loop0 is detached, and another one attached. */
const REATTACH: readonly Other[] = [
  { action: 'detach', when: 'written' },
  { action: 'attach', when: 'written' },
];
const MALFORMED_NUMBER = 'The script writes physical-device as';
const MALFORMED_SEQUENCE = 'The script writes the diskseq as';
const badSequence = (
  letter: string,
  label: string,
  what: string,
  sequence: ScriptRules['sequence'],
): IdentityScenario => scenario(`18${letter}`, label, `${MALFORMED_SEQUENCE} ${what}.`, { script: { sequence } });

export const IDENTITY_SCENARIOS: readonly IdentityScenario[] = [
  scenario(
    '01',
    'recycled before the open',
    'The volume is removed and its number used again before the backend opens.',
    {
      others: RECYCLE,
    },
  ),
  scenario(
    '02',
    'script killed, recycled',
    'The script is killed after it has written the nodes; then the number is used again.',
    { hotAdd: true, scriptKill: 'written', others: RECYCLE_AFTER_KILL },
  ),
  scenario('03', 'killed before writing', 'The script is killed before it has written any node.', {
    source: 'file',
    scriptKill: 'unwritten',
  }),
  scenario(
    '04',
    'killed between two nodes',
    'The script writes physical-device before the identity and is killed in between; the number is used again.',
    {
      hotAdd: true,
      scriptKill: 'number-only',
      script: { alwaysIdentity: true, order: 'number-first' },
      others: RECYCLE_AFTER_KILL,
    },
  ),
  scenario(
    '04b',
    'identity first, killed',
    'As 04, but the identity is written first: a script that is killed in between leaves nothing to open.',
    {
      hotAdd: true,
      scriptKill: 'identity-only',
      script: { alwaysIdentity: true, order: 'identity-first' },
      others: RECYCLE_AFTER_KILL,
    },
  ),
  scenario(
    '05',
    'stale identity',
    'A script is killed after the identity; then a script that knows no identity attaches another volume on the same nodes.',
    {
      plan: 'again',
      secondIsOld: true,
      scriptKill: 'identity-only',
      script: { alwaysIdentity: true, order: 'identity-first' },
    },
  ),
  scenario('06', 'read before attach', 'The diskseq of the loop device is read before the file is attached.', {
    source: 'file',
    script: { readsTooEarly: true },
  }),
  scenario(
    '07',
    'loop attached anew',
    'The loop device is detached, and another file attached, after the nodes were written and before the backend opens.',
    { source: 'file', others: REATTACH },
  ),
  scenario('07b', 'the same, no renumbering', 'As 07, on a kernel that gives no new diskseq to either.', {
    source: 'file',
    others: REATTACH,
    kernel: { renumberOnAttach: false, renumberOnDetach: false },
  }),
  scenario(
    '07c',
    'the same, attach alone',
    'As 07, on a kernel that gives a new diskseq when a file is attached only.',
    {
      source: 'file',
      others: REATTACH,
      kernel: { renumberOnDetach: false },
    },
  ),
  scenario(
    '07d',
    'the same, detach alone',
    'As 07, on a kernel that gives a new diskseq when a file is detached only.',
    {
      source: 'file',
      others: REATTACH,
      kernel: { renumberOnAttach: false },
    },
  ),
  scenario(
    '07e',
    'detached, attached later',
    'As 07c, but the other file is attached after the backend has opened the empty loop device.',
    {
      source: 'file',
      others: [
        { action: 'detach', when: 'written' },
        { action: 'attach-first', when: 'opened' },
      ],
      kernel: { renumberOnDetach: false },
    },
  ),
  scenario(
    '08',
    'file replaced when open',
    'The file behind the loop device is replaced after the backend has opened it.',
    {
      source: 'file',
      others: [{ action: 'change-medium', when: 'opened' }],
    },
  ),
  scenario(
    '09',
    'delete-on-close',
    'The loop device is deleted at its last close, the script ends before the backend opens, and the number is used again.',
    { source: 'file', deletesOnClose: true, others: [{ action: 'attach', when: 'written' }] },
  ),
  scenario('10', 'backend too slow', 'The backend needs 60 s to open, longer than a script may run.', {
    source: 'file',
    slowOpen: 60_000,
  }),
  scenario(
    '11',
    'opened as the script dies',
    'The script is killed as its 40 s are over, just when the backend has opened the device.',
    { hotAdd: true, scriptKill: 'written' },
  ),
  scenario('12', 'event of registration', 'The watch fires when it is registered, and there is no node yet.', {
    probes: true,
  }),
  scenario('13', 'second write, other number', 'Another number is written after the backend has opened the first.', {
    others: [{ action: 'write-number', when: 'opened' }],
  }),
  scenario('14', 'second write, other diskseq', 'The same number is written again, with another diskseq.', {
    others: [{ action: 'write-sequence', when: 'opened' }],
  }),
  scenario(
    '15',
    'first open fails',
    'The number of no device is there when the backend opens; then the script writes the nodes.',
    {
      hotAdd: true,
      script: { overwrites: true },
      others: [{ action: 'write-absent', when: 'unwritten' }],
    },
  ),
  scenario('16', 'write of 0:0', 'Somebody writes 0:0 before the script writes the number.', {
    hotAdd: true,
    script: { overwrites: true },
    others: [{ action: 'write-zero', when: 'unwritten' }],
  }),
  scenario('17', 'decimal number', `${MALFORMED_NUMBER} decimal (253:0), which is another device in hexadecimal.`, {
    script: { number: 'decimal' },
  }),
  scenario('17b', 'junk after the number', `${MALFORMED_NUMBER} fd:0xyz.`, { script: { number: 'junk' } }),
  scenario('17c', 'one number', `${MALFORMED_NUMBER} a single number.`, { script: { number: 'one' } }),
  scenario('17d', 'empty physical-device', `${MALFORMED_NUMBER} an empty value.`, { script: { number: 'empty' } }),
  badSequence('', 'empty diskseq', 'an empty value', 'empty'),
  badSequence('b', 'diskseq of 17 digits', '17 digits', 'long'),
  badSequence('c', 'diskseq with a leading 0', '0a', 'leading-zero'),
  badSequence('d', 'diskseq 0', '0', 'zero'),
  badSequence('e', 'diskseq g', 'g', 'letter'),
  badSequence('f', 'diskseq in upper case', 'A in upper case', 'upper'),
  scenario(
    '19',
    'number and mode changed',
    'The toolstack changes number and mode at once, from volume A for reading to volume B for writing.',
    { mode: 'r', others: [{ action: 'write-other-and-mode', when: 'written' }] },
  ),
  scenario('19b', 'mode missing', 'The node mode is missing when the backend reads it.', {
    others: [{ action: 'remove-mode', when: 'any' }],
  }),
  scenario('20', 'script called twice', 'Toolstack and udev both run the script.', { source: 'file', plan: 'twice' }),
  scenario(
    '21',
    'race for a loop device',
    'Somebody else attaches a file to the free loop device that the script has found.',
    { source: 'file', script: { oneCall: false }, others: [{ action: 'attach', when: 'unwritten' }] },
  ),
  scenario(
    '21b',
    'found and attached at once',
    'As 21, but the script finds and configures a loop device in one call.',
    {
      source: 'file',
      others: [{ action: 'attach', when: 'unwritten' }],
    },
  ),
  scenario(
    '22',
    'sharing check without lock',
    'Two guests are given the same volume, and their scripts hold no lock.',
    {
      twoGuests: true,
      script: { lock: false },
    },
  ),
  scenario('22b', 'sharing check with lock', 'Two guests are given the same volume, and their scripts hold a lock.', {
    twoGuests: true,
  }),
  scenario(
    '23',
    'recycled number looks shared',
    'The directory of a device that is long gone has the number that volume A has now.',
    { staleDirectory: true },
  ),
  scenario('23b', 'sharing by identity', 'As 23, but the sharing check compares identities too.', {
    staleDirectory: true,
    script: { sharing: 'identity' },
  }),
  scenario(
    '24',
    'recycled loop removed',
    'The device is removed; before the script detaches the loop device, somebody else has attached his file to it.',
    {
      source: 'file',
      plan: 'remove',
      deletesOnClose: false,
      others: [
        { action: 'detach', when: 'removing' },
        { action: 'attach', when: 'removing' },
      ],
    },
  ),
  scenario('25', 'removal while open', 'The script detaches the loop device while the backend still holds it.', {
    source: 'file',
    plan: 'remove',
    deletesOnClose: false,
    slowClose: 20_000,
  }),
  scenario(
    '26',
    'deferred detach',
    'As 24 on Linux 6.11, where a detach waits for the last close, and somebody attaches his file to the same device.',
    {
      source: 'file',
      plan: 'remove',
      deletesOnClose: false,
      kernel: { clear: 'deferred' },
      others: [{ action: 'attach-first', when: 'removing' }],
    },
  ),
  scenario('27', 'removal without nodes', 'The nodes are gone when the script is to remove the device.', {
    source: 'file',
    plan: 'remove',
    forgetsFirst: true,
  }),
  scenario('28', 'toolstack killed', 'The toolstack is killed while it adds the device.', {
    source: 'file',
    toolstackKill: true,
  }),
  scenario(
    '29',
    'script verifies, hot-add',
    'The guest runs already, and the script looks after the open whether the backend has the right device.',
    { hotAdd: true, script: { verifies: true }, others: RECYCLE },
  ),
  scenario('29b', 'script verifies, before start', 'As 29, but the guest starts only when the script has looked.', {
    script: { verifies: true },
    others: RECYCLE,
  }),
  scenario(
    '30',
    'backend restart',
    'The backend dies and comes back; meanwhile somebody attaches a file to the first free loop device.',
    { source: 'file', backendKill: true, others: [{ action: 'attach', when: 'crashed' }] },
  ),
  scenario('30b', 'restart, loop detached', 'As 30, and somebody detaches the loop device as well.', {
    source: 'file',
    backendKill: true,
    others: [
      { action: 'detach', when: 'crashed' },
      { action: 'attach', when: 'crashed' },
    ],
  }),
  scenario(
    '31',
    'guest reboot, delete-on-close',
    'The guest reboots, with a delete-on-close volume that the script has not made.',
    { plan: 'reboot-guest', deletesOnClose: true },
  ),
  scenario(
    '32',
    'migration',
    'The guest moves to a host with other numbers; the script of that host writes the nodes.',
    {
      plan: 'migrate',
    },
  ),
  scenario(
    '32b',
    'migration, copied nodes',
    'The guest moves to a host with other numbers, and its nodes are copied.',
    {
      plan: 'migrate-copied',
    },
  ),
  scenario('33', 'cancelled suspend', 'The guest is suspended, and goes on where it is.', { plan: 'cancel' }),
  scenario('33b', 'resume', 'The guest resumes on the same host, and the backend opens its device again.', {
    plan: 'resume',
  }),
  scenario('33c', 'resume, recycled', 'As 33b; while the device is closed its number is used again.', {
    plan: 'resume',
    others: RECYCLE.map(({ action }) => ({ action, when: 'resumed' })),
  }),
  scenario('34', 'host reboot, old nodes', 'The host reboots, the nodes are kept, and volumes are made in any order.', {
    plan: 'reboot-host',
    hotAdd: true,
  }),
  scenario('34b', 'host reboot, boot id', 'As 34, with a boot id in the identity.', {
    plan: 'reboot-host',
    hotAdd: true,
    bootId: true,
  }),
  scenario('35', 'partition, disk recycled', 'The disk of the partition is removed, and its number used again.', {
    source: 'partition',
    others: RECYCLE,
  }),
  scenario('36', 'another table', 'Another table is loaded into the volume: same name, number and diskseq.', {
    others: [{ action: 'swap', when: 'any' }],
  }),
  scenario('37', 'number used hours later', 'Somebody notes number and diskseq, and writes them much later.', {
    plan: 'kept',
    others: RECYCLE,
  }),
  scenario('38', 'hostile storage', 'The storage domain swaps the contents at any time.', {
    others: [{ action: 'swap', when: 'opened' }],
  }),
  scenario('39', 'udev without toolstack', 'In a driver domain udev runs the script, and nobody limits its time.', {
    plan: 'udev',
    others: RECYCLE,
  }),
  scenario('40', 'change of medium', 'The medium of a removable drive is changed after the check.', {
    source: 'removable',
    others: [{ action: 'change-medium', when: 'opened' }],
  }),
];
