/**
 * The two directories of one vTPM as its backend reads and writes them. Paths of its own side are relative to the home
 * of domain 0, as a back end in domain 0 gives them.
 */
import { type VtpmPaths, vtpmPaths } from '../../protocol/vtpm-paths.js';
import { DeviceNode, errorPath, parseNodeNumber, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import { type BackendServices, FRONTEND_TOKEN, SCAN_TOKEN } from './tpmback.js';

export class DeviceDirectory {
  readonly #services: BackendServices;

  constructor(services: BackendServices) {
    this.#services = services;
  }

  get #paths(): VtpmPaths {
    return vtpmPaths(this.#services.domain.domid, this.#services.frontendDomid());
  }

  read(node: string): string | null {
    return this.#services.store.read(this.#paths.ownBack(node));
  }

  write(node: string, value: string): void {
    this.#services.store.write(this.#paths.ownBack(node), value);
  }

  /** Path of a node of its own side. */
  path(node: string): string {
    return this.#paths.ownBack(node);
  }

  /** Where an error of this device is reported: below the home of the backend's domain. */
  writeError(errno: number, why: string): void {
    const { store, domain } = this.#services;
    store.write(errorPath(domain.domid, this.path('').replace(/\/$/, '')), `${errno} ${why}`);
  }

  /** Whether the frontend has not begun: a driver that is yet to come, or that waits for this end. */
  frontendWaits(): boolean {
    const state = this.frontendState();
    return state === XenbusState.Unknown || state === XenbusState.Initialising;
  }

  state(): XenbusState {
    return parseXenbusState(this.read(DeviceNode.State));
  }

  readFrontend(node: string): string | null {
    return this.#services.store.read(this.#paths.front(node));
  }

  /** A grant reference or port; 0 for what is none. */
  readFrontendNumber(node: string): number {
    return parseNodeNumber(this.readFrontend(node));
  }

  frontendState(): XenbusState {
    return parseXenbusState(this.readFrontend(DeviceNode.State));
  }

  /** Watches its own state, which the toolstack writes when the device comes and goes, and `nodes` beside it. */
  watchOwn(nodes: readonly string[] = []): void {
    for (const node of [DeviceNode.State, ...nodes]) this.#services.store.watch(this.#paths.ownBack(node), SCAN_TOKEN);
  }

  watchFrontend(): void {
    this.#services.store.watch(this.#paths.front(DeviceNode.State), FRONTEND_TOKEN);
  }

  unwatchFrontend(): void {
    this.#services.store.unwatch(this.#paths.front(DeviceNode.State), FRONTEND_TOKEN);
  }
}
