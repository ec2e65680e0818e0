/**
 * Counts what a live guest issues and gets, in the guest's own memory, as the simulator's oracles do.
 */
import type { CommandTable } from '../../frontend/command-pool.js';
import { GuestHistory, HISTORY_OFFSET, KERNEL_PFN } from '../../frontend/guest-memory.js';
import type { Domain } from '../../hypervisor/domain.js';
import { type CommandProbe, NO_PROBE } from '../../hypervisor/probes.js';
import { mix, mixSecond } from '../../protocol/digest.js';
import type { StepDetails } from '../../protocol/live-trace.js';
import type { Memory } from '../../protocol/memory.js';
import { commandDetails } from '../trace/recorder.js';
import { OWN_FIRST } from '../user/live-commands.js';

/** Who is told what becomes of commands. */
export interface CommandLog {
  note(details: StepDetails): void;
}

export class GuestHistoryProbe implements CommandProbe {
  readonly fetched = NO_PROBE.fetched;
  readonly executed = NO_PROBE.executed;
  readonly published = NO_PROBE.published;
  readonly #history;
  readonly #commands: CommandTable;
  readonly #log: CommandLog | null;

  constructor(memory: Memory, domain: Pick<Domain, 'page'>, commands: CommandTable, log: CommandLog | null) {
    this.#log = log;
    this.#history = GuestHistory.view(memory).at(domain.page(KERNEL_PFN) + HISTORY_OFFSET);
    this.#commands = commands;
  }

  issued(_slot: number, command: number): void {
    const history = this.#history;
    const issued = this.#commands.at(command);
    const { effect } = issued;
    history.issued += 1;
    history.before_low = history.chain_low;
    history.before_high = history.chain_high;
    if (command >= OWN_FIRST) this.#log?.note({ own: command - OWN_FIRST });
    else this.#log?.note(commandDetails(issued));
    if (effect === 0) return;
    history.chain_low = mix(history.chain_low | 0, effect);
    history.chain_high = mixSecond(history.chain_high | 0, effect);
  }

  answered(_slot: number, responseDigest: number): void {
    this.#log?.note({ response: responseDigest });
    this.#history.answered = this.#history.issued;
  }

  /** Its user knows that it got no answer; whether the TPM executed it, nobody does. */
  failed(_slot: number, errno: number): void {
    this.#log?.note({ errno });
    this.#history.answered = this.#history.issued;
  }
}
