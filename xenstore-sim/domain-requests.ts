/**
 * The requests of the toolstack about domains.
 */
import { unreachable } from '../protocol/assert.js';
import { announceSpecial, endDomain } from './domain-end.js';
import { NO_TARGET } from './domains.js';
import type { Draft } from './draft.js';
import { type DomainRequest, failure, OK, type Reply } from './requests.js';
import { NO_WATCHES } from './watch-index.js';
import { dropWatches } from './watch-requests.js';

/** `DOMID_SELF` of xen.h. */
const DOMID_SELF = 0x7ff0;

export function domainRequest(draft: Draft, request: DomainRequest): Reply {
  const { domid } = request;
  const c = draft.policy.rules === 'c';
  switch (request.type) {
    case 'introduce':
      return c ? introduceC(draft, domid, request) : introduceOcaml(draft, domid, request);
    case 'isDomainIntroduced':
      return { kind: 'value', value: domid === DOMID_SELF || isIntroduced(draft, domid) ? 'T' : 'F' };
    case 'setTarget':
      // oxenstored takes any target.
      if (!isIntroduced(draft, domid) || (c && !isIntroduced(draft, request.target))) return failure('ENOENT');
      draft.setDomain(draft.ensureDomain(domid).with({ target: request.target }));
      return OK;
    case 'release':
      return c ? releaseC(draft, domid) : releaseOcaml(draft, domid);
    case 'resume':
      if (c && domid === 0) return failure('EINVAL');
      if (!isIntroduced(draft, domid)) return failure(c ? 'ENOENT' : 'EINVAL');
      draft.setDomain(draft.ensureDomain(domid).with({ shutdown: false }));
      return OK;
    default:
      return unreachable(request);
  }
}

function isIntroduced(draft: Draft, domid: number): boolean {
  return draft.domains.get(domid)?.introduced === true;
}

interface Ring {
  readonly gfn: number;
  readonly port: number;
}

/** The frame number is ignored: C finds the ring by its grant. Of a known domain, the ring is reset (C xenstored). */
function introduceC(draft: Draft, domid: number, { gfn, port }: Ring): Reply {
  if (port === 0 || !mayAppear(draft, domid)) return failure('EINVAL');
  const domain = draft.ensureDomain(domid);
  draft.setDomain(domain.with({ introduced: true, gfn, port }));
  if (!domain.introduced) announceSpecial(draft, '@introduceDomain', domid);
  else if (domid !== 0) {
    for (const connection of draft.connections.items) {
      if (connection.domid !== domid) continue;
      dropWatches(draft, connection);
      draft.setConnection(connection.with({ watches: NO_WATCHES, pending: [], transactions: [] }));
    }
  }
  return OK;
}

/** A known domain may get another event channel, but its ring does not move. */
function introduceOcaml(draft: Draft, domid: number, { gfn, port }: Ring): Reply {
  const known = draft.domains.get(domid);
  if (known?.introduced === true) {
    if (known.gfn !== gfn) return failure('EINVAL');
    draft.setDomain(known.with({ port }));
    return OK;
  }
  if (!mayAppear(draft, domid)) return failure('EINVAL');
  draft.setDomain(draft.ensureDomain(domid).with({ introduced: true, gfn, port }));
  return announceSpecial(draft, '@introduceDomain', domid) ? OK : failure('EINVAL');
}

/** Whether the hypervisor knows of the domain; where there is none, INTRODUCE alone makes a domain. */
function mayAppear(draft: Draft, domid: number): boolean {
  return draft.policy.domainsAppear || draft.domains.get(domid) !== undefined;
}

const RELEASED = { introduced: false, shutdown: false, target: NO_TARGET, gfn: 0, port: 0 };

function releaseC(draft: Draft, domid: number): Reply {
  if (domid === 0) return failure('EINVAL');
  if (!isIntroduced(draft, domid)) return failure('ENOENT');
  endDomain(draft, domid);
  draft.setDomain(draft.ensureDomain(domid).with(RELEASED));
  return OK;
}

/**
 * What the domain owned goes even if it was never introduced. Releasing the control domain leaves an empty tree, and a
 * daemon that can tell nobody of domains any more, and says so.
 */
function releaseOcaml(draft: Draft, domid: number): Reply {
  const known = isIntroduced(draft, domid);
  const told = endDomain(draft, domid);
  const left = draft.domains.get(domid);
  if (left !== undefined) draft.setDomain(left.with(RELEASED));
  return known ? (told ? OK : failure('ENOENT')) : failure('EINVAL');
}
