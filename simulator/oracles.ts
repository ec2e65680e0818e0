/**
 * Oracles 1 to 5: what must hold of every schedule, judged from outside the drivers.
 *
 * They listen to what becomes of each command (`CommandProbe`). What they remember of a guest lies in that guest's
 * memory (`GuestHistory`), so that a saved, restored or cloned guest carries its own history with it.
 */

import { TpmDeviceState } from '../backend/tpm/device.js';
import type { CommandPool } from '../frontend/command-pool.js';
import { SHUTDOWN_TOKEN } from '../frontend/guest.js';
import { GuestHistory, HISTORY_OFFSET, KERNEL_PFN } from '../frontend/guest-memory.js';
import { FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import { ALL_AGENTS, type JournaledMemory, NO_CRASH } from '../hypervisor/journaled-memory.js';
import type { CommandProbe } from '../hypervisor/probes.js';
import { digestMemory, mix, mixSecond } from '../protocol/digest.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import type { Slot } from './slot.js';
import { type OracleName, oracleBit, type WorldState } from './world-state.js';

export class Oracles implements CommandProbe {
  readonly #memory: JournaledMemory;
  readonly #commands: CommandPool;
  readonly #world: ReturnType<typeof WorldState.view>;
  readonly #history;
  readonly #device;
  readonly #slots: readonly Slot[];
  readonly #toolstackWaits: () => boolean;
  #depth = 0;
  #storesLeft = NO_CRASH;

  /** `slots` may be filled later; `toolstackWaits` says whether the toolstack is in the middle of something. */
  constructor(
    memory: JournaledMemory,
    commands: CommandPool,
    world: ReturnType<typeof WorldState.view>,
    slots: readonly Slot[],
    toolstackWaits: () => boolean,
  ) {
    this.#toolstackWaits = toolstackWaits;
    this.#memory = memory;
    this.#commands = commands;
    this.#world = world;
    this.#slots = slots;
    this.#history = GuestHistory.view(memory);
    this.#device = TpmDeviceState.view(memory);
  }

  issued(slot: number, command: number): void {
    const caller = this.#enter();
    const history = this.#at(slot);
    const { effect } = this.#commands.at(command);
    history.issued += 1;
    history.before_low = history.chain_low;
    history.before_high = history.chain_high;
    if (effect !== 0) {
      history.chain_low = mix(history.chain_low | 0, effect);
      history.chain_high = mixSecond(history.chain_high | 0, effect);
    }
    this.#leave(caller);
  }

  /** Oracle 6: a backend serves with the volume that was meant. */
  fetched(slot: number): number {
    const caller = this.#enter();
    if ((this.#slots[slot] as Slot).volume?.isWrong) this.fail('right-device');
    const ordinal = this.#at(slot).issued;
    this.#leave(caller);
    return ordinal;
  }

  /** Oracle 1: the device has executed all that was issued, or all but the last command, and nothing else. */
  executed(slot: number): void {
    const place = this.#slots[slot] as Slot;
    if (!place.exists) return;
    const caller = this.#enter();
    const history = this.#at(slot);
    const { chain_low, chain_high } = place.device.state;
    const all = chain_low === history.chain_low && chain_high === history.chain_high;
    const allButLast = chain_low === history.before_low && chain_high === history.before_high;
    if (!all && !allButLast) this.fail('exactly-once');
    const { device } = place;
    device.state.answer_ordinal = device.state.ordinal;
    device.state.answer_digest = digestMemory(this.#memory, device.responseAddress, device.state.response_length);
    this.#leave(caller);
  }

  /** Commands that the guest of `slot` has issued. */
  issuedBy(slot: Slot): number {
    return this.fetched(slot.index);
  }

  published(slot: number, ordinal: number): void {
    if (!(this.#slots[slot] as Slot).exists) return;
    const caller = this.#enter();
    const { device } = this.#slots[slot] as Slot;
    const history = this.#at(slot);
    history.published = ordinal;
    history.published_executed = device.state.answer_ordinal === ordinal;
    history.published_digest = device.state.answer_digest;
    this.#leave(caller);
  }

  /** Oracle 2: the response is that of the command that waits, is what the device answered to it, and comes once. */
  answered(slot: number, responseDigest: number): void {
    const caller = this.#enter();
    const history = this.#at(slot);
    const once = history.answered !== history.issued;
    const own = history.published === history.issued && history.published_executed;
    if (!once || !own || responseDigest !== (history.published_digest | 0)) this.fail('right-answer');
    history.answered = history.issued;
    this.#leave(caller);
  }

  /** Oracle 2: whatever became of the command, its user did not get the response. */
  failed(_slot: number): void {
    const caller = this.#enter();
    this.fail('right-answer');
    this.#leave(caller);
  }

  /**
   * Oracle 4, when the snapshot in the images of `slot` is complete: the answer to every command that the saved
   * device has executed lies in the snapshot, in the guest's memory or kept with the device's state under its number,
   * and every answer in the guest's memory was given by that device.
   */
  snapshot(slot: Slot): void {
    const caller = this.#enter();
    const history = this.#history.at((slot.memoryImage + KERNEL_PFN - FIRST_GUEST_PFN) * PAGE_SIZE + HISTORY_OFFSET);
    const device = this.#device.at(slot.deviceImage * PAGE_SIZE);
    const ahead = device.executed - history.published;
    const kept = ahead === 1 && device.numbered;
    if (ahead !== 0 && !kept) this.fail('in-step');
    this.#leave(caller);
  }

  /** Oracle 5, when a domain begins to run. */
  running(): void {
    let count = 0;
    for (const slot of this.#slots) if (slot.domain.running) count++;
    if (count > 1) this.fail('one-instance');
  }

  /**
   * When nothing more can happen: oracles 3 and 1, that nothing is left of a guest that has ended, and that a guest that
   * runs would hear of its next suspend.
   */
  quiescent(): void {
    const caller = this.#enter();
    const live = this.#slots.filter((slot) => slot.exists && slot.domain.running);
    if (live.length === 0 || this.#toolstackWaits()) this.fail('no-hang');
    for (const { host, backend } of this.#slots)
      if (host.grants.leaks || host.events.leaks(backend.domain)) this.fail('no-leak');
    for (const slot of live) {
      if (slot.guest.userTask.running || slot.guest.stuck || !slot.guestStore.hasWatch(SHUTDOWN_TOKEN)) {
        this.fail('no-hang');
        continue;
      }
      const history = this.#at(slot.index);
      const { chain_low, chain_high } = slot.device.state;
      if (chain_low !== history.chain_low || chain_high !== history.chain_high) this.fail('exactly-once');
    }
    this.#leave(caller);
  }

  fail(oracle: OracleName): void {
    const caller = this.#enter();
    this.#world.violations |= oracleBit(oracle);
    this.#leave(caller);
  }

  #at(slot: number): ReturnType<typeof GuestHistory.view> {
    return this.#history.at((this.#slots[slot] as Slot).domain.page(KERNEL_PFN) + HISTORY_OFFSET);
  }

  /** Looking on is part of the step: what it stores is not counted, so nobody can die in the middle of it. */
  #enter(): number {
    const memory = this.#memory;
    const caller = memory.current;
    if (this.#depth++ === 0) this.#storesLeft = memory.storesLeft;
    memory.current = ALL_AGENTS;
    memory.storesLeft = NO_CRASH;
    return caller;
  }

  /** Forgets a probe that an exception has left unfinished. */
  reset(): void {
    this.#depth = 0;
  }

  #leave(caller: number): void {
    this.#memory.current = caller;
    if (--this.#depth === 0) this.#memory.storesLeft = this.#storesLeft;
  }
}
