/**
 * A world for one question: does a xenstored keep what it promises when its clients are interleaved request by request?
 * A store and some callers, nothing else.
 *
 * In the other worlds a transaction is one step, so that no two of them meet. Here they do. Judged are: no update is lost
 * and none is half done (`exactly-once`), whoever watches sees the last change (`no-hang`), and permissions hold, for
 * requests and for events (`store-permissions`).
 */
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { layout, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { connect, type DaemonName, execute, finite, POLICIES, type Request, Store } from '../../xenstore-sim/index.js';
import type { Fuzzable } from '../fuzz/scheduler.js';
import { type StoreValue, StoreValues } from '../store-value.js';
import { type OracleName, oracleBit } from '../world-state.js';
import { CALLER_WORDS, Caller, type StoreScript } from './caller.js';

const State = layout('store races', { violations: u32 });
const CALLERS_OFFSET = 64;

export interface StoreWorldOptions {
  readonly daemon: DaemonName;
  /** Domains that exist from the start, beside the control domain. */
  readonly domains: readonly number[];
  /** What domain 0 asks before anybody else. */
  readonly prepare: readonly Request[];
  readonly scripts: readonly StoreScript[];
  /** Judges the end: what is wrong, or null. */
  readonly judge: (
    callers: readonly Caller[],
    read: (path: string) => string | null,
  ) => readonly [OracleName, string] | null;
}

export class StoreWorld implements Fuzzable {
  readonly memory: JournaledMemory;
  readonly callers: readonly Caller[];
  readonly actorCount: number;
  lastFault: string | null = null;
  atRest = false;
  reducing = false;
  readonly #options: StoreWorldOptions;
  readonly #values = new StoreValues();
  readonly #cell: number;
  readonly #state;

  constructor(options: StoreWorldOptions) {
    this.#options = options;
    this.memory = new JournaledMemory(2);
    this.#state = State.view(this.memory).at(PAGE_SIZE);
    this.#cell = this.memory.addCell(this.#values.of(this.#prepared()));
    this.callers = options.scripts.map(
      (script, index) =>
        new Caller(script, {
          memory: this.memory,
          address: PAGE_SIZE + CALLERS_OFFSET + index * CALLER_WORDS * 4,
          connection: index + 1,
          store: () => this.#store,
          setStore: (store) => this.#set(store),
          ask: (connection, request) => {
            const { store, reply } = execute(this.#store, connection, request);
            this.#set(store);
            return reply;
          },
          fail: (oracle, why) => this.fail(oracle, why),
        }),
    );
    this.actorCount = this.callers.length;
    this.memory.reset();
  }

  get violations(): number {
    return this.#state.violations;
  }

  fail(oracle: OracleName, why: string): void {
    this.lastFault = why;
    this.#state.violations |= oracleBit(oracle);
  }

  enumerate(choices: Int32Array, first = 0): number {
    let end = first;
    for (let i = 0; i < this.callers.length; i++) if ((this.callers[i] as Caller).ready()) choices[end++] = i;
    this.atRest = end === first;
    return end - first;
  }

  step(choice: number): void {
    this.lastFault = null;
    try {
      (this.callers[choice] as Caller).step();
    } catch (error) {
      this.fail('driver-fault', error instanceof Error ? error.message : String(error));
    }
  }

  isFault(): boolean {
    return false;
  }

  actorOf(choice: number): number {
    return choice;
  }

  stepId(choice: number): number {
    return (choice << 6) | ((this.callers[choice] as Caller).position + 1);
  }

  describe(choice: number): string {
    const { script, next } = this.callers[choice] as Caller;
    return `${script.name}/${next?.name}`;
  }

  quiescent(): void {
    const read = (path: string): string | null => {
      const { reply } = execute(this.#store, 0, { type: 'read', path });
      return reply.kind === 'value' ? reply.value : null;
    };
    const wrong = this.#options.judge(this.callers, read);
    if (wrong !== null) this.fail(...wrong);
  }

  get #store(): Store {
    return (this.memory.cell(this.#cell) as StoreValue).store;
  }

  #set(store: Store): void {
    this.memory.assignCell(this.#cell, this.#values.of(store));
  }

  /** Connection 0 is domain 0's own; the callers' follow in their order. */
  #prepared(): Store {
    const { daemon, domains, prepare, scripts } = this.#options;
    let store = connect(Store.empty(finite(POLICIES[daemon])), { domid: 0, id: 0 }).store;
    for (const domid of domains) {
      store = connect(store, { domid, id: 100 + domid }).store;
      store = execute(store, 0, { type: 'introduce', domid, gfn: 1, port: 1 }).store;
    }
    for (const request of prepare) store = execute(store, 0, request).store;
    scripts.forEach(({ domid }, index) => {
      store = connect(store, { domid, id: index + 1 }).store;
    });
    return store;
  }
}
