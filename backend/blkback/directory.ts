/**
 * The two directories of one virtual disk as its backend reads and writes them. Paths of its own side are relative to
 * the home of domain 0, as Linux gives them.
 */
import { type VbdPaths, vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode, errorPath, parseNodeNumber, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';

export const SCAN_TOKEN = 'scan';
export const FRONTEND_TOKEN = 'frontend';

export class VbdDirectory {
  readonly store: StoreAccess;
  readonly #domid: number;
  readonly #frontend: () => number;

  constructor(store: StoreAccess, domid: number, frontendDomid: () => number) {
    this.store = store;
    this.#domid = domid;
    this.#frontend = frontendDomid;
  }

  read(node: string): string | null {
    return this.store.read(this.#paths.ownBack(node));
  }

  write(node: string, value: string): void {
    this.store.write(this.#paths.ownBack(node), value);
  }

  /** Path of a node of its own side. */
  path(node: string): string {
    return this.#paths.ownBack(node);
  }

  state(): XenbusState {
    return parseXenbusState(this.read(DeviceNode.State));
  }

  readFrontend(node: string): string | null {
    return this.store.read(this.#paths.front(node));
  }

  /** A grant reference or port; 0 for what is none. */
  readFrontendNumber(node: string): number {
    return parseNodeNumber(this.readFrontend(node));
  }

  frontendState(): XenbusState {
    return parseXenbusState(this.readFrontend(DeviceNode.State));
  }

  /** Whether the frontend has not begun: a driver that is yet to come, or that waits for this end. */
  frontendWaits(): boolean {
    const state = this.frontendState();
    return state === XenbusState.Unknown || state === XenbusState.Initialising;
  }

  /** Writes the state, unless the node is gone: a device that was taken away is not brought back. */
  writeState(state: XenbusState): void {
    this.store.transaction(() => {
      if (this.read(DeviceNode.State) !== null) this.write(DeviceNode.State, String(state));
    });
  }

  /** Where an error of this device is reported: below the home of the backend's domain. */
  writeError(errno: number, why: string): void {
    const own = this.#paths.ownBack('').replace(/\/$/, '');
    this.store.write(errorPath(this.#domid, own), `${errno} ${why}`);
  }

  watchOwn(): void {
    this.store.watch(this.#paths.ownBack(DeviceNode.State), SCAN_TOKEN);
  }

  watchFrontend(): void {
    this.store.watch(this.#paths.front(DeviceNode.State), FRONTEND_TOKEN);
  }

  unwatchFrontend(): void {
    this.store.unwatch(this.#paths.front(DeviceNode.State), FRONTEND_TOKEN);
  }

  get #paths(): VbdPaths {
    return vbdPaths(this.#domid, this.#frontend());
  }
}
