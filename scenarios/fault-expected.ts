/**
 * What each design must show under the faults that the verdict table has no column for, and why. Derived from the
 * table's arguments (`expected.ts`) and from what the fault takes away, never from what an exploration printed.
 */
import type { FaultBudget } from '../simulator/world-options.js';
import type { OracleName } from '../simulator/world-state.js';
import { EXPECTED, type Expectation } from './expected.js';

export interface FaultExpectation {
  /** Name of the scenario, with its fault. */
  readonly scenario: string;
  readonly fault: keyof FaultBudget;
  /** The oracles that count; all when absent. */
  readonly oracles?: readonly OracleName[];
  /** How many commands its user issues; 2 when absent. */
  readonly commands?: number;
  readonly why: string;
  /** By tpmfront. */
  readonly verdicts: { readonly [tpmfront: string]: Expectation };
}

/** The verdicts of a column of the table. */
function asIn(scenario: string): FaultExpectation['verdicts'] {
  return Object.fromEntries(
    Object.entries(EXPECTED).map(([tpmfront, row]) => [tpmfront, row[scenario] as Expectation]),
  );
}

const holds = (why: string): Expectation => ({ oracle: null, why });
const fails = (oracle: OracleName, why: string): Expectation => ({ oracle, why });

const NOTHING_NEW =
  'a handler looks at the nodes and not at the event, so that an event more shows it nothing new, and one that is lost ' +
  'is made up for by the one that a registration raises';

const WAITS_FOR_AN_EVENT = fails(
  'no-hang',
  'the response comes while the guest is suspended, and only its event makes the driver look: it relies on the pending ' +
    'bits of a domain that is resumed in place',
);

const CONNECTS = holds(NOTHING_NEW);

const EITHER_END_STANDS = holds(
  'a length is read once and compared with the space there is, a state byte that means nothing is neither a request nor ' +
    'a response, a reference or port is looked up by the hypervisor, and numbers are only compared',
);

export const FAULT_EXPECTED: readonly FaultExpectation[] = [
  ...(['cancelled-suspend', 'clean-migration', 'checkpoint'] as const).flatMap((scenario): FaultExpectation[] => [
    {
      scenario: `${scenario}+store-restarts=1`,
      fault: 'storeRestarts',
      why: `as without it: ${NOTHING_NEW}`,
      verdicts: asIn(scenario),
    },
    {
      scenario: `${scenario}+watch-repeats=1`,
      fault: 'watchRepeats',
      why: `as without it: ${NOTHING_NEW}`,
      verdicts: asIn(scenario),
    },
  ]),
  {
    scenario: 'connect+store-restarts=1',
    fault: 'storeRestarts',
    why: 'the handshake is a matter of nodes, which are kept',
    verdicts: { quiesce: CONNECTS, 'ring-handoff': CONNECTS, sequenced: CONNECTS },
  },
  {
    scenario: 'connect+watch-repeats=1',
    fault: 'watchRepeats',
    why: 'the same',
    verdicts: { quiesce: CONNECTS, 'ring-handoff': CONNECTS, sequenced: CONNECTS },
  },
  {
    scenario: 'clean-migration+stream-cuts=1',
    fault: 'streamCuts',
    why:
      'a target that has not all of the stream never runs, and what it has is thrown away. To the source a cut is what ' +
      'the death of its toolstack at that moment is: somebody resumes it in place',
    verdicts: asIn('toolstack-dies'),
  },
  {
    scenario: 'checkpoint+stale-restores=1',
    fault: 'staleRestores',
    why:
      'guest and vTPM go back together to a pair that oracle 4 has judged when it was made: what happens then is a ' +
      'restore like any other, only later',
    verdicts: asIn('checkpoint'),
  },
  {
    scenario: 'checkpoint+mixed-restores=1',
    fault: 'mixedRestores',
    why: 'the vTPM has executed what the guest has forgotten: no driver can mend that, and the best refuses it in words',
    verdicts: {
      ...asIn('checkpoint'),
      quiesce: fails('exactly-once', 'it gives its next command, which the vTPM has executed before, to the vTPM'),
      'ring-handoff': fails('exactly-once', 'the same'),
      sequenced: fails(
        'right-answer',
        "the vTPM's number is neither the driver's nor the one before: it refuses the vTPM, and the next user gets EIO " +
          'before anything is executed',
      ),
    },
  },
  {
    scenario: 'cancelled-suspend+lost-events=1',
    fault: 'lostEvents',
    why: 'whoever has a command in flight when it is suspended needs the event, unless it polls',
    verdicts: {
      ...asIn('cancelled-suspend'),
      resend: WAITS_FOR_AN_EVENT,
      'no-hook': WAITS_FOR_AN_EVENT,
      linux: holds('it polls the page, and its interrupt does nothing'),
      quiesce: holds('its suspend has waited for the response, so no event is under way that it needs'),
      'ring-handoff': WAITS_FOR_AN_EVENT,
      sequenced: WAITS_FOR_AN_EVENT,
    },
  },
  {
    scenario: 'connect+hostile-stores=1',
    fault: 'hostileStores',
    oracles: ['stray-memory', 'driver-fault'],
    why: 'what the peer that stores does to itself does not count',
    verdicts: {
      'wait-loop': EITHER_END_STANDS,
      quiesce: EITHER_END_STANDS,
      sequenced: EITHER_END_STANDS,
    },
  },
  {
    scenario: 'connect+hostile-stores=1',
    fault: 'hostileStores',
    oracles: ['stray-memory', 'driver-fault'],
    commands: 1,
    why: 'the same; its probe sends commands of its own, so one of a user is enough',
    verdicts: { linux: EITHER_END_STANDS },
  },
];
