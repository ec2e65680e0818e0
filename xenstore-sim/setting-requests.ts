/**
 * GET_FEATURE, SET_FEATURE, GET_QUOTA and SET_QUOTA (C xenstored since Xen 4.21 and 4.22).
 */
import { unreachable } from '../protocol/assert.js';
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import type { Quota } from './quota.js';
import { failure, OK, type Reply, type SettingRequest } from './requests.js';

/** The names on the wire, in the order in which GET_QUOTA lists them. */
export const WIRE_QUOTAS: readonly (readonly [name: string, quota: keyof Quota])[] = [
  ['nodes', 'nodes'],
  ['watches', 'watches'],
  ['outstanding', 'outstanding'],
  ['memory', 'memory'],
  ['soft-memory', 'softMemory'],
  ['transactions', 'transactions'],
  ['transaction-nodes', 'transactionNodes'],
  ['node-permissions', 'permissions'],
  ['path-max', 'pathLength'],
  ['node-size', 'nodeSize'],
];

const QUOTA_OF: ReadonlyMap<string, keyof Quota> = new Map(WIRE_QUOTAS);

/** Tells or changes features and quotas. */
export function settingRequest(draft: Draft, caller: Connection, request: SettingRequest): Reply {
  switch (request.type) {
    case 'getFeature':
      return getFeature(draft, caller, request.domid);
    case 'setFeature':
      return setFeature(draft, request.domid, request.features);
    case 'getQuota':
      return getQuota(draft, request.domid, request.name);
    case 'setQuota':
      return setQuota(draft, request.domid, request.name, request.value);
    default:
      return unreachable(request);
  }
}

function getFeature(draft: Draft, caller: Connection, domid: number | null): Reply {
  if (domid !== null && !caller.privileged) return failure('EACCES');
  const domain = draft.domains.get(domid ?? caller.domid);
  return domain === undefined ? failure('ENOENT') : { kind: 'value', value: String(domain.features) };
}

function setFeature(draft: Draft, domid: number, features: number): Reply {
  const domain = draft.domains.get(domid);
  if (domain === undefined) return failure('ENOENT');
  if (domain.introduced) return failure('EBUSY');
  if ((features & ~draft.policy.features) !== 0) return failure('EINVAL');
  draft.setDomain(domain.with({ features }));
  return OK;
}

function getQuota(draft: Draft, domid: number | null, name: string | null): Reply {
  if (name === null) return { kind: 'value', value: WIRE_QUOTAS.map(([text]) => text).join(' ') };
  const domain = domid === null ? undefined : draft.domains.get(domid);
  if (domid !== null && domain === undefined) return failure('ENOENT');
  const quota = QUOTA_OF.get(name);
  if (quota === undefined) return failure('EINVAL');
  return { kind: 'value', value: String((domain?.quota ?? draft.quota).quota[quota]) };
}

function setQuota(draft: Draft, domid: number | null, name: string, value: number): Reply {
  const domain = domid === null ? undefined : draft.domains.get(domid);
  if (domid !== null && domain === undefined) return failure('ENOENT');
  const quota = QUOTA_OF.get(name);
  if (quota === undefined) return failure('EINVAL');
  const set = (domain?.quota ?? draft.quota).with({ [quota]: value });
  if (domain === undefined) draft.quota = set;
  else draft.setDomain(domain.with({ quota: set }));
  return OK;
}
