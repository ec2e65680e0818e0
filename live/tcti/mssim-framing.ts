/**
 * The two channels as the mssim TCTI speaks them (tpm2-tss 3.2.1, tcti-mssim.c; microsoft/ms-tpm-20-ref, TcpServer.c):
 * commands with their locality, and the platform channel with its signals.
 *
 * The platform of a guest's TPM is its host. Signals that ask for what is so anyway (power, NV, physical presence, the key
 * cache) are acknowledged; cancelling reaches the TPM; switching the power off or resetting does where the host allows
 * it. All others are answered as the reference answers a signal that it does not know: 1, and the connection is closed.
 */
import { LOCALITY_MAX } from '../../protocol/tpm/command-frame.js';
import { bigEndian32, errorResponse } from '../../protocol/tpm/header.js';
import { MSSIM, MSSIM_RAW_MODE, MSSIM_VERSION, mssimMessageSize } from '../../protocol/tpm/mssim.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { SEND_COMMAND_HEAD, sentCommandAnswer } from '../../protocol/tpm/send-command.js';
import type { Answer, Framing } from './message-socket.js';
import { BAD_SIZE_RESPONSE, powerCycle, type TctiSession } from './tcti-session.js';

const DONE = Uint8Array.of(0, 0, 0, 0);
const REFUSED = Uint8Array.of(0, 0, 0, 1);

export function mssimCommandFraming(session: TctiSession): Framing {
  return {
    sizeOf: mssimMessageSize,
    answer: (message) => answerMessage(session, message),
    answerToBadFrame: sentCommandAnswer(BAD_SIZE_RESPONSE),
  };
}

export function mssimPlatformFraming(session: TctiSession): Framing {
  return {
    sizeOf: () => 4,
    answer: (message) => answerSignal(session, bigEndian32(message, 0)),
    answerToBadFrame: null,
    closesAfter: (answer) => answer === REFUSED,
  };
}

function answerMessage(session: TctiSession, message: Uint8Array): Answer | Promise<Answer> {
  switch (bigEndian32(message, 0)) {
    case MSSIM.SEND_COMMAND:
      return answerCommand(session, message.subarray(SEND_COMMAND_HEAD), message[4] as number);
    case MSSIM.REMOTE_HANDSHAKE:
      if (bigEndian32(message, 4) === 0) return null;
      return Uint8Array.of(0, 0, 0, MSSIM_VERSION, 0, 0, 0, MSSIM_RAW_MODE, ...DONE);
    case MSSIM.SET_ALTERNATIVE_RESULT:
      return DONE;
    default:
      // The end of the session; stopping the simulator, which is not a guest's to stop; and measurements of a dynamic
      // root of trust, which there is none of: an acknowledgement would claim one.
      return null;
  }
}

function answerCommand(session: TctiSession, command: Uint8Array, locality: number): Answer | Promise<Answer> {
  if (!session.powered) return sentCommandAnswer(new Uint8Array(0));
  if (locality > LOCALITY_MAX) return sentCommandAnswer(errorResponse(TPM_RC.LOCALITY));
  const response = session.gate.execute(command, locality);
  return response instanceof Promise ? response.then(framed) : framed(response);
}

function framed(response: Uint8Array | null): Answer {
  return response === null ? null : sentCommandAnswer(response);
}

function answerSignal(session: TctiSession, signal: number): Answer | Promise<Answer> {
  switch (signal) {
    case MSSIM.SIGNAL_POWER_ON:
      return session.powered ? DONE : powerOn(session);
    case MSSIM.SIGNAL_POWER_OFF:
      if (session.powerCycle === undefined) return REFUSED;
      session.powered = false;
      return DONE;
    case MSSIM.SIGNAL_RESET:
      return powerOn(session);
    case MSSIM.SIGNAL_CANCEL_ON:
      session.gate.cancel();
      return DONE;
    case MSSIM.SIGNAL_CANCEL_OFF:
    case MSSIM.SIGNAL_NV_ON:
    case MSSIM.SIGNAL_PHYS_PRES_ON:
    case MSSIM.SIGNAL_PHYS_PRES_OFF:
    case MSSIM.SIGNAL_KEY_CACHE_ON:
    case MSSIM.SIGNAL_KEY_CACHE_OFF:
      return DONE;
    case MSSIM.SESSION_END:
    case MSSIM.STOP:
      return null;
    default:
      return REFUSED;
  }
}

async function powerOn(session: TctiSession): Promise<Answer> {
  if (!(await powerCycle(session))) return REFUSED;
  session.powered = true;
  return DONE;
}
