/**
 * Drives a live system hard: commands all the while, and round after round a death, a migration, a cancellation, or two
 * of them at once, as `plan.ts` draws them from a seed. After each round the oracles of the simulator are asked of the real
 * thing: one running guest, no command lost and none executed twice, nobody left waiting.
 */
import { type ErrorCode, QuiesceError } from '../../protocol/errors.js';
import type { ControlRequest } from '../toolstack/control.js';
import { control } from '../toolstack/control-client.js';
import type { LiveStatus } from '../toolstack/status.js';
import { sleep } from '../toolstack/waiting.js';
import { PcrClient } from './pcr-client.js';
import { drawPlans, type Phase, type Plan, planText, type Victim } from './plan.js';
import { Seeded } from './seeded.js';

export interface Round {
  readonly number: number;
  readonly plan: Plan;
  /** For a person: `kill backend 12 ms after "suspends"`. */
  readonly text: string;
  /** What the migration said, where there was one. */
  readonly outcome: string;
  readonly owner: string;
}

export interface SoakOptions {
  readonly directory: string;
  readonly seed: number;
  /** Commands come from tpm2-tools, which must be installed. */
  readonly tools: boolean;
  /** Whether to go on after so many rounds. */
  readonly goOn: (rounds: number) => boolean;
  readonly onRound: (round: Round) => void;
}

export interface SoakResult {
  readonly rounds: number;
  readonly answered: number;
  readonly unanswered: number;
  readonly migrations: number;
  /** Oracles that did not hold, with the rounds; empty when all is well. */
  readonly failures: readonly string[];
}

/** Every guest and its TPM take more. */
const SURELY_CUT_BYTES = 20_000;
const SETTLE_MILLISECONDS = 60_000;
const CONTROL_MILLISECONDS = 120_000;
/** What the control socket says while a toolstack is started again. */
const AGAIN: readonly ErrorCode[] = ['PART_UNREACHABLE', 'LIVE_STATE'];

export async function soak({ directory, seed, tools, goOn, onRound }: SoakOptions): Promise<SoakResult> {
  const random = new Seeded(seed);
  const failures: string[] = [];
  const first = await settled(directory);
  const client = new PcrClient(first.tcti, tools);
  const traffic = new Traffic(client);
  traffic.start();
  let rounds = 0;
  let migrations = 0;
  let owner = first.owner;
  let plans: readonly Plan[] = [];
  let next = 0;
  while (goOn(rounds) && failures.length === 0) {
    if (next === plans.length) {
      plans = drawPlans(random, first.tpm === 'swtpm');
      next = 0;
    }
    const plan = plans[next++] as Plan;
    const text = planText(plan);
    rounds++;
    const { outcome, expected } = await oneRound(directory, plan, owner);
    if (expected !== undefined && outcome !== expected) failures.push(`round ${rounds}, ${text}: ${outcome}`);
    try {
      const status = await settled(directory);
      if (status.owner !== owner) migrations++;
      owner = status.owner;
      await traffic.pause();
      await client.check();
      failures.push(...judge(await settled(directory)).map((what) => `round ${rounds}, ${text}: ${what}`));
      traffic.start();
    } catch (error) {
      failures.push(`round ${rounds}, ${text}: ${error instanceof Error ? error.message : String(error)}`);
    }
    onRound({ number: rounds, plan, text, outcome, owner });
  }
  await traffic.pause().catch((error: unknown) => failures.push(String(error)));
  return { rounds, answered: client.answered, unanswered: client.unanswered, migrations, failures };
}

interface Done {
  readonly outcome: string;
  /** What else would be a failure; where something dies, there is more than one way. */
  readonly expected?: string;
}

/** `owner` is the host with the guest when the round begins. */
async function oneRound(directory: string, plan: Plan, owner: string): Promise<Done> {
  const kill = (victim: Victim): Promise<string> =>
    asked(directory, { command: 'kill', part: victim.replace('other', owner === 'a' ? 'b' : 'a') });
  switch (plan.situation) {
    case 'rest':
      return { outcome: await kill(plan.victim), ...(plan.victim === 'toolstack' ? {} : { expected: 'done' }) };
    case 'suspended': {
      const outcome = await asked(directory, { command: 'suspend' });
      await kill(plan.victim);
      await sleep(20);
      return { outcome: `${outcome}, cancel: ${await cancelled(directory)}` };
    }
    case 'migrating': {
      const { victims } = plan;
      return { outcome: await during(directory, plan, async () => void (await Promise.all(victims.map(kill)))) };
    }
    case 'cancelled':
      return {
        outcome: await during(directory, plan, async () => void (await asked(directory, { command: 'cancel' }))),
      };
    case 'cut': {
      const outcome = await asked(directory, { command: 'migrate', cutAfterBytes: plan.bytes });
      return { outcome, ...(plan.bytes < SURELY_CUT_BYTES ? { expected: 'PART_UNREACHABLE' } : {}) };
    }
    case 'moved':
      return { outcome: await asked(directory, { command: 'migrate' }), expected: 'done' };
  }
}

/** Migrates, and does something at a moment of it. */
async function during(
  directory: string,
  { phase, milliseconds }: { readonly phase: Phase; readonly milliseconds: number },
  work: () => Promise<void>,
): Promise<string> {
  let working: Promise<void> | null = null;
  const outcome = await asked(directory, { command: 'migrate' }, (message) => {
    if (working === null && message.includes(phase)) working = sleep(milliseconds).then(work);
  });
  await working;
  return working === null ? `${outcome}, and never came so far` : outcome;
}

/** What became of a request, as a word: a refusal is an outcome too. */
async function asked(
  directory: string,
  request: ControlRequest,
  onProgress: (message: string) => void = () => undefined,
): Promise<string> {
  try {
    await control(directory, request, { milliseconds: CONTROL_MILLISECONDS, onProgress });
    return 'done';
  } catch (error) {
    if (error instanceof QuiesceError) return error.code;
    throw error;
  }
}

/** Whoever has suspended the guest lets it go on, whatever has died meanwhile. */
async function cancelled(directory: string): Promise<string> {
  const { suspended } = await settled(directory, () => true);
  return suspended ? await asked(directory, { command: 'cancel' }) : 'not suspended';
}

/** The status once one guest runs and everything of its host does. */
async function settled(
  directory: string,
  well: (status: LiveStatus) => boolean = (status) => judge(status).length === 0,
): Promise<LiveStatus> {
  for (const deadline = performance.now() + SETTLE_MILLISECONDS; ; ) {
    try {
      const status = (await control(
        directory,
        { command: 'status' },
        { milliseconds: SETTLE_MILLISECONDS },
      )) as LiveStatus;
      if (well(status) || performance.now() > deadline) return status;
    } catch (error) {
      if (!(error instanceof QuiesceError) || !AGAIN.includes(error.code) || performance.now() > deadline) throw error;
    }
    await sleep(20);
  }
}

/** What does not hold. */
function judge(status: LiveStatus): string[] {
  const running = status.hosts.filter(({ guest }) => guest === 'running').map(({ name }) => name);
  const wrong: string[] = [];
  if (running.length !== 1 || running[0] !== status.owner)
    wrong.push(
      `one instance: expected one running guest on host ${status.owner}, found ${running.join(', ') || 'none'}`,
    );
  if (!status.exactlyOnce) wrong.push('exactly once: the TPM has executed something else than the guest has issued');
  const parts = status.hosts.find(({ name }) => name === status.owner)?.parts ?? [];
  for (const { name, running: runs } of [...parts, status.user]) {
    if (!runs && !(name === 'xenstored' && status.hosts.every(({ store }) => store === status.hosts[0]?.store)))
      wrong.push(`no hang: ${name} does not run`);
  }
  return wrong;
}

/** One command after the other, until told to pause. */
class Traffic {
  readonly #client: PcrClient;
  #running: Promise<void> | null = null;
  #paused = true;

  constructor(client: PcrClient) {
    this.#client = client;
  }

  start(): void {
    this.#paused = false;
    this.#running = this.#run();
    // Reported by `pause`.
    this.#running.catch(() => undefined);
  }

  /** Resolves when the last command is answered. Rejects with what went wrong meanwhile. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#paused) {
      await this.#client.extend();
      await sleep(1);
    }
  }
}
