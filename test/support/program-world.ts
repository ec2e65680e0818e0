/**
 * Small programs as worlds: a few agents that load, store and wait on a few words. Each has a position, as a task has.
 */
import { ALL_AGENTS, CrashSignal, JournaledMemory, NO_CRASH } from '../../hypervisor/journaled-memory.js';
import type { Explorable } from '../../simulator/explore/explore.js';
import type { GuardWatch, StepSpace } from '../../simulator/explore/step-space.js';
import { oracleBit } from '../../simulator/world-state.js';

/** What one step does. `word` and `other` are variables, `label` a position. */
export type Instruction =
  | { readonly op: 'store'; readonly word: number; readonly value: number }
  | { readonly op: 'copy'; readonly word: number; readonly other: number }
  | { readonly op: 'add'; readonly word: number }
  /** Two stores, between which the agent can be killed. */
  | { readonly op: 'pair'; readonly word: number; readonly other: number; readonly value: number }
  /** Three stores, so that the agent can be killed in two ways. */
  | { readonly op: 'triple'; readonly word: number; readonly other: number; readonly value: number }
  /** Waits until the variable has the value. */
  | { readonly op: 'await'; readonly word: number; readonly value: number }
  | { readonly op: 'goto-if'; readonly word: number; readonly value: number; readonly label: number }
  /** Wrong when the variable has the value. */
  | { readonly op: 'wrong-if'; readonly word: number; readonly value: number }
  | { readonly op: 'set-timer'; readonly timer: number; readonly value: number }
  | { readonly op: 'await-timer'; readonly timer: number }
  | { readonly op: 'start'; readonly agent: number };

export interface Agent {
  /** `urgent` keeps time from passing, `idle` does not, `fault` may act or not. */
  readonly kind: 'urgent' | 'idle' | 'fault';
  /** It acts only while this variable is 0; null for always. */
  readonly gate: number | null;
  readonly starts: boolean;
  readonly code: readonly Instruction[];
}

export interface Program {
  readonly agents: readonly Agent[];
  /** How often an agent may be killed between two stores. */
  readonly kills: number;
}

/** What a learner of footprints does not hear. */
export type Deaf = 'loads' | 'stores' | 'silent stores' | 'conditions' | 'kills';

const VARIABLES = 0x1000;
const TIMERS = 0x1100;
const POSITIONS = 0x1200;
const KILLS = 0x1300;
const VIOLATIONS = 0x1304;
const TIMER_COUNT = 2;
const KILL_BASE = 1000;

export class ProgramWorld implements Explorable, StepSpace {
  readonly memory = new JournaledMemory(2);
  readonly actorCount: number;
  readonly groupCount: number;
  readonly time: number;
  readonly restricted = false;
  reducing = false;
  lastFault: string | null = null;
  atRest = false;
  /** Hashes of the states judged as ends, and what was wrong, in all schedules so far. */
  readonly ends = new Set<string>();
  readonly wrongs = new Set<string>();
  readonly #program: Program;
  readonly #deaf: Deaf | null;
  #watch: GuardWatch | null = null;
  #guarding = false;

  /** With `deaf`, whoever learns the footprints of the steps does not hear of some of what happens. */
  constructor(program: Program, deaf: Deaf | null = null) {
    this.#program = program;
    this.#deaf = deaf;
    this.actorCount = program.agents.length + 1;
    this.groupCount = program.agents.length + 1;
    this.time = program.agents.length;
    for (const [agent, { starts }] of program.agents.entries())
      this.memory.write32(POSITIONS + agent * 4, starts ? 1 : 0);
    this.memory.write32(KILLS, program.kills);
    this.memory.reset();
  }

  get steps(): StepSpace {
    return this;
  }

  get watch(): GuardWatch | null {
    return this.#watch;
  }

  set watch(watch: GuardWatch | null) {
    const { memory } = this;
    const { observer } = memory;
    this.#watch = watch;
    if (watch === null || observer === null || this.#deaf === null) return;
    const deaf = this.#deaf;
    memory.observer = {
      store() {},
      load: (address, size) => {
        if (deaf === 'loads' && !this.#guarding) return;
        if (deaf === 'conditions' && this.#guarding) return;
        observer.load(address, size);
      },
      stored: (word, value, changed) => {
        if (deaf === 'stores' && changed && word < POSITIONS >>> 2) return;
        if (deaf === 'silent stores' && !changed) return;
        observer.stored?.(word, value, changed);
      },
    };
  }

  get violations(): number {
    return this.memory.words[VIOLATIONS >>> 2] as number;
  }

  groupOf(actor: number): number {
    return actor;
  }

  positionWord(actor: number): number {
    return actor === this.time ? -1 : (POSITIONS + actor * 4) >>> 2;
  }

  isLazy(actor: number): boolean {
    return actor !== this.time && this.#agent(actor).kind !== 'urgent';
  }

  actorOf(choice: number): number {
    return choice < KILL_BASE ? choice : Math.floor(choice / KILL_BASE) - 1;
  }

  isKill(choice: number): boolean {
    return choice >= KILL_BASE;
  }

  isFault(choice: number): boolean {
    return choice >= KILL_BASE || (choice !== this.time && this.#agent(choice).kind === 'fault');
  }

  enumerate(choices: Int32Array, first = 0): number {
    this.#guarding = true;
    const count = this.#enumerate(choices, first);
    this.#guarding = false;
    return count;
  }

  #enumerate(choices: Int32Array, first: number): number {
    const { memory, watch } = this;
    let end = first;
    let urgent = false;
    this.atRest = true;
    for (let agent = 0; agent < this.time; agent++) {
      const { gate, kind } = this.#agent(agent);
      watch?.group(agent);
      if (gate !== null && memory.read32(VARIABLES + gate * 4) !== 0) continue;
      watch?.guard(agent);
      if (!this.#ready(agent)) continue;
      choices[end++] = agent;
      if (kind === 'urgent') urgent = true;
      if (kind !== 'fault') this.atRest = false;
    }
    watch?.guard(this.time);
    if (!urgent && this.#nearest() > 0) {
      choices[end++] = this.time;
      this.atRest = false;
    }
    return this.#enumerateKills(choices, first, end) - first;
  }

  step(choice: number): void {
    const { memory } = this;
    const actor = this.actorOf(choice);
    if (actor === this.time) {
      this.#passTime();
      return;
    }
    if (choice >= KILL_BASE) memory.storesLeft = choice % KILL_BASE;
    try {
      this.#run(actor);
    } catch (error) {
      if (!(error instanceof CrashSignal)) throw error;
    }
    memory.storesLeft = NO_CRASH;
    if (choice < KILL_BASE) return;
    memory.write32(KILLS, memory.read32(KILLS) - 1);
    memory.write32(POSITIONS + actor * 4, 0);
  }

  quiescent(): void {
    this.ends.add(`${this.memory.hashLow} ${this.memory.hashHigh}`);
  }

  #agent(agent: number): Agent {
    return this.#program.agents[agent] as Agent;
  }

  #ready(agent: number): boolean {
    const { memory } = this;
    const position = memory.read32(POSITIONS + agent * 4);
    const next = this.#agent(agent).code[position - 1];
    if (next === undefined) return false;
    if (next.op === 'await') return memory.read32(VARIABLES + next.word * 4) === next.value;
    if (next.op === 'await-timer') return memory.read32(TIMERS + next.timer * 4) === 1;
    return true;
  }

  #run(agent: number): void {
    const { memory } = this;
    memory.current = ALL_AGENTS;
    const at = POSITIONS + agent * 4;
    const position = memory.read32(at);
    const { code } = this.#agent(agent);
    const next = code[position - 1] as Instruction;
    let goes = position < code.length ? position + 1 : 0;
    const variable = 'word' in next ? VARIABLES + next.word * 4 : 0;
    switch (next.op) {
      case 'store':
        memory.write32(variable, next.value);
        break;
      case 'copy':
        memory.write32(variable, memory.read32(VARIABLES + next.other * 4));
        break;
      case 'add':
        memory.write32(variable, (memory.read32(variable) + 1) % 3);
        break;
      case 'pair':
        memory.write32(variable, next.value);
        memory.write32(VARIABLES + next.other * 4, next.value);
        break;
      case 'triple':
        memory.write32(variable, (next.value + 1) % 3);
        memory.write32(VARIABLES + next.other * 4, next.value);
        memory.write32(variable, next.value);
        break;
      case 'goto-if':
        if (memory.read32(variable) === next.value) goes = Math.min(next.label, code.length);
        break;
      case 'wrong-if':
        if (memory.read32(variable) === next.value) this.#wrong(`${agent} at ${position}`);
        break;
      case 'set-timer':
        memory.write32(TIMERS + next.timer * 4, next.value + 1);
        break;
      case 'start':
        if (next.agent !== agent && next.agent < this.time) memory.write32(POSITIONS + next.agent * 4, 1);
        break;
      case 'await':
      case 'await-timer':
        break;
    }
    memory.write32(at, goes);
  }

  #wrong(what: string): void {
    this.wrongs.add(what);
    this.memory.write32(VIOLATIONS, this.violations | oracleBit('right-answer'));
  }

  #nearest(): number {
    let nearest = 0;
    for (let timer = 0; timer < TIMER_COUNT; timer++) {
      const left = this.memory.read32(TIMERS + timer * 4) - 1;
      if (left > 0 && (nearest === 0 || left < nearest)) nearest = left;
    }
    return nearest;
  }

  #passTime(): void {
    const nearest = this.#nearest();
    for (let timer = 0; timer < TIMER_COUNT; timer++) {
      const left = this.memory.read32(TIMERS + timer * 4) - 1;
      if (left > 0) this.memory.write32(TIMERS + timer * 4, left - nearest + 1);
    }
  }

  #enumerateKills(choices: Int32Array, first: number, end: number): number {
    const { memory } = this;
    if (this.#program.kills === 0) return end;
    let next = end;
    for (let i = first; i < end; i++) {
      const agent = choices[i] as number;
      if (agent === this.time) continue;
      if (this.#deaf !== 'kills') this.watch?.kill(agent);
      if (memory.read32(KILLS) === 0) continue;
      const { journalLength, hashLow, hashHigh } = memory;
      this.step(agent);
      const stores = memory.journalLength - journalLength;
      memory.undo(journalLength, hashLow, hashHigh);
      for (let k = 1; k < stores; k++) choices[next++] = (agent + 1) * KILL_BASE + k;
    }
    return next;
  }
}
