/** Faults seeded into tpmback, the TPM it serves, and the toolstack. */
import { foundBy, type Mutant, mutant, survives } from './mutant.js';

const BACK = 'backend/tpmback/v2.ts';
const DEVICE = 'backend/tpm/device.ts';
const TOOLSTACK = 'simulator/toolstack.ts';

export const BACKEND_MUTANTS: readonly Mutant[] = [
  mutant(
    'back-forgets-to-notify-at-connect',
    'a new process that finds FINISH does not notify',
    [BACK, 'if (this.#ring().state === TpmifState.Finish) this.notify();', ''],
    foundBy(
      'sequenced backend-restart',
      'no-hang',
      'its predecessor died between FINISH and the notification: nobody ever sends it',
    ),
  ),
  mutant(
    'back-finishes-first',
    'FINISH is stored before the response',
    [
      BACK,
      'const length = device.state.response_length;\n',
      'const length = device.state.response_length;\n    page.state = TpmifState.Finish;\n',
    ],
    foundBy(
      'sequenced backend-restart',
      ['no-hang', 'right-answer'],
      'killed in between, it leaves FINISH over half a response: the next process notifies, and the frontend takes that ' +
        'response, or waits for ever where its number is missing',
    ),
  ),
  mutant(
    'back-ignores-numbers',
    'a request is executed whatever its number is',
    [BACK, 'if (state.sequenced) {\n      const executed', 'if (state.ordinal < 0) {\n      const executed'],
    foundBy(
      'sequenced backend-restart',
      'exactly-once',
      'the new process finds a request that was executed and not answered, and has it executed again',
    ),
  ),
  mutant(
    'back-keeps-no-answer',
    'a number that was executed is refused, as any other but the next one',
    [BACK, "if (sequence === executed) return 'respond';\n", ''],
    foundBy(
      'sequenced backend-restart',
      'right-answer',
      'the new process finds a request that was executed and not answered, and answers TPM_RC_FAILURE',
    ),
  ),
  mutant(
    'back-tells-the-number-too-early',
    'sequence-executed is written while a command executes',
    [
      BACK,
      'when: (back) => !back.state.sequenced || !back.services.device.busy,\n    run: (back) => back.tellSequence()',
      'run: (back) => back.tellSequence()',
    ],
    survives(
      null,
      'the frontend hears the number before its own and sends the command again, and when the backend fetches it, which ' +
        'waits for the device, the number decides: it is answered from what is kept. Waiting twice is one wait too many',
    ),
  ),
  {
    name: 'back-saves-the-number-later',
    what: 'the number is stored when the response is copied out, and not with the effect of the command',
    edits: [
      { file: DEVICE, old: 'state.executed_sequence = state.sequence;\n', new: '' },
      {
        file: BACK,
        old: 'const length = device.state.response_length;\n',
        new: 'const length = device.state.response_length;\n    device.state.executed_sequence = device.state.sequence;\n',
      },
    ],
    found: foundBy(
      'sequenced backend-restart',
      'exactly-once',
      'a process that dies between the two leaves an effect without its number, and the next one has it executed again',
    ),
  },
  mutant(
    'back-leaves-the-length',
    "the response goes out under the request's length",
    [
      BACK,
      'page.length = length;\n    if (state.sequenced) this.#ringTrailer().response_sequence = device',
      'if (state.sequenced) this.#ringTrailer().response_sequence = device',
    ],
    foundBy('quiesce connect', 'right-answer', 'the user gets more or fewer bytes than the vTPM has given'),
  ),
  mutant(
    'back-keeps-the-page',
    'the ring page stays mapped after the device is closed',
    [BACK, 'if (state.handle !== 0) services.host.grants.unmap(state.handle);\n', ''],
    foundBy('quiesce clean-migration', 'no-leak', 'a page of a domain that has ended is mapped at the end'),
  ),
  mutant(
    'back-keeps-the-channel',
    'the event channel stays bound after the device is closed',
    [BACK, 'if (state.port !== 0) services.host.events.close(services.domain, state.port);\n', ''],
    foundBy('quiesce clean-migration', 'no-leak', 'a port to a domain that has ended is open at the end'),
  ),
  mutant(
    'back-does-not-look-at-the-frontend',
    'the state of the frontend is not watched',
    [
      BACK,
      "directory.write(DeviceNode.FeatureProtocolV2, '1');\n    directory.watchFrontend();",
      "directory.write(DeviceNode.FeatureProtocolV2, '1');",
    ],
    foundBy('quiesce connect', 'no-hang', 'the frontend offers its ring, and the backend never looks'),
  ),
  mutant(
    'back-never-closes',
    'a frontend that is gone is not answered with Closed',
    [
      BACK,
      'this.#disconnect();\n      this.#switchState(XenbusState.Closed);\n      if (closing)',
      'this.#disconnect();\n      if (closing)',
    ],
    foundBy('quiesce clean-migration', 'no-hang', 'the toolstack waits for state 6 before it removes the source'),
  ),
  mutant(
    'back-fetches-without-looking',
    'the state byte is not looked at again before the request is fetched',
    [BACK, 'if (page.state !== TpmifState.Submit) return DONE;\n', ''],
    survives(
      null,
      'the task is started by whoever has just seen SUBMIT, and only the frontend could take that back, by CANCEL, which ' +
        'neither design here sends',
    ),
  ),
  mutant(
    'back-reads-the-length-twice',
    'the length is checked as it is in the page, and used as it was',
    [BACK, 'if (!checkLength(length, 0,', 'if (!checkLength(page.length, 0,'],
    foundBy('quiesce connect sanitized', 'stray-memory', 'a double fetch, which the detector sees in any schedule'),
  ),
  mutant(
    'device-leaves-its-record-behind',
    'the first page of the state, with number and count, is not in the blob',
    [
      DEVICE,
      'for (let page = 0; page < this.pages; page++)\n      this.#memory.copyPage(this.#place.address / PAGE_SIZE + page, image',
      'for (let page = 1; page < this.pages; page++)\n      this.#memory.copyPage(this.#place.address / PAGE_SIZE + page, image',
    ],
    foundBy('quiesce clean-migration', 'in-step', 'the saved device has executed nothing, and the guest has answers'),
  ),
  mutant(
    'device-leaves-its-answer-behind',
    'the kept response is not loaded with the rest of the state',
    [
      DEVICE,
      'for (let page = 0; page < this.pages; page++)\n      this.#memory.copyPage(image + page',
      'for (let page = 0; page < this.pages; page += page === 1 ? 2 : 1)\n      this.#memory.copyPage(image + page',
    ],
    foundBy(
      'sequenced clean-migration',
      'right-answer',
      'a command that was executed and not answered when it was saved is answered on the target from an empty page',
    ),
  ),
  mutant(
    'toolstack-saves-a-busy-vtpm',
    'the state of the vTPM is asked for while it executes',
    [
      TOOLSTACK,
      'save_vtpm: { when: (toolstack) => !toolstack.source.device.busy, run: (toolstack) => toolstack.saveDevice() },',
      'save_vtpm: (toolstack) => toolstack.saveDevice(),',
    ],
    foundBy('sequenced clean-migration', 'driver-fault', 'a vTPM gives no state while it executes: DEVICE_BUSY'),
  ),
  mutant(
    'toolstack-does-not-wait-for-the-drain',
    'the memory is copied before the vTPM is drained',
    [
      TOOLSTACK,
      "await_drain: { when: (toolstack) => toolstack.drained(), run: () => 'save_memory' },",
      "await_drain: () => 'save_memory',",
    ],
    foundBy('ring-handoff clean-migration', 'in-step', 'the response comes into the page after the page was copied'),
  ),
  mutant(
    'toolstack-forgets-to-resume-the-store',
    'RESUME is not sent for a source that goes on',
    [TOOLSTACK, 'this.#store.resumeDomain(this.source.domid);\n', ''],
    survives(
      'conformance/suspend',
      'the daemon would not tell of the next suspend of that domain; nobody here watches @releaseDomain, and there is no ' +
        'second suspend. The requests are held against recordings',
    ),
  ),
];
