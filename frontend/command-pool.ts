/**
 * The commands that a guest can give to its TPM: those of the session, and the few a driver sends by itself.
 *
 * Their bytes never change, so they are not part of a domain's memory; the memory holds numbers into this pool.
 */
import { digestWords } from '../protocol/digest.js';
import { packWords } from '../protocol/memory.js';
import { commandName } from '../protocol/tpm/command-codes.js';
import { maximumDuration } from '../protocol/tpm/durations.js';
import { readCommandHeader } from '../protocol/tpm/header.js';
import { changesState } from '../protocol/tpm/state-change.js';

export interface PooledCommand {
  /** The command code's name, for example `PCR_Extend`. */
  readonly name: string;
  readonly words: Int32Array;
  /** Bytes. */
  readonly length: number;
  readonly locality: number;
  /** Digest of the bytes if the command changes the state of a TPM, else 0. */
  readonly effect: number;
  /** How long Linux waits for it, in milliseconds. */
  readonly durationLimit: number;
}

export interface CommandSource {
  readonly command: Uint8Array;
  readonly locality: number;
}

/** The commands a guest can give, by number. */
export type CommandTable = Pick<CommandPool, 'at' | 'ownNumber' | 'sessionLength'>;

export class CommandPool {
  readonly commands: readonly PooledCommand[];
  /** How many of them the user of the guest issues, one after the other, from number 0 on. */
  readonly sessionLength: number;

  /** `session` first, then `own`, the commands of the driver. */
  constructor(session: readonly CommandSource[], own: readonly CommandSource[] = []) {
    this.sessionLength = session.length;
    this.commands = [...session, ...own].map(pooled);
  }

  /** The number of command `index` of the driver. */
  ownNumber(index: number): number {
    return this.sessionLength + index;
  }

  at(number: number): PooledCommand {
    return this.commands[number] as PooledCommand;
  }
}

function pooled(source: CommandSource): PooledCommand {
  const words = packWords(source.command);
  const { code } = readCommandHeader(source.command);
  return {
    name: commandName(code) ?? `command 0x${code.toString(16)}`,
    words,
    length: source.command.length,
    locality: source.locality,
    effect: changesState(code) ? digestWords(words, source.command.length) : 0,
    durationLimit: maximumDuration(code),
  };
}
