/**
 * Races of clients of one xenstored, each with the promise of the daemon that it is about. All must hold.
 */

import type { Caller, StoreScript, StoreStep } from '../simulator/store-races/caller.js';
import type { StoreWorldOptions } from '../simulator/store-races/world.js';
import { connect, type DaemonName, domainCreated, domainDestroyed, execute } from '../xenstore-sim/index.js';
import type { Permission } from '../xenstore-sim/permissions.js';
import type { Request } from '../xenstore-sim/requests.js';

export interface StoreRace extends Omit<StoreWorldOptions, 'daemon'> {
  readonly name: string;
  readonly why: string;
}

const write = (path: string, value: string): Request => ({ type: 'write', path, value });
const permit = (path: string, ...permissions: readonly Permission[]): Request => ({
  type: 'setPerms',
  path,
  permissions,
});
const CLOSED = { access: 'n', domid: 0 } as const;

const COUNTER = '/counter';
const COMMITTED = 2;

/** Adds 1 to the counter in a transaction, again until it is committed. */
function adds(name: string): StoreScript {
  const steps: readonly StoreStep[] = [
    {
      name: 'begin',
      run: (caller) => {
        const reply = caller.ask({ type: 'transactionStart' });
        caller.set(0, reply.kind === 'value' ? Number(reply.value) : 0);
      },
    },
    { name: 'read', run: (caller) => caller.set(1, Number(caller.read(COUNTER, caller.get(0)))) },
    { name: 'write', run: (caller) => caller.write(COUNTER, String(caller.get(1) + 1), caller.get(0)) },
    {
      name: 'commit',
      run: (caller) => {
        const reply = caller.ask({ type: 'transactionEnd', commit: true, transaction: caller.get(0) });
        caller.set(1, 0);
        caller.set(0, 0);
        if (reply.kind === 'error' && reply.error === 'EAGAIN') return 0;
        if (reply.kind !== 'ok')
          caller.fail('exactly-once', `${name}: the transaction ends with ${JSON.stringify(reply)}`);
        caller.set(COMMITTED, 1);
        return undefined;
      },
    },
  ];
  return { name, domid: 0, steps };
}

const HOME = '/local/domain/1/data';
const OTHER = '/local/domain/1/other';
/** What a watcher has seen of a node: 0 for absent, else the number in it. */
const seenOf = (value: string | null): number => (value === null ? 0 : Number(value));
const LEAF = `${HOME}/x`;

/** Watches the directory and the node beside it, under one token, and looks at what each event names. */
const WATCHER: StoreScript = {
  name: 'watcher',
  domid: 0,
  steps: [
    { name: 'watch', run: (caller) => void caller.ask({ type: 'watch', path: HOME, token: 't' }) },
    { name: 'watch other', run: (caller) => void caller.ask({ type: 'watch', path: OTHER, token: 't' }) },
    {
      name: 'event',
      when: (caller) => caller.hasEvent,
      run: (caller) => {
        const { path } = caller.takeEvent();
        if (path.startsWith(HOME)) caller.set(0, seenOf(caller.read(LEAF)));
        else caller.set(1, seenOf(caller.read(OTHER)));
        return 2;
      },
    },
  ],
};

/** `shared` is the guest's directory that another domain may read. */
const SHARED = '/local/domain/1/shared';
const SECRET = '/local/domain/1/secret';
const KEPT = '/kept';

const trespasses = (request: Request): StoreStep => ({
  name: `trespass ${request.type}`,
  run: (caller) => caller.trespass(request),
});

const writes = (path: string, value: string): StoreStep => ({
  name: `write ${path} ${value}`,
  run: (caller) => caller.write(path, value),
});

const NEW_CONNECTION = 50;

export const STORE_RACES: readonly StoreRace[] = [
  {
    name: 'counter',
    why: 'a transaction that has read what another has changed since is not committed',
    domains: [],
    prepare: [write(COUNTER, '0')],
    scripts: [adds('one'), adds('two'), adds('three')],
    judge: (callers, read) => {
      const committed = callers.reduce((sum, caller) => sum + caller.get(COMMITTED), 0);
      const found = Number(read(COUNTER));
      return found === committed ? null : ['exactly-once', `${committed} committed, and the counter is ${found}`];
    },
  },
  {
    name: 'watch',
    why: 'after each change of a watched node, or of one below it, an event is still to come',
    domains: [1],
    prepare: [write(HOME, ''), write(OTHER, '7')],
    scripts: [
      WATCHER,
      {
        name: 'writer',
        domid: 0,
        steps: [
          writes(LEAF, '1'),
          writes(OTHER, '8'),
          writes(LEAF, '2'),
          { name: 'remove', run: (caller) => void caller.ask({ type: 'rm', path: HOME }) },
          writes(LEAF, '3'),
        ],
      },
    ],
    judge: ([watcher], read) => {
      for (const [index, path] of [LEAF, OTHER].entries()) {
        const found = seenOf(read(path));
        const seen = (watcher as Caller).get(index);
        if (seen !== found) return ['no-hang', `the watcher has seen ${seen} in ${path}, and it holds ${found}`];
      }
      return null;
    },
  },
  {
    name: 'permissions',
    why: 'who has no permission neither reads nor changes nor hears of a node, and who has it may',
    domains: [1, 2],
    prepare: [
      write(SECRET, '0'),
      permit(SECRET, { access: 'n', domid: 1 }),
      write(SHARED, ''),
      permit(SHARED, { access: 'n', domid: 1 }, { access: 'r', domid: 2 }),
      permit('/local/domain/1', CLOSED),
    ],
    scripts: [
      {
        name: 'guest1',
        domid: 1,
        steps: [writes(SECRET, '1'), writes(`${SHARED}/a`, '1'), writes(SECRET, '2')],
      },
      {
        name: 'guest2',
        domid: 2,
        steps: [
          trespasses({ type: 'read', path: SECRET }),
          trespasses(write(SECRET, 'x')),
          trespasses(write(`${SHARED}/b`, 'x')),
          trespasses({ type: 'rm', path: SECRET }),
          trespasses(permit(SECRET, { access: 'b', domid: 2 })),
          { name: 'read shared', run: (caller) => void caller.read(`${SHARED}/a`) },
        ],
      },
      {
        name: 'guest2 listens',
        domid: 2,
        steps: [
          { name: 'watch', run: (caller) => void caller.ask({ type: 'watch', path: SECRET, token: 't' }) },
          {
            name: 'event',
            when: (caller) => caller.hasEvent,
            run: (caller) => {
              caller.takeEvent();
              caller.set(0, caller.get(0) + 1);
              return 1;
            },
          },
        ],
      },
    ],
    judge: ([, , listener]) => {
      const heard = listener?.get(0) ?? 0;
      // The first comes of the registration, whether or not the node may be read.
      return heard <= 1 ? null : ['store-permissions', `guest2 has heard ${heard - 1} times of what it may not read`];
    },
  },
  {
    name: 'domain number used again',
    why: 'what a domain was given ends with it: a later one with its number has nothing of it (XSA-322)',
    domains: [1],
    prepare: [write(KEPT, '0'), permit(KEPT, CLOSED, { access: 'r', domid: 1 })],
    scripts: [
      {
        name: 'guest1',
        domid: 1,
        steps: [{ name: 'read', when: (caller) => caller.connected, run: (caller) => void caller.read(KEPT) }],
      },
      {
        name: 'toolstack',
        domid: 0,
        steps: [
          {
            name: 'destroy and create',
            run: (caller) =>
              caller.change((store) => {
                const made = domainCreated(domainDestroyed(store, 1), 1);
                const known = execute(made, 0, { type: 'introduce', domid: 1, gfn: 1, port: 1 }).store;
                return connect(known, { domid: 1, id: NEW_CONNECTION }).store;
              }),
          },
          {
            name: 'read as the new domain',
            run: (caller) =>
              caller.change((store) => {
                const { reply } = execute(store, NEW_CONNECTION, { type: 'read', path: KEPT });
                if (reply.kind !== 'error' || reply.error !== 'EACCES')
                  caller.fail('store-permissions', 'a new domain 1 reads what the old one was let read');
                return store;
              }),
          },
        ],
      },
    ],
    judge: () => null,
  },
];

/** Throws where there is none of that name. */
export function storeRace(name: string, daemon: DaemonName): StoreWorldOptions {
  const race = STORE_RACES.find((candidate) => candidate.name === name);
  if (race === undefined) throw new Error(`there is no store race ${name}`);
  return { ...race, daemon };
}
