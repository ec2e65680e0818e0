/** Startup and Shutdown, and the self tests, which a model always passes. */
import { TPM_RC } from '../../../protocol/tpm/response-codes.js';
import { type ModelCommand, NOTHING } from './machine.js';
import { startPcrs } from './pcr.js';
import { parameter, Refusal, Writer } from './wire.js';

/** Startup types (part 2, "TPM_SU"). */
const TPM_SU_CLEAR = 0;
const TPM_SU_STATE = 1;
/** The locality of a host-based root of trust, besides 0 the only one at which Startup is allowed. */
const LOCALITY_HCRTM = 3;

export const lifecycleCommands: readonly ModelCommand[] = [
  {
    name: 'Startup',
    handles: [],
    authorized: 0,
    sessions: false,
    execute(call) {
      const type = call.parameters.u16(parameter(1));
      // No state is ever there to resume: a restored state blob is a running TPM, not one that has to start.
      if (type !== TPM_SU_CLEAR) throw new Refusal(parameter(1)(TPM_RC.VALUE));
      call.parameters.end();
      if (call.state.started) throw new Refusal(TPM_RC.INITIALIZE);
      if (call.locality !== 0 && call.locality !== LOCALITY_HCRTM) throw new Refusal(TPM_RC.LOCALITY);
      startPcrs(call, call.locality);
      call.state.started = true;
      return NOTHING;
    },
  },
  {
    name: 'Shutdown',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      const type = call.parameters.u16(parameter(1));
      if (type !== TPM_SU_CLEAR && type !== TPM_SU_STATE) throw new Refusal(parameter(1)(TPM_RC.VALUE));
      call.parameters.end();
      call.state.shutdown = type + 1;
      return NOTHING;
    },
  },
  {
    name: 'SelfTest',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      const full = call.parameters.u8(parameter(1));
      if (full > 1) throw new Refusal(parameter(1)(TPM_RC.VALUE));
      call.parameters.end();
      return NOTHING;
    },
  },
  {
    name: 'GetTestResult',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      call.parameters.end();
      return { parameters: new Writer().sized(new Uint8Array(0)).u32(TPM_RC.SUCCESS).done };
    },
  },
];
