/**
 * From the payload of a frame to a request. How strict the daemons are differs, and clients can tell.
 *
 * Nothing is refused here: arguments that make no sense are a `malformed` request, a type that the daemon does not know
 * is an `unknown` one, so that the order of checks is left to `execute`.
 */
import { XsType } from '../../protocol/xs-wire.js';
import type { Policy } from '../policy.js';
import type { KnownType, Request } from '../requests.js';
import { C_ARGUMENTS } from './c-arguments.js';
import { OCAML_ARGUMENTS } from './ocaml-arguments.js';

/** How one daemon reads the arguments of each request; undefined: they make no sense. */
export type ArgumentReader = (payload: string, policy: Policy) => Request | undefined;
export type ArgumentReaders = { readonly [T in KnownType]: ArgumentReader };

const TYPES: ReadonlyMap<number, KnownType> = new Map<number, KnownType>([
  [XsType.CONTROL, 'control'],
  [XsType.DIRECTORY, 'directory'],
  [XsType.READ, 'read'],
  [XsType.GET_PERMS, 'getPerms'],
  [XsType.WATCH, 'watch'],
  [XsType.UNWATCH, 'unwatch'],
  [XsType.TRANSACTION_START, 'transactionStart'],
  [XsType.TRANSACTION_END, 'transactionEnd'],
  [XsType.INTRODUCE, 'introduce'],
  [XsType.RELEASE, 'release'],
  [XsType.GET_DOMAIN_PATH, 'getDomainPath'],
  [XsType.WRITE, 'write'],
  [XsType.MKDIR, 'mkdir'],
  [XsType.RM, 'rm'],
  [XsType.SET_PERMS, 'setPerms'],
  [XsType.IS_DOMAIN_INTRODUCED, 'isDomainIntroduced'],
  [XsType.RESUME, 'resume'],
  [XsType.SET_TARGET, 'setTarget'],
  [XsType.RESET_WATCHES, 'resetWatches'],
  [XsType.DIRECTORY_PART, 'directoryPart'],
  [XsType.GET_FEATURE, 'getFeature'],
  [XsType.SET_FEATURE, 'setFeature'],
  [XsType.GET_QUOTA, 'getQuota'],
  [XsType.SET_QUOTA, 'setQuota'],
]);

/**
 * The request in a frame of type `type`; the transaction is in the header of the frame.
 *
 * @param payload One character per byte.
 */
export function parseRequest(policy: Policy, type: number, payload: string): Request {
  const known = TYPES.get(type);
  if (known === undefined || policy.unknownRequests.has(known)) {
    return { type: 'unknown', reserved: type === XsType.WATCH_EVENT || type === XsType.ERROR };
  }
  const readers = policy.rules === 'c' ? C_ARGUMENTS : OCAML_ARGUMENTS;
  return readers[known](payload, policy) ?? { type: 'malformed', of: known };
}
