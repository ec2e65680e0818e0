/**
 * A hypercall happens once, as in Xen, where the hypervisor does not die alone. Here it may, after it has given a port and
 * before it could say so, and then it is asked again; and a guest may, before it could write the answer down, and its next
 * process takes the step again. So a domain numbers its calls, and the hypervisor keeps the last one of each caller with
 * its result, stored together with its effect: one that comes again is answered, and not executed.
 *
 * The number of a guest's last call lies in its own memory, under its journal: with a step that is taken back it goes back
 * too. So a number may come again for another call, and that one is executed. A step makes one call at most.
 */
import { layout, u32 } from '../../protocol/layout.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { CALL_NAMES, type CallRequest } from './calls.js';

/** The last call of a caller; all zero for none. `call` counts from 0 in `CALL_NAMES`. */
export const LastCall = layout('last hypercall', { number: u32, call: u32, first: u32, second: u32, result: u32 });

export class RepeatedCalls {
  readonly #memory: SharedMemory;
  readonly #last;

  /** `address` is that of the caller's `LastCall`, in memory that is committed together with what the calls do. */
  constructor(memory: SharedMemory, address: number) {
    this.#memory = memory;
    this.#last = LastCall.view(memory).at(address);
  }

  /** The result of a call that was executed already; else executes it. What was refused had no effect, and is tried again. */
  once({ number, call, args }: Pick<CallRequest, 'number' | 'call' | 'args'>, execute: () => number): number {
    if (number === 0) return execute();
    const last = this.#last;
    const [first = 0, second = 0] = args;
    const index = CALL_NAMES.indexOf(call);
    const again = last.number === number && last.call === index && last.first === first && last.second === second;
    if (again) return last.result;
    const result = execute();
    this.#keep(result < 0 ? [0, 0, 0, 0, 0] : [number, index, first, second, result]);
    return result;
  }

  /** The caller is gone: whoever comes next begins with any number. */
  forget(): void {
    this.#keep([0, 0, 0, 0, 0]);
  }

  #keep([number, call, first, second, result]: readonly [number, number, number, number, number]): void {
    const last = this.#last;
    this.#memory.asHypervisor(() => {
      last.number = number;
      last.call = call;
      last.first = first;
      last.second = second;
      last.result = result;
    });
  }
}

/** The number of the next call of whoever keeps that of the last one at `address`. */
export function nextNumber(memory: SharedMemory, address: number): number {
  // 0 is no number.
  const number = (memory.read32(address) + 1) >>> 0 || 1;
  // No store of the driver's step.
  memory.asHypervisor(() => memory.write32(address, number));
  return number;
}
