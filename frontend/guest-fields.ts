/**
 * The fields of a guest's private state by which a live run and the simulator are compared: its kernel's, its user's and
 * its tpmfront's. Not compared are timers, which run by the clock here and by what can happen there, and where the user's
 * task stands, which the simulator lets run all the time.
 */
import { type NamedField, namedFields } from '../protocol/field-values.js';
import type { Guest } from './guest.js';
import { DRIVER_PFN, KERNEL_PFN, KernelState, USER_OFFSET, UserState } from './guest-memory.js';

export function guestFields({ domain, front }: Guest): readonly NamedField[] {
  const kernel = domain.page(KERNEL_PFN);
  return [
    ...namedFields('kernel', KernelState.fields, kernel, ['freeze_timer']),
    ...namedFields('user', UserState.fields, kernel + USER_OFFSET, ['issue']),
    ...namedFields(
      'tpmfront',
      front.layout.fields,
      domain.page(DRIVER_PFN),
      front.timers.map(({ name }) => name),
    ),
  ];
}
