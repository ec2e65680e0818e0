/**
 * A thread of `fuzz`: runs the shards and shrinks the failures it is sent, one at a time.
 */
import { workerData } from 'piscina';
import { watchThisThread } from '../library/thread-watch.js';
import { type FuzzSetup, type FuzzWork, fuzzWorker } from './fuzz-engine.js';

const setup = workerData as FuzzSetup;
if (setup.watch !== undefined) watchThisThread(setup.watch);
const work = await fuzzWorker(setup);

export default (task: FuzzWork): ReturnType<typeof work> => work(task);
