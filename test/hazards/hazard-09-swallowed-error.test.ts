/**
 * Hazard 9: the bus swallows the error of a driver's suspend, and the suspend goes on with a busy device.
 *
 * The freeze callback of the xenbus of today logs what a driver's suspend returns and makes 0 of it. A driver that says
 * "busy" and relies on being heard is saved with its command in flight: the vTPM answers it after the memory was copied,
 * so the saved device has executed a command whose answer is nowhere in the snapshot.
 */
import t from 'tap';
import { RefusingTpmfront } from '../../scenarios/hazards/designs/refusing.js';
import { frontOf, holds, inOrder, shortest, worldOf } from '../support/worlds.js';

const refusing = frontOf('quiesce', (services) => new RefusingTpmfront(services));

t.test('hazard 9: a busy device is saved although its driver has refused', async (t) => {
  for (const scenario of ['clean-migration', 'checkpoint']) {
    const { oracle, steps } = shortest(worldOf({ front: refusing, scenario, kernel: 'linux' }));
    t.equal(oracle, 'in-step', scenario);
    t.ok(
      inOrder(steps, [
        'guest1.tpmfront.transmit/notify',
        'guest1.kernel/dpm_suspend',
        'guest1.kernel/suspend',
        'toolstack.run/save_memory',
        'toolstack.run/save_vtpm',
      ]),
    );
    const executed = steps.findIndex((step) => step.startsWith('tpm1.execute'));
    t.ok(executed > -1 && executed < steps.indexOf('toolstack.run/save_vtpm'), 'the saved device has executed it');
    t.equal(steps.includes('guest1.tpmfront/interrupt'), false, 'the answer has not reached the saved guest');
  }
});

t.test('hazard 9: the same driver holds in a kernel that ends the suspend when a driver refuses', async (t) => {
  for (const scenario of ['clean-migration', 'checkpoint', 'cancelled-suspend']) {
    t.ok(holds(worldOf({ front: refusing, scenario, kernel: 'honours-errors' })), scenario);
  }
});

t.test('hazard 9: quiesce does not depend on being heard, as it waits in its suspend', async (t) => {
  for (const scenario of ['clean-migration', 'checkpoint', 'cancelled-suspend']) {
    for (const kernel of ['linux', 'honours-errors'] as const) {
      t.ok(holds(worldOf({ front: 'quiesce', scenario, kernel })), `${scenario}, ${kernel}`);
    }
  }
});
