/**
 * The two directories of one device as its backend reads and writes them. Paths of its own side are relative to the home
 * of domain 0, as a backend in domain 0 gives them.
 */
import type { DevicePaths } from '../protocol/device-paths.js';
import { DeviceNode, errorPath, parseNodeNumber, parseXenbusState, XenbusState } from '../protocol/xenbus.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';

/** Tokens of a backend's watches: on nodes of its own side, and on the state of the frontend. */
export const SCAN_TOKEN = 'scan';
export const FRONTEND_TOKEN = 'frontend';

export class DeviceDirectory {
  readonly store: StoreAccess;
  readonly #domid: number;
  readonly #paths: () => DevicePaths;

  /** `domid`: the backend's domain. `paths`: those of the device, asked for at each use, as the frontend's domain changes. */
  constructor(store: StoreAccess, domid: number, paths: () => DevicePaths) {
    this.store = store;
    this.#domid = domid;
    this.#paths = paths;
  }

  read(node: string): string | null {
    return this.store.read(this.path(node));
  }

  write(node: string, value: string): void {
    this.store.write(this.path(node), value);
  }

  /** Path of a node of its own side. */
  path(node: string): string {
    return this.#paths().ownBack(node);
  }

  state(): XenbusState {
    return parseXenbusState(this.read(DeviceNode.State));
  }

  /** Writes the state, unless the node is gone: a device that was taken away is not brought back. */
  writeState(state: XenbusState): void {
    this.store.transaction(() => {
      if (this.read(DeviceNode.State) !== null) this.write(DeviceNode.State, String(state));
    });
  }

  /** Where an error of this device is reported: below the home of the backend's domain. */
  writeError(errno: number, why: string): void {
    this.store.write(errorPath(this.#domid, this.path('').replace(/\/$/, '')), `${errno} ${why}`);
  }

  readFrontend(node: string): string | null {
    return this.store.read(this.#paths().front(node));
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

  /** Watches its own state, which the toolstack writes when the device comes and goes, and `nodes` beside it. */
  watchOwn(nodes: readonly string[] = []): void {
    for (const node of [DeviceNode.State, ...nodes]) this.store.watch(this.path(node), SCAN_TOKEN);
  }

  watchFrontend(): void {
    this.store.watch(this.#paths().front(DeviceNode.State), FRONTEND_TOKEN);
  }

  unwatchFrontend(): void {
    this.store.unwatch(this.#paths().front(DeviceNode.State), FRONTEND_TOKEN);
  }
}
