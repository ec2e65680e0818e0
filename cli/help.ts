/**
 * `quiesce help`, and the help of each command.
 */
import { COMMON_OPTIONS, type OptionSpecs } from './arguments.js';
import type { Command } from './command.js';

const OPTION_WIDTH = 22;

/** The overview. */
export function programHelp(commands: readonly Command[]): string {
  const lines = [
    'quiesce: does this split driver survive suspend, cancelled suspend, migration and crash?',
    '',
    'Usage: quiesce COMMAND [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`),
    '',
    "'quiesce COMMAND --help' shows the options of a command; --version shows the version.",
    'Exit status: 0 holds, 1 fails, 2 wrong usage or bad input, 3 a fault of the program.',
  ];
  return `${lines.join('\n')}\n`;
}

export function commandHelp({ name, summary, details, options, words, required }: Command): string {
  const wordList = words.map((word, i) => (i < required ? ` ${word}` : ` [${word}]`)).join('');
  const lines = [
    `quiesce ${name}: ${summary}`,
    '',
    `Usage: quiesce ${name}${wordList} [options]`,
    '',
    ...optionLines({ ...options, ...COMMON_OPTIONS }),
    ...(details.length === 0 ? [] : ['', ...details]),
  ];
  return `${lines.join('\n')}\n`;
}

function optionLines(options: OptionSpecs): readonly string[] {
  return Object.entries(options).map(([name, { value, help }]) => {
    const left = `--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${left.padEnd(OPTION_WIDTH)} ${help}`;
  });
}
