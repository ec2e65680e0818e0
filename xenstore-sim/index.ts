/** The xenstore as pure code: requests in, replies and watch events out. */
export { execute, type Outcome } from './execute.js';
export {
  type Connected,
  connect,
  disconnect,
  domainCreated,
  domainDestroyed,
  domainShutdown,
  type NewConnection,
  nextEvent,
  takeEvent,
} from './lifecycle.js';
export { type Access, formatPermission, type Permission, parsePermission } from './permissions.js';
export {
  C_4_17,
  C_4_22,
  type ChildOrder,
  type DaemonName,
  finite,
  OCAML_4_17,
  POLICIES,
  type Policy,
  withQuota,
} from './policy.js';
export type { Quota } from './quota.js';
export type { ErrorName, Reply, Request, RequestType } from './requests.js';
export { Store } from './store.js';
export type { WatchEvent } from './watches.js';
