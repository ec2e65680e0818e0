/**
 * What was seen on Xen 4.17.7 with Linux 6.1.192, with the recordings that show it: O1 to O26. `quiesce conform` follows
 * those recordings through the simulator.
 */
import { type Hazard, notReproduced, tested } from './hazard.js';

const TRACE = 'recorded on Xen 4.17.7 with Linux 6.1.192';
const BLOCK = 'block devices are ignored where a recording is followed';
const TIME = 'times are ignored where a recording is followed: between two lines any time may pass';

export const OBSERVED: readonly Hazard[] = [
  {
    name: 'O1',
    title: 'A command whose user blocks is never in flight at the snapshot: freezing tasks waits for it.',
    source: TRACE,
    known: tested(
      'conformance/suspend',
      'a user that blocks is waited for: its command is answered before any device is suspended',
    ),
    recordings: ['checkpoint-inflight', 'failsave-inflight', 'saverestore-inflight'],
  },
  {
    name: 'O2',
    title: 'A user in poll() is waited for as well; one that sleeps lets the snapshot fall inside a command.',
    source: TRACE,
    known: tested('conformance/loss', 'simulated: a user that blocks loses no command over a restore either'),
    recordings: ['async-poll-checkpoint-inflight', 'async-poll-failsave-inflight', 'async-sleep-checkpoint-inflight'],
  },
  {
    name: 'O3',
    title: 'After 20 s the guest gives the suspend up, although it has acknowledged it.',
    source: TRACE,
    known: tested(
      'conformance/limits',
      'a user that blocks longer than 20 s ends the suspend after the acknowledgement, and nobody is told',
    ),
    recordings: ['pvh-migrate-vtpm-stopped'],
  },
  {
    name: 'O4',
    title: 'Cancelled with a command in flight: the old page goes on, nothing is lost or repeated.',
    source: TRACE,
    known: tested('conformance/loss', 'simulated: no schedule of ... loses a command'),
    recordings: ['async-sleep-checkpoint-inflight', 'async-sleep-failsave-inflight'],
  },
  {
    name: 'O5',
    title: 'Restored with a command in flight: the guest waits out the limit, and the command is lost.',
    source: TRACE,
    known: tested(
      'conformance/loss',
      'recorded: the command in flight at the snapshot ends with ETIME after its limit, and is not answered',
    ),
    recordings: ['async-sleep-saverestore-inflight'],
  },
  {
    name: 'O5a',
    title: 'The vTPM finishes while the guest is suspended: a cancel finds the answer, a restore does not.',
    source: TRACE,
    known: tested(
      'conformance/suspend',
      'an answer given while the guest is suspended reaches its user after the cancel',
    ),
    recordings: ['late-answer-checkpoint'],
  },
  {
    name: 'O6',
    title: 'After each restore the chip has a new number while somebody holds the old one open; writes there fail.',
    source: TRACE,
    known: notReproduced('names and handles of a guest’s chip are not simulated'),
    recordings: ['restore-silent-backend'],
  },
  {
    name: 'O7',
    title: 'A restore makes four commands before any task runs; a backend that is silent then freezes the guest.',
    source: TRACE,
    known: tested(
      'conformance/connect',
      'three commands of the probe are answered between state 3 and the watch, a fourth beside it',
    ),
    recordings: ['restore-silent-backend', 'create', 'pvh-create'],
  },
  {
    name: 'O8',
    title: 'State 3 and the first command at once; state 4 and the watch on the backend only after the probe.',
    source: TRACE,
    known: tested('conformance/connect', 'the backend finds the first command in the page when it maps it'),
    recordings: ['create', 'async-sleep-create', 'pvh-create'],
  },
  {
    name: 'O9',
    title: 'The limit of a command is reached: CANCEL, ETIME, and the backend has executed it all the same.',
    source: TRACE,
    known: tested(
      'hazards/hazard-26-cancel-meets-finish',
      "today's Linux gives up in the same race however it ends, and the command is executed all the same",
    ),
    recordings: ['checkpoint-inflight-duration-cancel'],
  },
  {
    name: 'O10',
    title: 'A backend killed inside a command maps the same page again and fetches the same command again.',
    source: TRACE,
    known: tested('conformance/backend-restart', 'it maps the old page, finds the command there and fetches it again'),
    recordings: ['backend-killed-inflight'],
  },
  {
    name: 'O11',
    title: 'The thread of the watches runs the suspend: no watch is handled until the last device has resumed.',
    source: TRACE,
    known: tested('conformance/suspend', "the guest's kernel goes through a cancelled suspend in the recorded order"),
    recordings: ['checkpoint-idle', 'saverestore-idle'],
  },
  {
    name: 'O12',
    title: 'Watches are registered again newest first, those on the old backend too, and fire at once.',
    source: TRACE,
    known: tested(
      'conformance/save-restore',
      'watches are registered again newest first, and the one on the old backend is dropped',
    ),
    recordings: ['saverestore-idle', 'saverestore-inflight', 'async-sleep-saverestore-inflight'],
  },
  {
    name: 'O13',
    title: 'Cancel and checkpoint touch no node of a device.',
    source: TRACE,
    known: tested(
      'conformance/suspend',
      'a checkpoint or a cancelled save touches no node but control/shutdown, as recorded',
    ),
    recordings: ['checkpoint-idle', 'failsave-idle', 'pvh-checkpoint-idle', 'pipe-migrate-receiver-dies'],
  },
  {
    name: 'O14',
    title: 'Ring reference and port after a restore are usually those from before.',
    source: TRACE,
    known: tested('conformance/save-restore', 'the new ring has the numbers of the old one'),
    recordings: ['async-sleep-saverestore-inflight'],
  },
  {
    name: 'O15',
    title: 'Pause and unpause leave no trace in the store.',
    source: TRACE,
    known: tested('conformance/recordings', 'all 39 recordings are allowed but for those listed, at the line listed'),
    recordings: ['pause-unpause'],
  },
  {
    name: 'O16',
    title: 'The node of the suspend event channel stays empty: the control node is used.',
    source: TRACE,
    known: notReproduced('the simulated toolstack knows the control node only; the other is made, and never looked at'),
    recordings: ['create', 'pvh-create'],
  },
  {
    name: 'O17',
    title: 'A save removes the devices only after the memory is written: an answer may come into a saved page.',
    source: TRACE,
    known: tested(
      'conformance/loss',
      'simulated: exploring ... finds a command that was executed and answered with ETIME',
    ),
    recordings: ['saverestore-idle'],
  },
  {
    name: 'O18',
    title: 'libxl makes all directories of a device in one transaction, front first, and waits for state 2.',
    source: TRACE,
    known: tested('conformance/connect', 'a domain is made and the two ends connect as recorded, node by node'),
    recordings: ['create', 'hotplug-script-hangs'],
  },
  {
    name: 'O19',
    title: 'blkback detached for 8 s and attached again under a running frontend: the write is completed late.',
    source: TRACE,
    known: notReproduced(BLOCK),
    recordings: ['blkback-unbind'],
  },
  {
    name: 'O20',
    title: 'PV live migration is refused before any request; a dead reader of a saved stream is a cancelled suspend.',
    source: TRACE,
    known: tested('conformance/recordings', 'all 39 recordings are allowed but for those listed, at the line listed'),
    recordings: ['migrate-live-refused', 'pipe-migrate-receiver-dies'],
  },
  {
    name: 'O21',
    title: "Live migration makes the target's device while the source's is connected: one vTPM has two devices.",
    source: TRACE,
    known: tested(
      'conformance/migrate',
      "the target's device is made while the source's is connected, which goes only after the target runs",
    ),
    recordings: ['pvh-migrate-idle', 'pvh-migrate-inflight'],
  },
  {
    name: 'O22',
    title: 'The receiver is killed after the suspend: the source is resumed in place, a half-made domain stays.',
    source: TRACE,
    known: notReproduced('introducing the target and making its device are one step of the simulated toolstack'),
    recordings: ['pvh-migrate-receiver-dies', 'pvh-migrate-name-taken'],
  },
  {
    name: 'O23',
    title: 'A guest that acknowledges and does not suspend within 60 s is not resumed by xl migrate.',
    source: TRACE,
    known: tested(
      'hazards/hazard-10-late-suspend',
      'hazard 10: a guest that suspends after the toolstack has given up stays suspended',
    ),
    recordings: ['pvh-migrate-vtpm-stopped'],
  },
  {
    name: 'O24',
    title: 'A guest that powers off closes its devices one after the other, and then dies.',
    source: TRACE,
    known: notReproduced('no simulated guest powers off'),
    recordings: ['shutdown'],
  },
  {
    name: 'O25',
    title: 'A guest that panics writes nothing: its ring stays mapped until the toolstack destroys it.',
    source: TRACE,
    known: tested('conformance/recordings', 'all 39 recordings are allowed but for those listed, at the line listed'),
    recordings: ['crash', 'destroy'],
  },
  {
    name: 'O26',
    title: 'CLOCK_MONOTONIC of a guest does not count the time of a suspend; CLOCK_BOOTTIME does.',
    source: TRACE,
    known: notReproduced(TIME),
    recordings: ['saverestore-idle'],
  },
];
