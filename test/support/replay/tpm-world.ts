/**
 * What a client knows of one TPM from the commands it sent and the answers it got: names and public areas behind handles,
 * and the nonces of sessions. A replay keeps two of these, of the TPM recorded and of the one at hand.
 */
import { TPM_CC } from '../../../protocol/tpm/command-codes.js';
import { type CommandParts, type ResponseParts, responseParts } from './parts.js';
import { number32, TpmReader } from './tpm-reader.js';

export interface Entity {
  readonly name: Buffer;
  readonly publicArea: Buffer;
}

export interface AuthSession {
  nonceTpm: Buffer;
  /** Empty unless salted; null when the salt is not known. */
  readonly key: Buffer | null;
}

const HANDLE_TYPE_NV = 0x01;
const HANDLE_TYPES_WITH_ENTITY = [HANDLE_TYPE_NV, 0x80, 0x81];

export class TpmWorld {
  readonly #entities = new Map<number, Entity>();
  readonly #contexts = new Map<string, Entity>();
  readonly sessions = new Map<number, AuthSession>();

  entity(handle: number): Entity | undefined {
    return this.#entities.get(handle);
  }

  /** The name that goes into cpHash: of objects and indices their own, else the handle. */
  nameOf(handle: number): Buffer {
    if (!HANDLE_TYPES_WITH_ENTITY.includes(handle >>> 24)) return number32(handle);
    return this.#entities.get(handle)?.name ?? Buffer.alloc(0);
  }

  /** Takes note of a command that succeeded. `sessionKey` is that of a session that it started. */
  learn(command: CommandParts, response: Uint8Array, sessionKey: (nonceTpm: Buffer) => Buffer | null): void {
    const answer = responseParts(command.code, response);
    answer.nonces.forEach((nonce, i) => {
      const session = this.sessions.get(command.authorizations[i]?.session ?? 0);
      if (session !== undefined) session.nonceTpm = nonce;
    });
    this.#learnEntities(command, answer, sessionKey);
  }

  #learnEntities(
    { code, handles, parameters: sent }: CommandParts,
    { handle, parameters }: ResponseParts,
    sessionKey: (nonceTpm: Buffer) => Buffer | null,
  ): void {
    const reader = new TpmReader(parameters);
    const first = handles[0] ?? 0;
    const add = (to: number | null, entity: Entity | undefined): void => {
      if (to !== null && entity !== undefined) this.#entities.set(to, entity);
    };
    switch (code) {
      case TPM_CC.StartAuthSession: {
        const nonceTpm = reader.sized();
        this.sessions.set(handle ?? 0, { nonceTpm, key: sessionKey(nonceTpm) });
        break;
      }
      case TPM_CC.CreatePrimary: {
        const publicArea = reader.sized();
        reader.sized();
        reader.sized();
        reader.take(6);
        reader.sized();
        add(handle, { publicArea, name: reader.sized() });
        break;
      }
      case TPM_CC.Load:
      case TPM_CC.LoadExternal:
        // The public area is what was sent, after the private one.
        add(handle, { publicArea: Buffer.alloc(0), name: reader.sized() });
        break;
      case TPM_CC.ReadPublic:
      case TPM_CC.NV_ReadPublic:
        add(first, { publicArea: reader.sized(), name: reader.sized() });
        break;
      case TPM_CC.ContextSave: {
        const entity = this.#entities.get(first);
        if (entity !== undefined) this.#contexts.set(parameters.toString('hex'), entity);
        break;
      }
      case TPM_CC.ContextLoad:
        add(handle, this.#contexts.get(sent.toString('hex')));
        break;
      case TPM_CC.EvictControl:
        add(new TpmReader(sent).u32(), this.#entities.get(handles[1] ?? 0));
        break;
      default:
    }
  }
}
