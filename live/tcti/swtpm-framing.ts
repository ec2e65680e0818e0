/**
 * The two channels as the swtpm TCTI speaks them (tpm2-tss 3.2.1, tcti-swtpm.c): bare commands, each on a connection of
 * its own, and the control channel of swtpm, of which that TCTI uses SET_LOCALITY, and INIT when a program resets the TPM.
 *
 * The control channel here is for a guest's program: it learns and sets what concerns commands, and has no way to the
 * TPM's state. Requests that belong to the host are answered BAD_ORDINAL, as by an swtpm without them.
 */

import { QuiesceError } from '../../protocol/errors.js';
import { commandFrameSize, LOCALITY_MAX } from '../../protocol/tpm/command-frame.js';
import { bigEndian32, TPM_COMMAND_SIZE_MAX } from '../../protocol/tpm/header.js';
import { PTM_CAP, PTM_RESULT, ptmCommandName, ptmRequestSize } from '../../protocol/tpm/ptm.js';
import type { Answer, Framing } from './message-socket.js';
import { BAD_SIZE_RESPONSE, powerCycle, type TctiSession } from './tcti-session.js';

/** Longest request on the control channel that is read: those with a state in them are not for guests. */
const REQUEST_SIZE_MAX = 4096;

export function swtpmCommandFraming(session: TctiSession): Framing {
  return {
    sizeOf: commandFrameSize,
    answer: (command) => session.gate.execute(command, session.locality),
    answerToBadFrame: BAD_SIZE_RESPONSE,
  };
}

export function swtpmControlFraming(session: TctiSession): Framing {
  return {
    sizeOf: requestSize,
    answer: (request) => answerRequest(session, request),
    answerToBadFrame: words(PTM_RESULT.BAD_PARAMETER),
  };
}

function requestSize(head: Uint8Array): number | undefined {
  // Where an unknown request ends nobody can say; swtpm takes what has come.
  if (head.length >= 4 && ptmCommandName(bigEndian32(head, 0)) === undefined) return head.length;
  const size = ptmRequestSize(head);
  if (size === undefined || size <= REQUEST_SIZE_MAX) return size;
  throw new QuiesceError(
    'BAD_FRAME',
    `control channel: expected at most ${REQUEST_SIZE_MAX} bytes, found ${size} announced`,
  );
}

function answerRequest(session: TctiSession, request: Uint8Array): Answer | Promise<Answer> {
  switch (ptmCommandName(bigEndian32(request, 0))) {
    case 'GET_CAPABILITY': {
      const init = session.powerCycle === undefined ? 0 : PTM_CAP.INIT;
      const { GET_TPMESTABLISHED, SET_LOCALITY, CANCEL_TPM_CMD, SET_BUFFERSIZE } = PTM_CAP;
      return words(0, init | GET_TPMESTABLISHED | SET_LOCALITY | CANCEL_TPM_CMD | SET_BUFFERSIZE);
    }
    case 'INIT':
      return powerCycle(session).then((done) => words(done ? PTM_RESULT.SUCCESS : PTM_RESULT.BAD_ORDINAL));
    case 'GET_TPMESTABLISHED':
      // The bit in the first byte of the second word: there is no dynamic root of trust here.
      return words(PTM_RESULT.SUCCESS, 0);
    case 'SET_LOCALITY': {
      const locality = request[4] as number;
      if (locality > LOCALITY_MAX) return words(PTM_RESULT.BAD_LOCALITY);
      session.locality = locality;
      return words(PTM_RESULT.SUCCESS);
    }
    case 'CANCEL_TPM_CMD':
      session.gate.cancel();
      return words(PTM_RESULT.SUCCESS);
    case 'SET_BUFFERSIZE':
      return bigEndian32(request, 4) === 0
        ? words(PTM_RESULT.SUCCESS, TPM_COMMAND_SIZE_MAX, TPM_COMMAND_SIZE_MAX, TPM_COMMAND_SIZE_MAX)
        : words(PTM_RESULT.BAD_ORDINAL);
    default:
      return words(PTM_RESULT.BAD_ORDINAL);
  }
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value);
  });
  return bytes;
}
