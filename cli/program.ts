/**
 * The program: finds the command, runs it, and turns what happened into an exit status.
 */

import { blamed } from '../library/driver-file.js';
import { packageVersion } from '../library/package-root.js';
import { QuiesceError } from '../protocol/errors.js';
import { parseArguments } from './arguments.js';
import { campaignCommand } from './campaign.js';
import { checkCommand } from './check.js';
import type { Command } from './command.js';
import { conformCommand } from './conform.js';
import { deviceCommand } from './device.js';
import { EXIT, type ExitStatus, explain } from './exit-status.js';
import { exploreCommand } from './explore.js';
import { fuzzCommand } from './fuzz.js';
import { commandHelp, programHelp } from './help.js';
import { listCommand } from './list.js';
import { liveCommand } from './live.js';
import { mergeCommand } from './merge.js';
import { replayCommand } from './replay.js';
import { runCommand } from './run.js';
import type { Terminal } from './terminal.js';
import { workerCommand } from './worker.js';
import { xenstoredCommand } from './xenstored.js';

export const COMMANDS: readonly Command[] = [
  checkCommand,
  exploreCommand,
  fuzzCommand,
  campaignCommand,
  workerCommand,
  mergeCommand,
  runCommand,
  replayCommand,
  conformCommand,
  listCommand,
  xenstoredCommand,
  deviceCommand,
  liveCommand,
];

/** Runs the command that `argv` (without program and script) asks for. Never throws. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  const [first, ...rest] = argv;
  const command = COMMANDS.find(({ name }) => name === first);
  try {
    if (command === undefined) return overview(first, rest, terminal);
    const args = parseArguments(rest, command);
    if (args.flag('help')) terminal.out(commandHelp(command));
    else if (args.flag('version')) terminal.out(versionLine());
    else return await command.run(args, terminal);
    return EXIT.holds;
  } catch (error) {
    const { status, text } = explain(blamed(error));
    terminal.err(`quiesce${command === undefined ? '' : ` ${command.name}`}: ${text}\n`);
    return status;
  }
}

function overview(first: string | undefined, rest: readonly string[], terminal: Terminal): ExitStatus {
  switch (first) {
    case '--version':
    case '-V':
      terminal.out(versionLine());
      return EXIT.holds;
    case '--help':
    case '-h':
    case 'help': {
      const [name] = rest;
      const command = COMMANDS.find((candidate) => candidate.name === name);
      if (name !== undefined && command === undefined) throw unknownCommand(name);
      terminal.out(command === undefined ? programHelp(COMMANDS) : commandHelp(command));
      return EXIT.holds;
    }
    case undefined:
      terminal.err(programHelp(COMMANDS));
      return EXIT.refused;
    default:
      throw unknownCommand(first);
  }
}

function versionLine(): string {
  return `quiesce ${packageVersion()}\n`;
}

function unknownCommand(name: string): QuiesceError {
  const known = [...COMMANDS.map((command) => command.name), 'help'].join(', ');
  return new QuiesceError('UNKNOWN_NAME', `there is no command '${name}'; known: ${known}`);
}
