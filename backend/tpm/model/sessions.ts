/**
 * Authorisation sessions: three can be loaded, each with a handle and a nonce.
 *
 * They can be started and flushed, so that their slots leak, run out and differ after a replay as on a real TPM. They
 * cannot authorise anything: no command is checked with an HMAC or a policy (see authorization.ts).
 */
import { writeBytes } from '../../../protocol/memory.js';
import { TPM_RC } from '../../../protocol/tpm/response-codes.js';
import { handleType, TPM_HT } from './handles.js';
import { DIGEST_SIZE_MAX } from './hash.js';
import { type Machine, type ModelCommand, NOTHING } from './machine.js';
import { randomBytes } from './random.js';
import { SESSION_COUNT, SessionSlot } from './shape.js';
import { parameter, type Reader, Refusal, Writer } from './wire.js';

/** Session types (part 2, "TPM_SE"). */
const TPM_SE_HMAC = 0;
const TPM_SE_POLICY = 1;
const TPM_SE_TRIAL = 3;

const NONCE_SIZE_MIN = 16;
/** No salt is accepted since there is no key to decrypt it; a longer one than this does not even parse. */
const SALT_SIZE_MAX = 256;

const TPM_ALG_AES = 0x0006;
const TPM_ALG_XOR = 0x000a;
const TPM_ALG_NULL = 0x0010;
/** Modes of symmetric ciphers: CTR, OFB, CBC, CFB, ECB. */
const MODE_FIRST = 0x40;
const MODE_LAST = 0x44;

type Slot = ReturnType<(typeof SessionSlot)['view']>;

/** Handles of the loaded sessions, in the order of their slots. */
export function loadedSessions(machine: Machine): number[] {
  const handles: number[] = [];
  for (let i = 0; i < SESSION_COUNT; i++) {
    const { handle } = slot(machine, i);
    if (handle !== 0) handles.push(handle);
  }
  return handles;
}

export const sessionCommands: readonly ModelCommand[] = [
  {
    name: 'StartAuthSession',
    handles: ['key-or-null', 'entity-or-null'],
    authorized: 0,
    sessions: true,
    execute(call) {
      const nonceCaller = call.parameters.sized(DIGEST_SIZE_MAX, parameter(1));
      const salt = call.parameters.sized(SALT_SIZE_MAX, parameter(2));
      const type = call.parameters.u8(parameter(3));
      if (type !== TPM_SE_HMAC && type !== TPM_SE_POLICY && type !== TPM_SE_TRIAL)
        throw new Refusal(parameter(3)(TPM_RC.VALUE));
      readSymmetric(call.parameters);
      const hash = call.parameters.hash(parameter(5));
      call.parameters.end();
      if (nonceCaller.length < NONCE_SIZE_MIN || nonceCaller.length > hash.size)
        throw new Refusal(parameter(1)(TPM_RC.SIZE));
      if (salt.length !== 0) throw new Refusal(parameter(2)(TPM_RC.VALUE));
      const number = freeSlot(call);
      const session = slot(call, number);
      const nonce = randomBytes(call, nonceCaller.length);
      session.handle = ((type === TPM_SE_HMAC ? TPM_HT.HMAC_SESSION : TPM_HT.POLICY_SESSION) << 24) + number;
      session.type = type;
      session.hash = hash.id;
      session.nonceSize = nonce.length;
      writeBytes(call.memory, session.nonce, nonce);
      return { handle: session.handle, parameters: new Writer().sized(nonce).done };
    },
  },
  {
    name: 'FlushContext',
    handles: [],
    authorized: 0,
    sessions: false,
    execute(call) {
      const handle = call.parameters.u32(parameter(1));
      const flushable: readonly number[] = [TPM_HT.HMAC_SESSION, TPM_HT.POLICY_SESSION, TPM_HT.TRANSIENT];
      if (!flushable.includes(handleType(handle))) throw new Refusal(parameter(1)(TPM_RC.VALUE));
      call.parameters.end();
      const session = findSession(call, handle);
      if (session === null) throw new Refusal(parameter(1)(TPM_RC.HANDLE));
      call.memory.clear(session.base, SessionSlot.size);
      return NOTHING;
    },
  },
];

/** TPMT_SYM_DEF: an algorithm and what it needs. It is read, and then not used. */
function readSymmetric(parameters: Reader): void {
  const blame = parameter(4);
  switch (parameters.u16(blame)) {
    case TPM_ALG_NULL:
      return;
    case TPM_ALG_XOR:
      parameters.hash(blame);
      return;
    case TPM_ALG_AES: {
      const bits = parameters.u16(blame);
      if (bits !== 128 && bits !== 256) throw new Refusal(blame(TPM_RC.VALUE));
      const mode = parameters.u16(blame);
      if (mode < MODE_FIRST || mode > MODE_LAST) throw new Refusal(blame(TPM_RC.MODE));
      return;
    }
    default:
      throw new Refusal(blame(TPM_RC.SYMMETRIC));
  }
}

function freeSlot(machine: Machine): number {
  for (let i = 0; i < SESSION_COUNT; i++) if (slot(machine, i).handle === 0) return i;
  throw new Refusal(TPM_RC.SESSION_MEMORY);
}

function findSession(machine: Machine, handle: number): Slot | null {
  for (let i = 0; i < SESSION_COUNT; i++) {
    const session = slot(machine, i);
    if (handle !== 0 && session.handle === handle) return session;
  }
  return null;
}

function slot(machine: Machine, number: number): Slot {
  return SessionSlot.view(machine.memory).at(machine.state.sessions + number * SessionSlot.size);
}
