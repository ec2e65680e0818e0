/**
 * What everybody on the host shares: its kernel, the lock of the block scripts, and what the oracles know that nobody
 * else does: which device was meant.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { assert } from '../../protocol/assert.js';
import { bool, layout, u8, u32 } from '../../protocol/layout.js';
import { type OracleName, oracleBit } from '../world-state.js';
import type { Kernel } from './kernel.js';
import type { Design } from './setting.js';
import { type IdentitySetting, type Observation, type Policy, policyOf } from './setting.js';

export const IdentityWorldState = layout('identity world', {
  violations: u32,
  next_life: u32,
  /** Bit set of what other users have done, by place in the setting. */
  done: u32,
  /** Which kernel runs, and which boot it is. */
  kernel: u8,
  boot: u8,
  /** Who holds the lock of the block scripts; 0 for nobody. */
  lock: u8,
  script_kills: u8,
  toolstack_kills: u8,
  backend_kills: u8,
  /** A script was killed; a backend has died; a guest has been resumed. */
  killed: bool,
  crashed: bool,
  resumed: bool,
});

export const DomainIs = { Absent: 0, Built: 1, Running: 2 } as const;

/** What the oracles know of one guest's device. */
export const GuestTruth = layout('guest', {
  /** Life of the device that the script was given, or that the toolstack noted. */
  meant: u32,
  /** Another that is right, where somebody has changed his mind. */
  also_meant: u32,
  meant_writable: bool,
  also_writable: bool,
  domain: u8,
  ring: bool,
});

export class IdentityHost {
  readonly memory: JournaledMemory;
  readonly setting: IdentitySetting;
  readonly design: Design;
  readonly policy: Policy;
  readonly world;
  readonly kernels: Kernel[] = [];
  readonly truths: ReturnType<typeof GuestTruth.view>[] = [];
  /** What has happened in any schedule so far: for whoever explores, no part of the state. */
  readonly observed: Set<Observation> = new Set();
  lastFault: string | null = null;

  constructor(memory: JournaledMemory, design: Design, setting: IdentitySetting, address: number) {
    this.memory = memory;
    this.design = design;
    this.setting = setting;
    this.policy = policyOf(design);
    this.world = IdentityWorldState.view(memory).at(address);
  }

  get kernel(): Kernel {
    return this.kernels[this.world.kernel] as Kernel;
  }

  truth(guest: number): ReturnType<typeof GuestTruth.view> {
    const truth = this.truths[guest - 1];
    assert(truth !== undefined, `block identity: there is no guest ${guest}`);
    return truth;
  }

  newLife(): number {
    this.world.next_life += 1;
    return this.world.next_life;
  }

  observe(what: Observation): void {
    this.observed.add(what);
  }

  fail(oracle: OracleName, why: string): void {
    if (this.lastFault === null) this.lastFault = why;
    this.world.violations |= oracleBit(oracle);
  }

  /** The backend of `guest` has refused a device of this life. */
  refusedBy(guest: number, life: number): void {
    if (life !== 0 && life === this.truth(guest).meant)
      this.fail('no-false-refusal', `the backend of guest ${guest} refuses the device that was meant`);
  }
}
