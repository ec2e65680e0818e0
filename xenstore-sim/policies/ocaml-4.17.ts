/**
 * The OCaml oxenstored of Xen 4.17 with the settings of Debian's oxenstored.conf.
 */
import type { Policy } from '../policy.js';
import { UNLIMITED } from '../quota.js';
import type { KnownType } from '../requests.js';

export const OCAML_4_17: Policy = {
  name: 'ocaml',
  rules: 'ocaml',
  childOrder: 'name',
  pathLengthForAll: true,
  watchLengthLimited: false,
  unwatchChecksPath: false,
  specialLengthMax: UNLIMITED,
  specialNames: 'children',
  eventLengthMax: UNLIMITED,
  mergeEvents: false,
  repliesFirst: new Set<KnownType>(['watch', 'write', 'mkdir', 'rm', 'setPerms']),
  watchDepth: false,
  deadEntries: 'deleted',
  features: 1,
  quotaOfDomain: false,
  errors: {
    unknownTransaction: 'EIO',
    tooManyNodes: 'EQUOTA',
    tooManyWatches: 'EQUOTA',
    tooManyTransactions: 'EQUOTA',
  },
  unknownRequests: new Set<KnownType>(['directoryPart', 'getFeature', 'setFeature', 'getQuota', 'setQuota']),
  numbers: 'ocaml',
  recordBytes: 0,
  overlongRequest: 'wait',
  overlongReplyRefused: false,
  emptyPayloadWaits: true,
  watchKeepsTransactionId: false,
  domainsAppear: false,
  finite: false,
  quota: {
    nodes: 1000,
    watches: 100,
    transactions: 10,
    nodeSize: 2048,
    permissions: UNLIMITED,
    transactionNodes: UNLIMITED,
    transactionRequests: 1024,
    pathLength: 1024,
    outstanding: 1024,
    memory: UNLIMITED,
    softMemory: UNLIMITED,
  },
  allowance: {
    nodes: 0,
    nodesAtCommit: 0,
    watches: 1,
    transactions: 1,
    nodeSize: 0,
    permissions: 0,
    transactionNodes: 0,
    pathLength: 0,
  },
};
