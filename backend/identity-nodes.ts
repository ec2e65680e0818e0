/**
 * The nodes of a device's identity, as the block script writes and removes them and as the backend reads them: over the
 * store of the simulation and over a connection to a real daemon. Each is one transaction, so that nobody, killed or
 * not, leaves or finds half of them.
 */
import {
  IdentityNode,
  type Parsed,
  parseBootId,
  parseDiskSequence,
  parsePhysicalDevice,
  parseTaggedDevice,
  type TaggedDevice,
} from '../protocol/physical-device.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';
import {
  type DeviceIdentity,
  type IdentityForm,
  type IdentityOptions,
  identityRemovals,
  identityWrites,
} from './device-identity.js';

/** What `publish` did: `taken` says that `physical-device` was there, and nothing was written. */
export type Published = 'written' | 'taken';

/**
 * Writes the nodes, in one transaction. A directory that has a `physical-device` keeps it: no backend takes a second one,
 * and a script that is called twice must not renew the identity under a device opened long ago. What an earlier script
 * left of an identity alone is replaced or removed.
 */
export function publishIdentity(
  store: Pick<StoreAccess, 'read' | 'write' | 'remove' | 'transaction'>,
  directory: string,
  identity: DeviceIdentity,
  options: IdentityOptions = {},
): Published {
  const writes = identityWrites(directory, identity, options);
  let outcome: Published = 'taken';
  store.transaction(() => {
    outcome = 'taken';
    if (store.read(`${directory}/${IdentityNode.PhysicalDevice}`) !== null) return;
    for (const path of identityRemovals(directory)) if (store.read(path) !== null) store.remove(path);
    for (const { path, value } of writes) store.write(path, value);
    outcome = 'written';
  });
  return outcome;
}

/** As much of a real client as is needed; `XenstoreClient` of `xenstore-sim/client` is one. */
export interface IdentityClient {
  transaction<T>(work: (nodes: ClientNodes) => Promise<T>): Promise<T>;
}

export interface ClientNodes {
  exists(path: string): Promise<boolean>;
  write(path: string, value: string): Promise<void>;
  rm(path: string): Promise<void>;
}

/** `publishIdentity` over a connection to a real daemon. Rejects as the client does. */
export async function publishIdentityOver(
  client: IdentityClient,
  directory: string,
  identity: DeviceIdentity,
  options: IdentityOptions = {},
): Promise<Published> {
  const writes = identityWrites(directory, identity, options);
  return client.transaction(async (nodes) => {
    if (await nodes.exists(`${directory}/${IdentityNode.PhysicalDevice}`)) return 'taken';
    for (const path of identityRemovals(directory)) if (await nodes.exists(path)) await nodes.rm(path);
    for (const { path, value } of writes) await nodes.write(path, value);
    return 'written';
  });
}

/** Removes the nodes, in one transaction: both the number and the identity, or the next script finds a stale one. */
export function withdrawIdentity(store: Pick<StoreAccess, 'read' | 'remove' | 'transaction'>, directory: string): void {
  store.transaction(() => {
    for (const path of identityRemovals(directory)) if (store.read(path) !== null) store.remove(path);
  });
}

/**
 * What the nodes of `directory` claim, read in one transaction with the strict grammar; null when there is no
 * `physical-device`, as when the watch fires at its registration. In the form `physical-device` the grammar is that of
 * the proposal. Missing identity nodes claim nothing: whether that is enough is the backend's to decide.
 */
export function readIdentity(
  store: Pick<StoreAccess, 'read' | 'transaction'>,
  directory: string,
  form: IdentityForm = 'physical-device-uuid',
): Parsed<DeviceIdentity> | null {
  let claim = null as Parsed<DeviceIdentity> | null;
  store.transaction(() => {
    claim = readClaim((node) => store.read(`${directory}/${node}`), form);
  });
  return claim;
}

/** `readIdentity` for who has a transaction open: `read` gives a node of the backend's directory, null if it is not there. */
export function readClaim(
  read: (node: string) => string | null,
  form: IdentityForm = 'physical-device-uuid',
): Parsed<DeviceIdentity> | null {
  const device = read(IdentityNode.PhysicalDevice);
  if (device === null) return null;
  const inline = form === IdentityNode.PhysicalDevice;
  return parseClaim({ device, diskseq: inline ? null : read(form), bootId: read(IdentityNode.BootId) }, form);
}

interface ClaimTexts {
  readonly device: string;
  readonly diskseq: string | null;
  readonly bootId: string | null;
}

function parseClaim(texts: ClaimTexts, form: IdentityForm): Parsed<DeviceIdentity> {
  const tagged = parseTagged(texts, form);
  if (!tagged.ok) return tagged;
  const bootId = texts.bootId === null ? null : parseBootId(texts.bootId);
  if (bootId !== null && !bootId.ok) return bootId;
  const { device, diskseq } = tagged.value;
  return { ok: true, value: { ...device, diskseq, bootId: bootId === null ? null : bootId.value } };
}

function parseTagged({ device, diskseq }: ClaimTexts, form: IdentityForm): Parsed<TaggedDevice> {
  if (form === IdentityNode.PhysicalDevice) return parseTaggedDevice(device);
  const number = parsePhysicalDevice(device);
  if (!number.ok) return number;
  const sequence = diskseq === null ? null : parseDiskSequence(diskseq, form);
  if (sequence !== null && !sequence.ok) return sequence;
  return { ok: true, value: { device: number.value, diskseq: sequence === null ? null : sequence.value } };
}
