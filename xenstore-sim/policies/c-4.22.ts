/**
 * The C xenstored of Xen 4.22 with its default settings.
 */
import type { Policy } from '../policy.js';
import { UNLIMITED } from '../quota.js';
import type { KnownType } from '../requests.js';
import { C_4_17 } from './c-4.17.js';

/** XENSTORE_SERVER_FEATURE_ERROR, _WATCHDEPTH and _ALLDOMAINS (xs_wire.h). */
const FEATURES = 2 | 4 | 8;

export const C_4_22: Policy = {
  ...C_4_17,
  name: 'c-4.22',
  pathLengthForAll: false,
  unwatchChecksPath: true,
  specialLengthMax: UNLIMITED,
  specialNames: 'nodes',
  watchDepth: true,
  deadEntries: 'deleted',
  features: FEATURES,
  quotaOfDomain: true,
  errors: { ...C_4_17.errors, tooManyWatches: 'ENOSPC' },
  unknownRequests: new Set<KnownType>(),
  numbers: 'strict',
  recordBytes: 16,
  allowance: {
    nodes: -1,
    nodesAtCommit: -1,
    watches: -1,
    transactions: -1,
    nodeSize: -1,
    permissions: -1,
    transactionNodes: -1,
    pathLength: -1,
  },
};
