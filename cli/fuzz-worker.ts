/**
 * A thread of `fuzz`: runs the shards and shrinks the failures it is sent, one at a time.
 */
import { workerData } from 'piscina';
import { type FuzzSetup, type FuzzWork, fuzzWorker } from './fuzz-engine.js';

const work = await fuzzWorker(workerData as FuzzSetup);

export default (task: FuzzWork): ReturnType<typeof work> => work(task);
