/**
 * The page through which the guest's user space and its kernel hand a command down and its answer up: the system calls
 * of a TPM character device, one command at a time. It is the guest's memory, so a command that was handed down survives
 * the death of either side and moves with the guest.
 *
 *     user space   writes command, length and locality, then `accepted` + 1, and rings the guest
 *     kernel       writes the answer or an error, then `answered` = `accepted`, and rings the user space
 */
import { layout, u32 } from '../../protocol/layout.js';
import type { Memory } from '../../protocol/memory.js';

export const RequestPage = layout('user request', {
  /** Commands handed down so far; the last of them lies in the command page. */
  accepted: u32,
  length: u32,
  locality: u32,
  /** Commands that have been answered, at most one fewer. */
  answered: u32,
  response_length: u32,
  /** Linux error of the last command, 0 where it was answered by the TPM. */
  errno: u32,
});

/** The user space's doorbell lies in the same page, at the place where a shared_info page has one. */
export type RequestView = ReturnType<typeof RequestPage.view>;

export function requestPage(memory: Memory, address: number): RequestView {
  return RequestPage.view(memory).at(address);
}
