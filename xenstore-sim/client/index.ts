/**
 * The xenstore client, as far as it runs anywhere, browsers included. The transports are apart: `unix-socket.ts` and
 * `web-socket-node.ts` need Node, `web-socket.ts` and `in-process.ts` do not.
 */
export { type Access, formatPermission, type Permission } from '../permissions.js';
export { type ClientEvents, type ClientOptions, XenstoreClient } from './client.js';
export type { Introduction } from './domain-access.js';
export { type ClientErrorCode, hasCode, type WireErrorName, XenstoreError, type XenstoreErrorCode } from './errors.js';
export type { NodeAccess } from './node-access.js';
export type { RequestOptions } from './pending.js';
export type { ReconnectOptions } from './reconnector.js';
export type { Transaction, TransactionOptions } from './transaction.js';
export type { Link, Receiver, Transport } from './transport.js';
export type { Watch, WatchListener, WatchOptions } from './watches.js';
