/** The process of one mutant: takes its task as an argument, prints its answer as one line of JSON. */
import { register } from 'node:module';
import type { Answer, Task } from './answer.js';
import type { HookData } from './hooks.js';

const task = JSON.parse(process.argv[2] ?? '') as Task;
const data: HookData = { root: new URL('../../', import.meta.url).href, edits: task.edits };
register<HookData>(new URL('./hooks.js', import.meta.url), { data });

// Only now: what is loaded from here on is the mutant.
const { askExpected, exploreAll, fuzzAll } = await import('./ask.js');

const answer: Answer = {
  expected: task.found.question === null ? null : askExpected(task),
  explore: task.explore ? exploreAll() : null,
  fuzz: task.seeds.map((seed) => fuzzAll(seed, task.runs)),
};
process.stdout.write(`${JSON.stringify(answer)}\n`);
