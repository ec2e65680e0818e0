/**
 * What every tpmfront is to its kernel: the callbacks of Linux's `struct xenbus_driver`, and a place for one command.
 *
 * A driver keeps nothing outside its state. Work that others may interleave with is a `Task`; a callback is one step.
 */
import type { Domain } from '../../hypervisor/domain.js';
import type { HostCalls } from '../../hypervisor/host.js';
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import type { CommandProbe } from '../../hypervisor/probes.js';
import type { Step, StepResult, Task } from '../../hypervisor/steps.js';
import type { AnyLayout } from '../../protocol/layout.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import type { CommandTable } from '../command-pool.js';

/** What a guest's kernel gives its drivers. */
export interface GuestServices {
  readonly slot: number;
  readonly memory: MachineMemory;
  readonly domain: Domain;
  readonly host: HostCalls;
  readonly store: StoreAccess;
  readonly commands: CommandTable;
  readonly probe: CommandProbe;
  /** Bits of a sequence number; 32, or few so that it wraps soon. */
  readonly sequenceBits: number;
  /** Whether requests to the store can be made: between `xs_suspend` and `xs_resume` the kernel makes them wait. */
  storeOpen(): boolean;
  /** The command's user gets its response, `length` bytes at `address`. */
  complete(address: number, length: number): void;
  /** The command's user gets Linux error `errno`. */
  fail(errno: number): void;
  /** Registers the watch on the backend's state; the path is made of the two domain numbers. */
  watchOtherend(backendDomid: number, frontendDomid: number): void;
  unwatchOtherend(): void;
}

/** A place for a timer of the driver, and its name. */
export interface DriverTimer {
  readonly name: string;
  readonly address: number;
}

export interface Tpmfront {
  readonly name: string;
  readonly layout: AnyLayout;
  readonly tasks: readonly Task<never>[];
  readonly timers: readonly DriverTimer[];
  /** Event channel on which `interrupt` waits, or 0. */
  readonly port: number;

  /** Whether `submit` may be called now. */
  accepts(): boolean;
  /** Takes command number `command` of the pool; its user waits until `complete` or `fail`. */
  submit(command: number): void;

  /** The toolstack has made the device. */
  probe(): void;
  /** The state node of the backend has changed, or the watch fired for some other reason. */
  otherendChanged(): void;
  /** An event has come in on `port`. */
  interrupt(): void;
  /**
   * The domain is about to suspend; it waits until `suspended` holds. May return a Linux error number when the device
   * cannot be suspended now; what comes of it is for the kernel to say.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a driver that never fails returns nothing
  suspend(): number | void;
  suspended(): boolean;
  /** The domain goes on where it was: the suspend was cancelled, or was for a checkpoint. */
  suspendCancelled(): void;
  /** The domain goes on in a new domain; other devices wait until `resumed` holds. */
  resume(): void;
  resumed(): boolean;
}

/** A step that makes requests to the store: it waits while the kernel makes them wait. */
export function storeStep<C extends { readonly storeOpen: boolean }>(run: (front: C) => StepResult): Step<C> {
  return { when: (front) => front.storeOpen, run };
}
