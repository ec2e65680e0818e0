/**
 * Schedules, failures and oracles as a person reads them.
 */
import { ORACLES, type OracleName } from '../simulator/world-state.js';
import type { Colours } from './terminal.js';

/** What the oracle says must hold. */
export function oracleTitle(oracle: OracleName): string {
  return ORACLES.find(({ name }) => name === oracle)?.title ?? '';
}

/** One line a step, numbered from 1; faults stand out. */
export function scheduleLines(steps: readonly string[], colours: Colours): readonly string[] {
  return steps.map((name, index) => {
    const line = `${String(index + 1).padStart(6)}  ${name}`;
    return name.startsWith('fault/') ? colours.yellow(line) : line;
  });
}

/** How the schedule ends. */
export function failureLines(oracle: OracleName, fault: string | null, colours: Colours): readonly string[] {
  const line = `        ${oracle} fails${oracle === 'no-hang' ? ': nothing more can happen' : ''}`;
  return [colours.red(line), ...(fault === null ? [] : [colours.red(`        ${fault}`)])];
}

/** `1 step`, `2 steps`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The command that replays a token, and how it looks in a shell. */
export function replayLine(program: string, token: string): string {
  return `${program} replay ${token}`;
}

/** `text` in lines of at most `width` characters, broken at blanks; lines after the first begin with `indent`. */
export function wrapped(text: string, width: number, indent = ''): readonly string[] {
  const lines: string[] = [];
  const [first = '', ...words] = text.trimStart().split(' ');
  let line = text.slice(0, text.length - text.trimStart().length) + first;
  for (const word of words) {
    if (line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line += ` ${word}`;
    }
  }
  return [...lines, line];
}

/** Behind the drivers, where the xenstored is not the usual one. */
export function daemonText(daemon: string | undefined): string {
  return daemon === undefined ? '' : `, xenstored ${daemon}`;
}
