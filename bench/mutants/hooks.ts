/**
 * How Node loads the modules of a mutant: those that it changes are made anew from their source, all others are the
 * compiled ones. Nothing is written anywhere. See `module.register`; runs in a thread of its own.
 */
import type { InitializeHook, LoadHook } from 'node:module';
import type { Edit } from '../../scenarios/mutants/mutant.js';
import { patchedModule } from './patch.js';

/** The folder of the compiled modules, as an address, and the edits. */
export interface HookData {
  readonly root: string;
  readonly edits: readonly Edit[];
}

let data: HookData = { root: '', edits: [] };

export const initialize: InitializeHook<HookData> = async (given) => {
  data = given;
};

export const load: LoadHook = async (url, context, next) => {
  const file = url.startsWith(data.root) ? url.slice(data.root.length).replace(/\.js$/, '.ts') : '';
  if (!data.edits.some((edit) => edit.file === file)) return await next(url, context);
  return { format: 'module', source: patchedModule(file, data.edits), shortCircuit: true };
};
