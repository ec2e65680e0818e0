/**
 * A response for a request that was never made: a vTPM backend that answers whatever event comes, and a frontend that
 * listens to it. Of rings, where a response names its request, see the mutants `ring-answers-one-more` and
 * `back-answers-what-was-not-asked`.
 */
import t from 'tap';
import type { BackendServices } from '../../backend/tpmback/tpmback.js';
import { TpmbackV2 } from '../../backend/tpmback/v2.js';
import { TpmifSharedPage, TpmifState } from '../../protocol/tpmif-v2.js';
import { oracleBit } from '../../simulator/world-state.js';
import { backOf, CONNECTED, holds, shortest, worldOf } from '../support/worlds.js';

/** Says FINISH to every event, and asks nobody what the answer is. */
class AnswersEverything extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override interrupt(): void {
    const { memory, host } = this.services;
    TpmifSharedPage.view(memory).at(host.grants.address(this.state.handle)).state = TpmifState.Finish;
    this.notify();
  }
}

/** Answers once more than it is asked: after each response it says FINISH to whatever lies in the page by then. */
class AnswersTwice extends TpmbackV2 {
  constructor(services: BackendServices) {
    super(services, false);
  }

  override notify(): void {
    super.notify();
    const { memory, host } = this.services;
    TpmifSharedPage.view(memory).at(host.grants.address(this.state.handle)).state = TpmifState.Finish;
    super.notify();
  }
}

t.test('an answer that the vTPM never gave is seen when the user gets it', async (t) => {
  const back = backOf('v2', (services) => new AnswersEverything(services));
  const world = worldOf({ front: 'quiesce', back, scenario: CONNECTED });
  const { oracle, steps } = shortest(world);
  t.equal(oracle, 'right-answer');
  t.equal(world.violations, oracleBit('right-answer'), 'and nothing else is wrong');
  t.equal(steps.at(-1), 'guest1.tpmfront/interrupt');
  t.notOk(
    steps.some((step) => step.startsWith('tpm1')),
    'the vTPM was not even asked',
  );
});

t.test('an answer to a user that has one already is not taken', async (t) => {
  const back = backOf('v2', (services) => new AnswersTwice(services));
  t.ok(holds(worldOf({ front: 'quiesce', back, scenario: CONNECTED, commands: 1 })));
});
