/**
 * What the toolstack asks of the simulated store, as requests that are remembered together (`StoreClient.together`): an
 * exploration makes the same ones from the same state again and again.
 */

import type { VtpmPlace } from '../backend/toolstack-nodes.js';
import * as nodes from '../backend/toolstack-nodes.js';
import type { StoreClient } from './store-client.js';

export function writeDomainNodes(store: StoreClient, domid: number): void {
  store.together('writeDomainNodes', String(domid), () => nodes.writeDomainNodes(store, domid));
}

export function writeVtpmNodes(store: StoreClient, place: VtpmPlace): void {
  store.together('writeVtpmNodes', keyOf(place), () => nodes.writeVtpmNodes(store, place));
}

export function closeVtpm(store: StoreClient, place: VtpmPlace): void {
  store.together('closeVtpm', keyOf(place), () => nodes.closeVtpm(store, place));
}

export function removeVtpmNodes(store: StoreClient, place: VtpmPlace): void {
  store.together('removeVtpmNodes', keyOf(place), () => nodes.removeVtpmNodes(store, place));
}

function keyOf({ frontend, backend, instance }: VtpmPlace): string {
  return `${frontend} ${backend} ${instance}`;
}
