/**
 * The C xenstored of Xen 4.17 with its default settings.
 */
import type { Policy } from '../policy.js';
import { UNLIMITED } from '../quota.js';
import type { KnownType } from '../requests.js';

export const C_4_17: Policy = {
  name: 'c',
  rules: 'c',
  childOrder: 'creation',
  pathLengthForAll: true,
  watchLengthLimited: true,
  unwatchChecksPath: false,
  specialLengthMax: 2048,
  specialNames: 'apart',
  eventLengthMax: 4096,
  mergeEvents: true,
  repliesFirst: new Set<KnownType>(['watch', 'release']),
  watchDepth: false,
  deadEntries: 'stale',
  features: 0,
  quotaOfDomain: false,
  errors: {
    unknownTransaction: 'ENOENT',
    tooManyNodes: 'ENOSPC',
    tooManyWatches: 'E2BIG',
    tooManyTransactions: 'ENOSPC',
  },
  unknownRequests: new Set<KnownType>(['getFeature', 'setFeature', 'getQuota', 'setQuota']),
  numbers: 'atoi',
  recordBytes: 24,
  overlongRequest: 'close',
  overlongReplyRefused: true,
  emptyPayloadWaits: false,
  watchKeepsTransactionId: true,
  domainsAppear: false,
  finite: false,
  quota: {
    nodes: 1000,
    watches: 128,
    transactions: 10,
    nodeSize: 2048,
    permissions: 5,
    transactionNodes: 1024,
    transactionRequests: UNLIMITED,
    pathLength: 2048,
    outstanding: 20,
    memory: 2_621_440,
    softMemory: 2_097_152,
  },
  allowance: {
    nodes: 0,
    nodesAtCommit: -1,
    watches: 1,
    transactions: 1,
    nodeSize: -1,
    permissions: 0,
    transactionNodes: 0,
    pathLength: 0,
  },
};
