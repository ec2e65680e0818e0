/**
 * The two directories of one vTPM as its backend reads and writes them. Paths of its own side are relative to the home
 * of domain 0, as a back end in domain 0 gives them.
 */
import { DeviceNode, frontendPath, parseXenbusState, type XenbusState } from '../../protocol/xenbus.js';
import { type BackendServices, FRONTEND_TOKEN, SCAN_TOKEN } from './tpmback.js';

export class DeviceDirectory {
  readonly #services: BackendServices;

  constructor(services: BackendServices) {
    this.#services = services;
  }

  get #own(): string {
    return `backend/vtpm/${this.#services.frontendDomid()}/0`;
  }

  get #frontend(): string {
    return frontendPath({ frontend: this.#services.frontendDomid(), handle: 0 });
  }

  read(node: string): string | null {
    return this.#services.store.read(`${this.#own}/${node}`);
  }

  write(node: string, value: string): void {
    this.#services.store.write(`${this.#own}/${node}`, value);
  }

  state(): XenbusState {
    return parseXenbusState(this.read(DeviceNode.State));
  }

  readFrontend(node: string): string | null {
    return this.#services.store.read(`${this.#frontend}/${node}`);
  }

  frontendState(): XenbusState {
    return parseXenbusState(this.readFrontend(DeviceNode.State));
  }

  watchAll(): void {
    this.#services.store.watch('backend/vtpm', SCAN_TOKEN);
  }

  watchFrontend(): void {
    this.#services.store.watch(`${this.#frontend}/${DeviceNode.State}`, FRONTEND_TOKEN);
  }

  unwatchFrontend(): void {
    this.#services.store.unwatch(`${this.#frontend}/${DeviceNode.State}`, FRONTEND_TOKEN);
  }
}
