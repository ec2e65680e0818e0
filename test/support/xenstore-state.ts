/**
 * Random state streams.
 */
import fc from 'fast-check';
import type { StateRecord, StateStream } from '../../xenstore-sim/state/records.js';

/** `fc.record` with ordinary objects, as the reader makes them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

const half = fc.nat(0xffff);
const word = fc.nat(0xffffffff);
const descriptor = fc.integer({ min: -1, max: 0x7fffffff });
const text = (least: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: least, maxLength: 20 })
    .map((codes) => String.fromCharCode(...codes));
const binary = fc.array(fc.nat(255), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes));
const connection = fc.integer({ min: 1, max: 0xffffffff });
const quotas = fc.array(record({ name: text(1), value: word }), { maxLength: 4 });
const permission = record({ access: fc.constantFrom('n', 'r', 'w', 'b'), domid: half, stale: fc.boolean() });
const ring = record({ kind: fc.constant('ring' as const), domid: half, target: half, port: word });
const socket = record({ kind: fc.constant('socket' as const), descriptor });

const records = (version: 1 | 2): fc.Arbitrary<StateRecord> =>
  fc.oneof(
    record({ type: fc.constant('GLOBAL_DATA' as const), socket: descriptor, eventChannels: descriptor }),
    record({
      type: fc.constant('CONNECTION_DATA' as const),
      connection,
      transport: fc.oneof(ring, socket),
      input: binary,
      output: binary,
      partialReply: fc.nat(40),
      uniqueId: version === 1 ? fc.constant(null) : fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    }).map((some) => ({ ...some, partialReply: Math.min(some.partialReply, some.output.length) })),
    record({ type: fc.constant('WATCH_DATA' as const), connection, path: text(0), token: text(0) }),
    record({ type: fc.constant('TRANSACTION_DATA' as const), connection, transaction: word }),
    record({
      type: fc.constant('NODE_DATA' as const),
      connection: word,
      transaction: word,
      access: fc.nat(3),
      permissions: fc.array(permission, { maxLength: 4 }),
      path: text(0),
      value: binary,
    }),
    record({ type: fc.constant('GLOBAL_QUOTA_DATA' as const), perDomain: quotas, global: quotas }),
    record({
      type: fc.constant('DOMAIN_DATA' as const),
      domid: half,
      features: version === 1 ? fc.constant(0) : word,
      quotas,
    }),
    ...(version === 1
      ? []
      : [
          record({
            type: fc.constant('WATCH_DATA_EXTENDED' as const),
            connection,
            path: text(1),
            token: text(0),
            depth: half,
          }),
        ]),
  );

export const anyStream: fc.Arbitrary<StateStream> = fc
  .constantFrom(1 as const, 2 as const)
  .chain((version) => record({ version: fc.constant(version), records: fc.array(records(version), { maxLength: 6 }) }));
