/** Where a bare TPM command ends in a stream, and whether one that is whole may be handed to a TPM. */
import { QuiesceError } from '../errors.js';
import { bigEndian32, TPM_COMMAND_SIZE_MAX, TPM_HEADER_SIZE } from './header.js';

/** Highest locality of a command (TPM 2.0 Library, part 2, "TPMA_LOCALITY"; the extended ones are not for commands here). */
export const LOCALITY_MAX = 4;

/**
 * Bytes of the whole command that begins with `head`; undefined before its size field is there.
 * Throws `BAD_FRAME` for a size that no command has: from then on nobody can say where one begins.
 */
export function commandFrameSize(head: Uint8Array): number | undefined {
  if (head.length < 6) return undefined;
  const size = bigEndian32(head, 2);
  if (size >= TPM_HEADER_SIZE && size <= TPM_COMMAND_SIZE_MAX) return size;
  throw new QuiesceError(
    'BAD_FRAME',
    `TPM command: expected a size of ${TPM_HEADER_SIZE} to ${TPM_COMMAND_SIZE_MAX} bytes, found ${size}`,
  );
}

/** Throws `BAD_TPM_COMMAND` unless `command` is as long as its size field says and `locality` is one. */
export function checkCommand(command: Uint8Array, locality: number): void {
  const { length } = command;
  if (length < TPM_HEADER_SIZE || length > TPM_COMMAND_SIZE_MAX)
    bad(`expected ${TPM_HEADER_SIZE} to ${TPM_COMMAND_SIZE_MAX} bytes, found ${length}`);
  const size = bigEndian32(command, 2);
  if (size !== length) bad(`expected ${length} in its size field, found ${size}`);
  if (!Number.isInteger(locality) || locality < 0 || locality > LOCALITY_MAX)
    bad(`expected a locality from 0 to ${LOCALITY_MAX}, found ${locality}`);
}

function bad(what: string): never {
  throw new QuiesceError('BAD_TPM_COMMAND', `TPM command: ${what}`);
}
