/**
 * Leads a live system through a schedule: each part holds its steps back until it is their turn, deaths are dealt when it
 * is theirs, and in the end the real thing is judged: what the guest issued, what its TPM has executed, and what its PCRs
 * hold.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { down, status, up } from '../system.js';
import { control } from '../toolstack/control-client.js';
import type { LiveOptions } from '../toolstack/options.js';
import { lockFile, readHolder } from '../toolstack/part-lock.js';
import type { LiveStatus, PartStatus } from '../toolstack/status.js';
import { sleep } from '../toolstack/waiting.js';
import { TraceClock } from '../trace/clock.js';
import { TOOLSTACK_DEATH, Turns } from '../trace/turns.js';
import { expectedPcrs, type PcrValues, readPcrs } from './pcr-values.js';
import { TpmClient } from './tpm-client.js';

export interface DriveOrders {
  /** Folder of the live system, and of its trace; both are made. */
  readonly directory: string;
  readonly trace: string;
  readonly options: Omit<LiveOptions, 'trace' | 'turns' | 'threads'>;
  /** Steps in their order. */
  readonly turns: readonly string[];
  readonly controls: readonly ('suspend' | 'migrate' | 'cancel')[];
  /** Of the user, one after the other. */
  readonly commands: readonly Uint8Array[];
  /** The live system cannot follow when a step has not been taken for so long. */
  readonly stepMilliseconds: number;
  /** For answers, after the last step. */
  readonly answerMilliseconds: number;
  readonly onProgress?: ((text: string) => void) | undefined;
  /** The system has begun: from now on it is to be ended. */
  readonly onBegun?: () => void;
}

export interface Driven {
  /** Steps that were taken in their turn; all of them where the schedule was carried out. */
  readonly taken: number;
  readonly steps: number;
  /** The step that did not come; null where all did. */
  readonly missing: string | null;
  readonly issued: number;
  readonly executed: number;
  /** Commands that were answered, of those that were given. */
  readonly answered: number;
  readonly given: number;
  readonly exactlyOnce: boolean;
  readonly oneInstance: boolean;
  /** PCRs that are not what they were had each command been executed once. */
  readonly pcrs: readonly { readonly pcr: number; readonly expected: string; readonly found: string }[];
  /** Oracles that do not hold of the live run. */
  readonly failures: readonly string[];
}

const LOOK_MILLISECONDS = 2;
/** Nothing has happened for so long: what was to follow the handshake has followed. */
const QUIET_MILLISECONDS = 300;
const QUIET_MILLISECONDS_MAX = 10_000;
const CONTROL_MILLISECONDS = 60_000;
const READ_MILLISECONDS = 10_000;

/** Rejects with what keeps a live system from beginning. Whatever happens, nothing is left running. */
export async function drive(orders: DriveOrders): Promise<Driven> {
  const { directory, trace, options, turns, onProgress } = orders;
  const begun = await up(directory, { ...options, threads: false, trace, turns }, onProgress);
  orders.onBegun?.();
  try {
    return await new Drive(orders, begun).run();
  } finally {
    await down(directory).catch(() => undefined);
  }
}

class Drive {
  readonly #orders: DriveOrders;
  readonly #clock: TraceClock;
  readonly #turns: Turns;
  readonly #client: TpmClient;
  #answered = 0;
  /** Of the backend, so far. */
  #deaths = 0;
  /** For answers it is too late. */
  readonly #late = new AbortController();

  constructor(orders: DriveOrders, begun: LiveStatus) {
    this.#orders = orders;
    this.#clock = TraceClock.ofFile(orders.trace);
    const turns = Turns.of(orders.trace, this.#clock);
    if (turns === null) throw new QuiesceError('LIVE_STATE', `expected the turns of a driven run in ${orders.trace}`);
    this.#turns = turns;
    this.#client = new TpmClient(begun.tcti);
  }

  async run(): Promise<Driven> {
    await this.#quiet();
    this.#turns.begin();
    const commands = this.#give();
    const controls = this.#control();
    const { taken, missing } = await this.#lead();
    this.#turns.open();
    const timer = setTimeout(() => this.#late.abort(), this.#orders.answerMilliseconds);
    await Promise.all([commands, controls]);
    clearTimeout(timer);
    return this.#judge(taken, missing);
  }

  async #quiet(): Promise<void> {
    let seen = -1;
    for (const deadline = performance.now() + QUIET_MILLISECONDS_MAX; performance.now() < deadline; ) {
      const { moment } = this.#clock;
      if (moment === seen) return;
      seen = moment;
      await sleep(QUIET_MILLISECONDS);
    }
  }

  /** One command after the other. Where one is not answered, the next is not given. */
  async #give(): Promise<void> {
    const { commands, turns, stepMilliseconds } = this.#orders;
    // While it is led, it takes as long as it takes.
    const longest = stepMilliseconds * (turns.length + 1);
    for (const command of commands) {
      if ((await this.#client.execute(command, longest, this.#late.signal)) === null) return;
      this.#answered++;
    }
  }

  async #control(): Promise<void> {
    const { controls, directory, turns, stepMilliseconds } = this.#orders;
    const milliseconds = CONTROL_MILLISECONDS + stepMilliseconds * turns.length;
    for (const command of controls) {
      // What does not come of it shows in the end.
      await control(directory, { command }, { milliseconds }).catch(() => undefined);
    }
  }

  /** Deals deaths, and looks whether the others take their turns. */
  async #lead(): Promise<{ readonly taken: number; readonly missing: string | null }> {
    const { turns, stepMilliseconds, onProgress } = this.#orders;
    let seen = -1;
    let since = performance.now();
    while (!this.#turns.free) {
      const { next } = this.#turns;
      const step = turns[next] ?? '';
      if (next !== seen) {
        seen = next;
        since = performance.now();
        onProgress?.(`${next + 1} of ${turns.length}: ${step}`);
        if (step.startsWith('fault/kill ') && (await this.#death(step))) this.#turns.pass();
      } else if (performance.now() - since > stepMilliseconds) {
        return { taken: next, missing: step };
      }
      await sleep(LOOK_MILLISECONDS);
    }
    return { taken: turns.length, missing: null };
  }

  /** Kills, or waits for who dies in a step. Resolves to false when nobody dies. */
  async #death(step: string): Promise<boolean> {
    const { directory, stepMilliseconds } = this.#orders;
    if (step === TOOLSTACK_DEATH) return this.#toolstackDeath();
    if (!step.includes(' in ')) {
      await control(directory, { command: 'kill', part: 'backend' }, { milliseconds: CONTROL_MILLISECONDS });
    }
    for (const deadline = performance.now() + stepMilliseconds; performance.now() < deadline; ) {
      // Cleared up after, and started again.
      const { restarts } = await this.#backend();
      if (restarts > this.#deaths) {
        this.#deaths = restarts;
        return true;
      }
      await sleep(LOOK_MILLISECONDS);
    }
    return false;
  }

  /** Its successor takes its lock, and waits for its own turn. */
  async #toolstackDeath(): Promise<boolean> {
    const { directory, stepMilliseconds } = this.#orders;
    const holder = (): string | null | undefined => readHolder(lockFile(`${directory}/toolstack`))?.startTime;
    const before = holder();
    // It dies before it can answer.
    await control(directory, { command: 'kill', part: 'toolstack' }, { milliseconds: CONTROL_MILLISECONDS }).catch(
      () => undefined,
    );
    for (const deadline = performance.now() + stepMilliseconds; performance.now() < deadline; ) {
      if (holder() !== before) return true;
      await sleep(LOOK_MILLISECONDS);
    }
    return false;
  }

  async #backend(): Promise<PartStatus> {
    const { owner, hosts } = await status(this.#orders.directory);
    const part = hosts.find(({ name }) => name === owner)?.parts.find(({ name }) => name === 'backend');
    if (part === undefined) throw new QuiesceError('LIVE_STATE', 'expected a backend on the host of the guest');
    return part;
  }

  async #judge(taken: number, missing: string | null): Promise<Driven> {
    const { turns, commands, directory, options } = this.#orders;
    const found = await status(directory);
    const real = await readPcrs((command) => this.#client.execute(command, READ_MILLISECONDS));
    // One that was given and not answered may have been executed or not.
    const counts = [...new Set([this.#answered, Math.min(this.#answered + 1, commands.length)])];
    const differences: Driven['pcrs'][] = [];
    for (const count of counts) {
      const once = commands.slice(0, count);
      differences.push(differing(await expectedPcrs(options.tpm, options.startup, once, directory), real));
    }
    const pcrs = differences.find((each) => each.length === 0) ?? differences[0] ?? [];
    const running = found.hosts.filter(({ guest }) => guest === 'running');
    const oneInstance = running.length === 1 && running[0]?.name === found.owner;
    const answered = this.#answered;
    const failures = [
      ...(found.exactlyOnce && pcrs.length === 0 ? [] : ['exactly-once']),
      ...(answered === commands.length ? [] : ['no-hang']),
      ...(oneInstance ? [] : ['one-instance']),
    ];
    const { issued, executed, exactlyOnce } = found;
    const steps = turns.length;
    return {
      taken,
      steps,
      missing,
      issued,
      executed,
      answered,
      given: commands.length,
      exactlyOnce,
      oneInstance,
      pcrs,
      failures,
    };
  }
}

/** A TPM that does not answer differs in nothing; that it does not is another failure. */
function differing(expected: PcrValues | null, found: PcrValues | null): Driven['pcrs'] {
  if (expected === null || found === null) return [];
  return expected.flatMap((value, pcr) =>
    value === found[pcr] ? [] : [{ pcr, expected: value, found: found[pcr] ?? '' }],
  );
}
