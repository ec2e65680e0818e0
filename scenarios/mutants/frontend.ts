/** Faults seeded into the frontends that hold, and into the guest's kernel. */
import { foundBy, type Mutant, mutant, survives } from './mutant.js';

const QUIESCE = 'frontend/tpmfront/quiesce.ts';
const SEQUENCED = 'frontend/tpmfront/sequenced.ts';
const V2 = 'frontend/tpmfront/v2.ts';
const GUEST = 'frontend/guest.ts';

export const FRONTEND_MUTANTS: readonly Mutant[] = [
  mutant(
    'quiesce-waits-for-nobody',
    'its suspend does not wait for the response that is missing',
    [QUIESCE, 'return super.suspended() && !this.state.busy;', 'return super.suspended();'],
    foundBy(
      'quiesce clean-migration',
      'in-step',
      'the vTPM answers after the memory was copied, so the saved device has executed a command whose answer is nowhere',
    ),
  ),
  mutant(
    'quiesce-does-not-hold',
    'its suspend goes on taking commands',
    [QUIESCE, 'this.state.held = true;', ''],
    survives(
      null,
      'Linux has frozen its users before it suspends a device, and a command that was under way is waited for: there is ' +
        'nobody left whose command would have to be held back',
    ),
  ),
  mutant(
    'quiesce-stays-shut-after-cancel',
    'suspendCancelled does not open the door again',
    [
      QUIESCE,
      'override suspendCancelled(): void {\n    this.state.held = false;',
      'override suspendCancelled(): void {',
    ],
    foundBy('quiesce cancelled-suspend', 'no-hang', 'no command is ever taken again, and its user waits'),
  ),
  mutant(
    'quiesce-stays-shut-after-resume',
    'the door stays shut after a reconnect',
    [
      QUIESCE,
      'protected override connected(): void {\n    this.state.held = false;',
      'protected override connected(): void {',
    ],
    foundBy('quiesce clean-migration', 'no-hang', 'no command is ever taken again, and its user waits'),
  ),
  mutant(
    'v2-suspends-in-its-handshake',
    'a suspend does not wait for the handshake',
    [V2, 'return !this.connectTask.running;', 'return true;'],
    foundBy(
      'quiesce from boot clean-migration',
      'no-hang',
      'saved in the middle, the handshake goes on in the new domain before its kernel has resumed: it offers a ring whose ' +
        'grant is then forgotten, the resume offers another, and the backend connects to one of the two',
    ),
  ),
  mutant(
    'v2-notifies-before-it-publishes',
    'the event is sent before SUBMIT is stored',
    [
      V2,
      'publish: (front) => front.publish(),\n    notify: (front) => front.notify(),',
      'notify: (front) => front.notify(),\n    publish: (front) => front.publish(),',
    ],
    foundBy(
      'quiesce cancelled-suspend',
      'no-hang',
      'the backend takes the event, finds no request, and never looks again',
    ),
  ),
  mutant(
    'v2-publishes-before-it-fills',
    'SUBMIT is stored before the packet',
    [
      V2,
      'fill: (front) => front.fill(),\n    publish: (front) => front.publish(),',
      'publish: (front) => front.publish(),\n    fill: (front) => front.fill(),',
    ],
    foundBy(
      'quiesce connect',
      ['exactly-once', 'right-answer'],
      "the event of the backend's binding makes it look, and it executes a packet that is not there yet; the command " +
        'itself is never executed, or the packet that comes late is taken for the answer',
    ),
  ),
  mutant(
    'v2-takes-any-event-for-its-own',
    'an event before the command is on the present ring is not ignored',
    [V2, 'if (!this.state.busy || !this.state.submitted) return;', 'if (!this.state.busy) return;'],
    foundBy(
      'sequenced clean-migration+spurious-events=1',
      'right-answer',
      'after a resume with a command in flight the new page is IDLE: an event nobody sent makes the driver give the ' +
        'command up, which then is sent all the same',
    ),
  ),
  mutant(
    'v2-connects-twice',
    'a backend seen Connected is connected to, whatever the connection is',
    [V2, 'if (state.connection !== Connection.Initialised) return;', ''],
    foundBy(
      'sequenced cancelled-suspend+watch-repeats=1',
      'right-answer',
      'sequence-executed is from the handshake: a driver that reads it again after a few commands refuses its own vTPM',
    ),
  ),
  mutant(
    'v2-offers-its-channel-to-itself',
    'the port is reserved for the wrong domain',
    [
      V2,
      'allocateUnbound(services.domain, state.backend_domid)',
      'allocateUnbound(services.domain, services.domain.domid)',
    ],
    foundBy('quiesce connect', 'no-hang', 'the backend cannot bind it, and nobody is ever connected'),
  ),
  mutant(
    'v2-never-writes-connected',
    'the frontend does not write state 4',
    [V2, 'this.switchState(XenbusState.Connected);', ''],
    survives(
      'conformance/connect',
      'the backend connects on state 3, and nobody here waits for 4. The order of states is held against recordings',
    ),
  ),
  mutant(
    'v2-takes-long-lengths',
    'the length of a packet may be that of the whole page',
    [
      'protocol/tpmif-v2.ts',
      'return length >= 0 && length <= payloadCapacity(extraPages, reserved);',
      'return length >= 0 && length <= PAGE_SIZE;',
    ],
    foundBy(
      'quiesce connect+hostile-stores=1',
      'stray-memory',
      'a packet of 4089 bytes that begins at byte 8 reaches into the next page, which is not mapped',
    ),
  ),
  mutant(
    'v2-refuses-the-longest-packet',
    'one byte less than fits is the most',
    [
      'protocol/tpmif-v2.ts',
      'return length >= 0 && length <= payloadCapacity(extraPages, reserved);',
      'return length >= 0 && length < payloadCapacity(extraPages, reserved);',
    ],
    survives('tpmif', 'no recorded command is 4088 bytes long, the most that fits'),
  ),
  mutant(
    'sequenced-refuses-what-was-not-executed',
    'the number before its own is not taken for its vTPM',
    [SEQUENCED, 'nextSequence(executed, sequenceBits) === state.sequence', 'executed === state.sequence'],
    foundBy(
      'sequenced clean-migration',
      'right-answer',
      'a command in flight that was not executed when it was saved is refused, and its user gets EIO',
    ),
  ),
  mutant(
    'sequenced-takes-any-device',
    'a vTPM is taken whatever number it has',
    [SEQUENCED, 'state.refused = !wasExecuted && !neverExecuted;', 'state.refused = false;'],
    foundBy(
      'sequenced told checkpoint+mixed-restores=1',
      'right-answer',
      'a guest of an old checkpoint gives its next command to a vTPM that is ahead. The backend looks at the number, too, ' +
        'so nothing is executed twice; but the answer is that of another command, and nobody is told',
    ),
  ),
  mutant(
    'sequenced-takes-any-answer',
    'the number of a response is not looked at',
    [
      SEQUENCED,
      'if (this.state.sequenced && this.#trailerOfRing().response_sequence !== this.state.sequence) return;',
      '',
    ],
    survives(
      'frontend/sequenced',
      'a frontend looks at a response only in FINISH, and SUBMIT of the next command has overwritten the FINISH of the ' +
        'last: only a backend that answers what was not asked could show it.',
    ),
  ),
  mutant(
    'sequenced-does-not-wait-without-numbers',
    'on a backend without the extension its suspend waits for nothing',
    [SEQUENCED, '(this.state.sequenced || !this.state.busy)', 'true'],
    foundBy('sequenced with v2 clean-migration', 'in-step', 'as a driver without a suspend hook'),
  ),
  mutant(
    'sequenced-sends-without-a-command',
    'after each handshake it sends the last command again, whether or not one is in flight',
    [SEQUENCED, 'if (!this.state.busy) return;\n', ''],
    foundBy(
      'sequenced connect',
      'no-hang',
      'number 0 is answered from what is kept; the FINISH of that answer may land on the SUBMIT of the first command, ' +
        'which then nobody sees',
    ),
  ),
  mutant(
    'sequenced-leaves-the-number-out',
    'the trailer of the request is not stored',
    [SEQUENCED, 'if (this.state.sequenced) this.#trailerOfRing().request_sequence = this.state.sequence;', ''],
    foundBy(
      'sequenced connect',
      'no-hang',
      'the backend answers number 0 from what is kept, and an answer under number 0 is not the one that is waited for',
    ),
  ),
  mutant(
    'kernel-forgets-its-watch',
    'the watch of control/shutdown is not registered again on resume',
    [
      GUEST,
      'OTHEREND_TOKEN);\n    store.watch(DomainNode.ControlShutdown, SHUTDOWN_TOKEN);\n  }\n\n  resumeDevices',
      'OTHEREND_TOKEN);\n  }\n\n  resumeDevices',
    ],
    foundBy(
      'quiesce clean-migration',
      'no-hang',
      'nobody would hear of the next suspend. There is no second one in these worlds: the oracle asks for the watch',
    ),
  ),
  mutant(
    'kernel-forgets-the-other-end',
    'the watch of the other end is not registered again on resume',
    [
      GUEST,
      'if (kernel.otherend_watched)\n      store.watch(otherendState(',
      'if (!kernel.otherend_watched)\n      store.watch(otherendState(',
    ],
    foundBy(
      'quiesce clean-migration',
      'driver-fault',
      "the driver's resume takes away a watch that is not there: ENOENT",
    ),
  ),
  mutant(
    'kernel-asks-too-early-to-suspend',
    'the hypercall does not wait for the devices',
    [
      GUEST,
      'xs_suspend: { when: (guest) => guest.front.suspended(), run: (guest) => guest.suspendStore() },\n  suspend:',
      'xs_suspend: (guest) => guest.suspendStore(),\n  suspend:',
    ],
    foundBy('quiesce clean-migration', 'in-step', 'the same as a driver that waits for nobody'),
  ),
];
