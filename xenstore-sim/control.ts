/**
 * CONTROL: the commands of an administrator, as far as a store without a process has anything to do with them.
 * `live-update` is a matter of the daemon (`LiveUpdates`); a store alone cannot be replaced.
 */
import { controlC } from './control-c.js';
import { controlOcaml } from './control-ocaml.js';
import type { Draft } from './draft.js';
import { failure, type Reply } from './requests.js';

/** Carries out the command in `words`. */
export function control(draft: Draft, words: readonly string[]): Reply {
  const [name = '', ...rest] = words;
  if (name === 'live-update') return failure('EINVAL');
  return draft.policy.rules === 'ocaml' ? controlOcaml(draft, name, rest) : controlC(draft, name, rest);
}
