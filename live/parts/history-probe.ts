/**
 * Counts what a live guest issues and gets, in the guest's own memory, as the simulator's oracles do.
 */
import type { CommandTable } from '../../frontend/command-pool.js';
import { GuestHistory, HISTORY_OFFSET, KERNEL_PFN } from '../../frontend/guest-memory.js';
import type { Domain } from '../../hypervisor/domain.js';
import { type CommandProbe, NO_PROBE } from '../../hypervisor/probes.js';
import { mix, mixSecond } from '../../protocol/digest.js';
import type { Memory } from '../../protocol/memory.js';

export class GuestHistoryProbe implements CommandProbe {
  readonly fetched = NO_PROBE.fetched;
  readonly executed = NO_PROBE.executed;
  readonly published = NO_PROBE.published;
  readonly #history;
  readonly #commands: CommandTable;

  constructor(memory: Memory, domain: Pick<Domain, 'page'>, commands: CommandTable) {
    this.#history = GuestHistory.view(memory).at(domain.page(KERNEL_PFN) + HISTORY_OFFSET);
    this.#commands = commands;
  }

  issued(_slot: number, command: number): void {
    const history = this.#history;
    const { effect } = this.#commands.at(command);
    history.issued += 1;
    history.before_low = history.chain_low;
    history.before_high = history.chain_high;
    if (effect === 0) return;
    history.chain_low = mix(history.chain_low | 0, effect);
    history.chain_high = mixSecond(history.chain_high | 0, effect);
  }

  answered(): void {
    this.#history.answered = this.#history.issued;
  }

  /** Its user knows that it got no answer; whether the TPM executed it, nobody does. */
  failed(): void {
    this.#history.answered = this.#history.issued;
  }
}
