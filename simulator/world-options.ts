/**
 * What a world is made of.
 */
import type { TpmEngine } from '../backend/tpm/engine.js';
import type { KernelKind, UserKind } from '../frontend/guest.js';
import type { Session } from '../protocol/tpm/session.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import type { Grain } from './actors.js';
import type { TpmbackEntry, TpmfrontEntry } from './drivers.js';
import type { Plan } from './plan.js';
import type { StateVolumeOptions } from './state-volume.js';
import type { StoreListener } from './store-client.js';

/** How many times each fault may strike in one schedule. */
export interface FaultBudget {
  /** The backend process is killed between any two stores, and started again. */
  readonly backendKills: number;
  /** The toolstack dies before any of its steps while the source is suspended; a successor comes. */
  readonly toolstackKills: number;
  /** An event nobody sent reaches an end. */
  readonly spuriousEvents: number;
  /** The suspended source is let run as well as the target: both believe the other has failed. */
  readonly doubleResumes: number;
  /** The events that wait for a suspended guest are gone when it goes on in its domain; in a new one they always are. */
  readonly lostEvents: number;
  /** A xenstored is restarted with the nodes it had; every client's watches are registered again. */
  readonly storeRestarts: number;
  /** The watches of a client fire although nothing has changed. */
  readonly watchRepeats: number;
  /** The stream of a migration ends early, anywhere in it or in the handshake after it. */
  readonly streamCuts: number;
  /** The guest is lost, and it and its vTPM are restored from the checkpoint before. */
  readonly staleRestores: number;
  /** The same, but the vTPM goes on where it was: guest and vTPM are of different moments. */
  readonly mixedRestores: number;
  /** A frontend or a backend stores into a field, or writes a node, that is its own to write, whatever it likes. */
  readonly hostileStores: number;
}

export const NO_FAULTS: FaultBudget = {
  backendKills: 0,
  toolstackKills: 0,
  spuriousEvents: 0,
  doubleResumes: 0,
  lostEvents: 0,
  storeRestarts: 0,
  watchRepeats: 0,
  streamCuts: 0,
  staleRestores: 0,
  mixedRestores: 0,
  hostileStores: 0,
};

/** How many faults can strike in one schedule. */
export function strikesOf(faults: FaultBudget): number {
  return Object.values(faults).reduce((sum, strikes) => sum + strikes, 0);
}

/** The xenstoreds there are. */
export const DAEMONS: readonly DaemonName[] = ['c', 'c-4.22', 'ocaml'];
export const USUAL_DAEMON: DaemonName = 'c';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly plan: Plan;
  readonly faults: FaultBudget;
  /** Where schedules begin: before the handshake, or with both ends connected. */
  readonly start: 'boot' | 'connected';
  /** How long the first command of the user takes, in milliseconds; 0 = no time that matters, like all others. */
  readonly slowCommandMilliseconds: number;
  /** The toolstack does as the plan says, and not as the one that the driver was made for. */
  readonly asPlanned?: boolean;
  /** The vTPM is a part of its backend's process: what it executes when that dies is as if it had never begun. */
  readonly vtpmInBackend?: boolean;
  /** How wide the numbers of the sequenced protocol are; as wide as the protocol has them when absent. */
  readonly sequenceBits?: number;
}

export interface WorldOptions {
  readonly scenario: Scenario;
  readonly tpmfront: TpmfrontEntry;
  readonly tpmback: TpmbackEntry;
  readonly session: Session;
  /** How many commands of the session are issued; all when absent. */
  readonly commands?: number | undefined;
  readonly grain: Grain;
  readonly user?: UserKind;
  readonly kernel?: KernelKind;
  readonly sequenceBits?: number;
  /** Which xenstored the hosts run; `USUAL_DAEMON` when absent. */
  readonly daemon?: DaemonName;
  /** The inside of the TPM; answers from the session when absent. */
  readonly engine?: TpmEngine;
  /** Whether steps that commute with all others are explored first (`Independence`); true when absent. Off for checking that. */
  readonly reduction?: boolean;
  /** The state of each vTPM lies on a volume that its backend has to open first; no volume when absent. */
  readonly stateVolume?: StateVolumeOptions;
  /** Looks for double fetches by the backends, which makes each load slower; false when absent. */
  readonly sanitize?: boolean;
  /** Hears every store request, those of the construction too. */
  readonly listener?: StoreListener;
}
