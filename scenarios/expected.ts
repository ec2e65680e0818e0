/**
 * What each design must show in each situation of the verdict table, and why.
 *
 * An entry names the oracle that fails first on a shortest schedule; without one the design holds.
 */
import type { OracleName } from '../simulator/world-state.js';

export interface Expectation {
  readonly oracle: OracleName | null;
  readonly why: string;
  /** Another oracle that may be the first to fail, where the argument leaves that to the commands of the session. */
  readonly or?: OracleName;
}

/** Whether the oracle that failed, or null for none, is what was expected. */
export function isExpected(expectation: Expectation, oracle: OracleName | null): boolean {
  return oracle === expectation.oracle || (oracle !== null && oracle === expectation.or);
}

const HOLDS = (why: string): Expectation => ({ oracle: null, why });
const FAILS = (oracle: OracleName, why: string): Expectation => ({ oracle, why });

const NEVER_WOKEN = FAILS(
  'no-hang',
  'suspend has taken the lock of every sender and written Closing; only a backend seen Connected ' +
    'releases it, and after a cancel nobody reconnects',
);
const UNTOUCHED = HOLDS(
  'nothing is done at suspend and nothing at a cancel: page, channel and backend are as they were',
);
const ANSWER_LEFT_BEHIND = FAILS(
  'in-step',
  'the vTPM answers the command in flight after the memory was copied: the saved device has executed ' +
    'a command whose answer is nowhere in the snapshot',
);
const EXECUTED_TWICE = FAILS(
  'exactly-once',
  'the new backend finds SUBMIT in the page and cannot know that its predecessor had the command ' +
    'executed: it is executed again',
);
const WAITED_FOR = HOLDS('the suspend waits for the response, so no command is in flight when anything is saved');
const REOPENED = HOLDS('the suspend waits for the response, and suspendCancelled takes commands again');
const IN_THE_PAGE = HOLDS(
  'the vTPM is drained before the memory is copied, so the response lies in the page that is copied',
);
const NUMBERED = HOLDS(
  'number and response are kept with the state of the vTPM: whatever was saved when, the numbers tell ' +
    'what became of the command',
);

type Row = { readonly [scenario: string]: Expectation };

export const EXPECTED: { readonly [tpmfront: string]: Row } = {
  'wait-loop': {
    'clean-migration': {
      oracle: 'exactly-once',
      or: 'right-answer',
      why:
        'binding the new channel raises an event; taken between fill and notify of the first command it ' +
        'makes the notification a second order. What then lies in the page, an answer or the beginning of ' +
        'the next command, is executed though nobody issued it; where that changes nothing, its answer ' +
        'still meets the next command',
    },
    'cancelled-suspend': NEVER_WOKEN,
    'save-fails': NEVER_WOKEN,
    'restore-fails': NEVER_WOKEN,
    'toolstack-dies': NEVER_WOKEN,
    'slow-command': FAILS(
      'in-step',
      'after 301 s the driver gives the command up and suspends; the vTPM executes it all the same, ' +
        'and the answer is nowhere in the snapshot',
    ),
    'backend-restart': FAILS(
      'right-answer',
      'binding raises an event and the ring has no state: the new backend takes the half-written ' +
        'answer for a request and answers TPM_FAIL to a command that was executed',
    ),
    checkpoint: NEVER_WOKEN,
  },
  resend: {
    'clean-migration': ANSWER_LEFT_BEHIND,
    'cancelled-suspend': UNTOUCHED,
    'save-fails': UNTOUCHED,
    'restore-fails': UNTOUCHED,
    'toolstack-dies': ANSWER_LEFT_BEHIND,
    'slow-command': ANSWER_LEFT_BEHIND,
    'backend-restart': EXECUTED_TWICE,
    checkpoint: ANSWER_LEFT_BEHIND,
  },
  'no-hook': {
    'clean-migration': ANSWER_LEFT_BEHIND,
    'cancelled-suspend': UNTOUCHED,
    'save-fails': UNTOUCHED,
    'restore-fails': UNTOUCHED,
    'toolstack-dies': ANSWER_LEFT_BEHIND,
    'slow-command': ANSWER_LEFT_BEHIND,
    'backend-restart': EXECUTED_TWICE,
    checkpoint: ANSWER_LEFT_BEHIND,
  },
  linux: {
    'clean-migration': ANSWER_LEFT_BEHIND,
    'cancelled-suspend': UNTOUCHED,
    'save-fails': UNTOUCHED,
    'restore-fails': UNTOUCHED,
    'toolstack-dies': ANSWER_LEFT_BEHIND,
    'slow-command': FAILS(
      'right-answer',
      "the command's limit (750 ms for an extend, at most 300 s) is reached before the vTPM answers: " +
        'CANCEL and ETIME, and it is executed all the same',
    ),
    'backend-restart': EXECUTED_TWICE,
    checkpoint: ANSWER_LEFT_BEHIND,
  },
  quiesce: {
    'clean-migration': WAITED_FOR,
    'cancelled-suspend': REOPENED,
    'save-fails': REOPENED,
    'restore-fails': REOPENED,
    'toolstack-dies': REOPENED,
    'slow-command': FAILS(
      'no-hang',
      'the guest acknowledges and then waits longer than the 60 s of the toolstack, which gives up ' +
        'and resumes nobody; the guest suspends later and stays so',
    ),
    'backend-restart': EXECUTED_TWICE,
    checkpoint: REOPENED,
  },
  'ring-handoff': {
    'clean-migration': IN_THE_PAGE,
    'cancelled-suspend': UNTOUCHED,
    'save-fails': IN_THE_PAGE,
    'restore-fails': IN_THE_PAGE,
    'toolstack-dies': IN_THE_PAGE,
    'slow-command': HOLDS(
      'the guest suspends at once, and the drained vTPM finishes the command before the memory is copied',
    ),
    'backend-restart': EXECUTED_TWICE,
    checkpoint: IN_THE_PAGE,
  },
  sequenced: {
    'clean-migration': NUMBERED,
    'cancelled-suspend': NUMBERED,
    'save-fails': NUMBERED,
    'restore-fails': NUMBERED,
    'toolstack-dies': NUMBERED,
    'slow-command': NUMBERED,
    'backend-restart': NUMBERED,
    checkpoint: NUMBERED,
  },
};
