/**
 * Names on the bus: device states, directories and nodes.
 * States are those of xen/include/public/io/xenbus.h; directories and nodes are those that libxl, Linux and mini-os
 * write for a vTPM and a virtual disk.
 */

/** `enum xenbus_state`. */
export const XenbusState = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;
export type XenbusState = (typeof XenbusState)[keyof typeof XenbusState];

export const XENBUS_STATE_NAMES: readonly string[] = Object.keys(XenbusState);

/** Name of a state, or `state <n>` for a number that has none. */
export function xenbusStateName(state: number): string {
  return XENBUS_STATE_NAMES[state] ?? `state ${state}`;
}

/**
 * The state a `state` node holds. A node that is missing, unreadable or not one of the nine decimal numbers reads as
 * `Unknown`, which drivers take as "the other end is gone".
 */
export function parseXenbusState(text: string | null | undefined): XenbusState {
  return text !== null && text !== undefined && /^[0-8]$/.test(text)
    ? (Number(text) as XenbusState)
    : XenbusState.Unknown;
}

/**
 * The grant reference or port a node holds, in decimal. 0, which is neither, for anything else: the node is the other
 * end's to write, and what it says goes to the hypervisor.
 */
export function parseNodeNumber(text: string | null | undefined): number {
  return text !== null && text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : 0;
}

/** What to write into a `state` node. */
export function formatXenbusState(state: XenbusState): string {
  return String(state);
}

export type DeviceKind = 'vtpm' | 'vbd';

/** A device as the bus names it: who uses it, who serves it, which of several. */
export interface DeviceAddress {
  /** Domain id of the frontend. */
  readonly frontend: number;
  /** Domain id of the backend. */
  readonly backend: number;
  /** Number of the device among those of its kind that the frontend has. */
  readonly handle: number;
  /** `vtpm` when absent. */
  readonly kind?: DeviceKind;
}

/** `/local/domain/<n>` */
export function domainPath(domain: number): string {
  return `/local/domain/${domain}`;
}

/** `/local/domain/<n>/device/vtpm/<i>`; owned by the guest, readable by the backend's domain. */
export function frontendPath(device: Omit<DeviceAddress, 'backend'>): string {
  return `${domainPath(device.frontend)}/device/${device.kind ?? 'vtpm'}/${device.handle}`;
}

/** `/local/domain/<m>/backend/vtpm/<n>/<i>`; owned by the backend's domain, readable by the guest. */
export function backendPath(device: DeviceAddress): string {
  return `${domainPath(device.backend)}/backend/${device.kind ?? 'vtpm'}/${device.frontend}/${device.handle}`;
}

/** `/local/domain/<n>/control/shutdown`: the toolstack writes `suspend` and the like, the guest empties it as its answer. */
export function shutdownPath(domain: number): string {
  return `${domainPath(domain)}/${DomainNode.ControlShutdown}`;
}

/** `error/<dir>/error` below the guest's own directory: where a driver reports a fatal error as "<errno> text". */
export function errorPath(domain: number, directory: string): string {
  return `${domainPath(domain)}/error/${directory}/error`;
}

/** Nodes of a domain's directory. */
export const DomainNode = {
  ControlShutdown: 'control/shutdown',
  FeatureSuspend: 'control/feature-suspend',
  SuspendEventChannel: 'device/suspend/event-channel',
} as const;

/** Nodes of a device's two directories. */
export const DeviceNode = {
  /** Both: `XenbusState` in decimal. */
  State: 'state',
  /** Both: number of the device. */
  Handle: 'handle',

  /** Frontend: grant of the shared page, decimal. */
  RingRef: 'ring-ref',
  /** Frontend: port the backend binds to, decimal. */
  EventChannel: 'event-channel',
  /** Frontend: path of the backend's directory. */
  Backend: 'backend',
  /** Frontend: domain id of the backend. */
  BackendId: 'backend-id',

  /** Both ends of a vTPM: `1` when the v2 page is spoken. */
  FeatureProtocolV2: 'feature-protocol-v2',

  /** Backend: path of the frontend's directory. */
  Frontend: 'frontend',
  /** Backend: domain id of the frontend. */
  FrontendId: 'frontend-id',
  /** Backend: `1` while the toolstack wants the device; decides whether Closed is the end or a pause. */
  Online: 'online',
  /** Backend of a vTPM: which vTPM. */
  Uuid: 'uuid',
  /** Backend of a vTPM: `True` or `False`, whether the toolstack restores a state. */
  Resume: 'resume',
  /** Backend of a vTPM: `1` once the ring is mapped. */
  Ready: 'ready',
  /** Backend, by the hotplug script: `connected`, `error` or `busy`. */
  HotplugStatus: 'hotplug-status',
  /** Backend of a v1 vTPM, by the hotplug script: number of the vTPM instance. */
  Instance: 'instance',
  /** Backend of a v1 vTPM: the instance the toolstack would like. */
  PreferredInstance: 'pref_instance',
} as const;
