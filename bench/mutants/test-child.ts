/**
 * The process of one mutant and one test: takes the edits and the name of the test as arguments, and ends as the test
 * does. Only where the tests are compiled, too.
 */
import { register } from 'node:module';
import type { Edit } from '../../scenarios/mutants/mutant.js';
import type { HookData } from './hooks.js';

const [edits = '[]', test = ''] = process.argv.slice(2);
const root = new URL('../../', import.meta.url).href;
register<HookData>(new URL('./hooks.js', import.meta.url), { data: { root, edits: JSON.parse(edits) as Edit[] } });
await import(new URL(`test/${test}.test.js`, root).href);
