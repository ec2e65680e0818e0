/**
 * From what a driver file exports to an entry like those of the zoo, and whether what it makes is a driver at all.
 *
 * Accepted is a class, whose constructor gets the services, or an object with `create` and what goes with the driver.
 * What is left out comes from the driver that the class extends: a subclass of the ring handoff has its toolstack drain.
 */

import { TpmbackV1 } from '../backend/tpmback/v1.js';
import { DRIVER_PFN } from '../frontend/guest-memory.js';
import { LinuxTpmfront } from '../frontend/tpmfront/linux.js';
import { NoHookTpmfront } from '../frontend/tpmfront/no-hook.js';
import { QuiesceTpmfront } from '../frontend/tpmfront/quiesce.js';
import { ResendTpmfront } from '../frontend/tpmfront/resend.js';
import { RingHandoffTpmfront } from '../frontend/tpmfront/ring-handoff.js';
import { SequencedTpmfront } from '../frontend/tpmfront/sequenced.js';
import { WaitLoopTpmfront } from '../frontend/tpmfront/v1.js';
import { Task } from '../hypervisor/steps.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { findTpmback, findTpmfront, type TpmbackEntry, type TpmfrontEntry } from '../simulator/drivers.js';
import { driverError, placeIn, thrownText } from './driver-rules.js';
import { driverWatch } from './driver-watch.js';

/** What is exported, and where it comes from: `name` as messages and schedules give it, `url` of its module if it has one. */
export interface Exported {
  readonly name: string;
  readonly url: string | null;
  readonly value: unknown;
}

interface Members {
  readonly methods: readonly string[];
  /** Properties that are not functions, with the type they must have. */
  readonly values: Readonly<Record<string, 'number' | 'boolean'>>;
}

const TPMFRONT: Members = {
  methods: [
    'accepts',
    'submit',
    'probe',
    'otherendChanged',
    'interrupt',
    'suspend',
    'suspended',
    'suspendCancelled',
    'resume',
    'resumed',
  ],
  values: { port: 'number' },
};

const TPMBACK: Members = {
  methods: ['start', 'watchesFired', 'interrupt'],
  values: { port: 'number', interruptible: 'boolean' },
};

/** The state of a driver lies in one page; the last word of a backend's says whether the process lives. */
const STATE_BYTES_MAX = PAGE_SIZE - 4;

/** The tpmfronts of the zoo by their classes. */
const ZOO: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [WaitLoopTpmfront, 'wait-loop'],
  [ResendTpmfront, 'resend'],
  [NoHookTpmfront, 'no-hook'],
  [LinuxTpmfront, 'linux'],
  [QuiesceTpmfront, 'quiesce'],
  [RingHandoffTpmfront, 'ring-handoff'],
  [SequencedTpmfront, 'sequenced'],
]);

const parents = new WeakMap<TpmfrontEntry, string>();

/** The tpmfront of the zoo that a tpmfront of one's own extends; undefined when it extends none. */
export function parentOf(entry: TpmfrontEntry): string | undefined {
  return parents.get(entry);
}

/** Throws `BAD_DRIVER`. */
export function tpmfrontEntry(exported: Exported): TpmfrontEntry {
  const { create, kin, option } = recipeOf(exported, 'tpmfront', ['create', 'tpmback', 'drain', 'patient', 'summary']);
  const parent = Array.from(ZOO).find(([known]) => kin(known))?.[1];
  const usual = findTpmfront(parent ?? 'quiesce');
  const tpmback = option('tpmback', 'string') ?? usual.tpmback;
  try {
    findTpmback(tpmback);
  } catch (error) {
    throw shapeError(exported, `tpmback: ${error instanceof Error ? error.message : ''}`);
  }
  const entry: TpmfrontEntry = {
    name: exported.name,
    summary: option('summary', 'string') ?? 'a tpmfront of your own',
    tpmback,
    drain: option('drain', 'boolean') ?? usual.drain,
    patient: option('patient', 'boolean') ?? usual.patient,
    create: (services) => {
      const page = services.domain.page(DRIVER_PFN);
      return made<ReturnType<TpmfrontEntry['create']>>(exported, TPMFRONT, page, () => create(services));
    },
  };
  if (parent !== undefined) parents.set(entry, parent);
  return entry;
}

/** Throws `BAD_DRIVER`. */
export function tpmbackEntry(exported: Exported): TpmbackEntry {
  const { create, kin, option } = recipeOf(exported, 'tpmback', ['create', 'ring', 'summary']);
  const ring = option('ring', 'string') ?? (kin(TpmbackV1) ? 'v1' : 'v2');
  if (ring !== 'v1' && ring !== 'v2') throw shapeError(exported, `ring: expected 'v1' or 'v2', found '${ring}'`);
  return {
    name: exported.name,
    summary: option('summary', 'string') ?? 'a tpmback of your own',
    ring,
    create: (services) =>
      made<ReturnType<TpmbackEntry['create']>>(exported, TPMBACK, services.page, () => create(services)),
  };
}

interface Recipe {
  readonly create: (services: unknown) => unknown;
  /** Whether what is exported is this class or extends it. */
  readonly kin: (known: unknown) => boolean;
  readonly option: {
    (name: string, type: 'string'): string | undefined;
    (name: string, type: 'boolean'): boolean | undefined;
  };
}

function recipeOf(exported: Exported, kind: string, known: readonly string[]): Recipe {
  const { value } = exported;
  const expected = `expected a class of a ${kind}, or an object with create, as its default export`;
  if (isClass(value)) {
    return {
      create: (services) => Reflect.construct(value, [services]),
      kin: (other) => value === other || (typeof other === 'function' && value.prototype instanceof other),
      option: () => undefined,
    };
  }
  if (typeof value === 'function') throw shapeError(exported, `${expected}; found a function, write { create: it }`);
  if (typeof value !== 'object' || value === null)
    throw shapeError(exported, `${expected}; found ${value === undefined ? 'none' : String(value)}`);
  const create: unknown = Reflect.get(value, 'create');
  if (typeof create !== 'function') throw shapeError(exported, `${expected}; found an object without create`);
  const strange = Object.keys(value).find((name) => !known.includes(name));
  if (strange !== undefined) throw shapeError(exported, `expected only ${known.join(', ')}; found ${strange}`);
  const option = (name: string, type: 'string' | 'boolean'): never => {
    const found: unknown = Reflect.get(value, name);
    if (found !== undefined && typeof found !== type)
      throw shapeError(exported, `${name}: expected a ${type}, found a ${typeof found}`);
    return found as never;
  };
  return { create: (services) => Reflect.apply(create, value, [services]), kin: () => false, option };
}

/** A function that must be called with `new`. */
function isClass(value: unknown): value is new (services: unknown) => unknown {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

/** Makes a driver and looks whether it is one; its state lies at `page`. */
function made<T>(exported: Exported, members: Members, page: number, create: () => unknown): T {
  const watch = driverWatch();
  let driver: unknown;
  try {
    driver = watch === null ? create() : watch.run('its constructor', exported.name, create);
  } catch (error) {
    const place = exported.url === null ? '' : placeIn(error, exported.url);
    throw driverError(exported.name + place, 'shape', `making the driver throws ${thrownText(error)}`);
  }
  if (typeof driver !== 'object' || driver === null) throw shapeError(exported, 'expected create to give a driver');
  checkMembers(exported, driver, members);
  checkMemory(exported, driver as { readonly layout: unknown });
  checkTasks(exported, driver as { readonly tasks: unknown }, page);
  if (watch !== null) {
    if (!Object.isExtensible(driver)) throw shapeError(exported, 'expected a driver that is not frozen');
    watch.wrap(driver, exported.name, members.methods, Reflect.get(driver, 'tasks') as readonly Task<never>[]);
  }
  return driver as T;
}

function checkMembers(exported: Exported, driver: object, { methods, values }: Members): void {
  for (const name of methods) {
    const found: unknown = Reflect.get(driver, name);
    if (typeof found !== 'function')
      throw shapeError(exported, `expected a driver with the method ${name}, found ${typeof found}`);
    if (isAsync(found)) throw shapeError(exported, `${name}: expected a function that ends, found an async one`);
  }
  for (const [name, type] of Object.entries(values)) {
    if (typeof Reflect.get(driver, name) !== type) throw shapeError(exported, `expected ${name} to be a ${type}`);
  }
  if (typeof Reflect.get(driver, 'name') !== 'string') throw shapeError(exported, 'expected name to be a string');
  const timers: unknown = Reflect.get(driver, 'timers');
  if (members(timers) === null && methods === TPMFRONT.methods)
    throw shapeError(exported, 'expected timers to be a list, if only an empty one');
}

function checkMemory(exported: Exported, { layout }: { readonly layout: unknown }): void {
  const size: unknown = typeof layout === 'object' && layout !== null ? Reflect.get(layout, 'size') : undefined;
  if (typeof size !== 'number') throw shapeError(exported, 'expected layout to be what layout() makes');
  if (size > STATE_BYTES_MAX)
    throw driverError(exported.name, 'memory', `expected a state of at most ${STATE_BYTES_MAX} bytes, found ${size}`);
}

function checkTasks(exported: Exported, { tasks }: { readonly tasks: unknown }, page: number): void {
  const list = members(tasks);
  if (list === null) throw shapeError(exported, 'expected tasks to be a list of Task');
  for (const entry of list) {
    if (!(entry instanceof Task)) throw shapeError(exported, "expected tasks to be a list of the library's Task");
    const { definition, address } = entry;
    if (address < page || address >= page + PAGE_SIZE)
      throw driverError(
        exported.name,
        'memory',
        `task ${definition.name} keeps its position outside the driver's page`,
      );
    const waiting = definition.steps.findIndex(({ run }) => isAsync(run));
    if (waiting >= 0) {
      const step = `${definition.name}/${definition.stepNames[waiting]}`;
      throw shapeError(exported, `step ${step}: expected a function that ends, found an async one`);
    }
  }
}

function members(value: unknown): readonly unknown[] | null {
  return Array.isArray(value) ? value : null;
}

function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]';
}

function shapeError(exported: Exported, found: string): Error {
  return driverError(exported.name, 'shape', found);
}
