/** All mutants, by what they are seeded into. */
import { BACKEND_MUTANTS } from './backend.js';
import { BLOCK_MUTANTS } from './block.js';
import { FRONTEND_MUTANTS } from './frontend.js';
import { HYPERVISOR_MUTANTS } from './hypervisor.js';
import type { Mutant } from './mutant.js';
import { STORE_MUTANTS } from './store.js';

export const MUTANTS: readonly Mutant[] = [
  ...FRONTEND_MUTANTS,
  ...BACKEND_MUTANTS,
  ...HYPERVISOR_MUTANTS,
  ...STORE_MUTANTS,
  ...BLOCK_MUTANTS,
];
