/**
 * `quiesce explore --reduction`: what an exploration leaves out, and what that is worth, measured side by side.
 */
import { allocateLarge } from '../platform/large-pages.js';
import {
  type Explorable,
  type Exploration,
  explore,
  REDUCTIONS,
  type Reduction,
} from '../simulator/explore/explore.js';
import type { Arguments } from './arguments.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { ProgressLine } from './progress.js';
import { tableLines } from './table.js';
import type { Terminal } from './terminal.js';

const COMPARE = 'compare';

interface Measured {
  readonly reduction: Reduction;
  readonly found: Exploration;
  readonly seconds: number;
}

/** Throws `USAGE` for a reduction that there is not. */
export function reductionOf(args: Arguments): Reduction | undefined {
  const asked = args.oneOf('reduction', [...REDUCTIONS, COMPARE]);
  return asked === COMPARE ? undefined : asked;
}

export function asksToCompare(args: Arguments): boolean {
  return args.text('reduction') === COMPARE;
}

/**
 * Explores a world with each reduction, depth-first, and prints states, transitions and seconds. The JSON document is
 * `{ reductions: [{ reduction, oracle, complete, states, transitions, offered, seconds }] }`.
 */
export function compareReductions(
  make: () => Explorable,
  args: Arguments,
  maxStates: number | undefined,
  terminal: Terminal,
): ExitStatus {
  const progress = new ProgressLine(terminal);
  const measured = REDUCTIONS.map((reduction): Measured => {
    const world = make();
    const start = terminal.clock();
    const found = explore(world, {
      order: 'dfs',
      reduction,
      maxStates,
      allocate: allocateLarge,
      onProgress: ({ states }) => progress.show(`${reduction}: ${states} states`),
    });
    return { reduction, found, seconds: Math.round((terminal.clock() - start) * 1e6) / 1e6 };
  });
  progress.clear();
  terminal.out(args.flag('json') ? json(measured) : text(measured, terminal.columns));
  if (measured.some(({ found }) => !found.holds)) return EXIT.fails;
  return measured.every(({ found }) => found.complete) ? EXIT.holds : EXIT.refused;
}

function json(measured: readonly Measured[]): string {
  const reductions = measured.map(({ reduction, found, seconds }) => {
    const { oracle, complete, states, transitions, offered } = found;
    return { reduction, oracle, complete, states, transitions, offered, seconds };
  });
  return `${JSON.stringify({ reductions })}\n`;
}

function text(measured: readonly Measured[], width: number): string {
  const whole = measured[0] as Measured;
  const times = (most: number, here: number): string => `${(most / Math.max(here, 1)).toFixed(1)}x`;
  const rows = measured.map(({ reduction, found, seconds }) => {
    const { states, transitions, oracle, complete } = found;
    const comparable = whole.found.complete && complete;
    const cells = [
      String(states),
      comparable ? times(whole.found.states, states) : '',
      String(transitions),
      comparable ? times(whole.found.transitions, transitions) : '',
      seconds.toFixed(2),
      oracle === null ? (complete ? 'holds' : 'not complete') : `${oracle} fails`,
    ];
    return { name: reduction, cells: cells.map((cell) => ({ text: cell })) };
  });
  const columns = ['states', 'fewer', 'transitions', 'fewer', 'seconds', 'verdict'];
  return `${tableLines({ columns, rows }, width).join('\n')}\n`;
}
