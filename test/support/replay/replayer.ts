/**
 * A client that says again what a recorded client said, to another TPM.
 *
 * The bytes cannot be the same: each TPM has its own keys, nonces and contexts. So answers are put in where the recording
 * uses those of its own TPM, and the HMAC of each authorisation is made anew. The passwords come from the recording: one
 * fits when it makes the HMAC that was recorded. Where none fits, the client had a wrong one, and the HMAC stays wrong.
 */
import type { CommandExecutor } from '../../../live/tpm/vtpm-device.js';
import { TPM_CC } from '../../../protocol/tpm/command-codes.js';
import { readResponseHeader } from '../../../protocol/tpm/header.js';
import type { Session, SessionEntry } from '../../../protocol/tpm/session.js';
import { type CommandParts, commandParts } from './parts.js';
import { commandHash, eccSalt, hmac, saltedSessionKey, sha256 } from './session-crypto.js';
import { Substitution } from './substitution.js';
import { number16, TpmReader } from './tpm-reader.js';
import { TpmWorld } from './tpm-world.js';

const TPM_RS_PW = 0x40000009;
const NO_KEY = Buffer.alloc(0);
/** TPMA_NV_WRITTEN, in the attributes at offset 6 of an index's public area; the first write sets it, and changes the name. */
const NV_WRITTEN = 0x20;
const NV_ATTRIBUTES_AT = 6;

export interface ReplayedCommand {
  readonly entry: SessionEntry;
  readonly command: Uint8Array;
  readonly response: Uint8Array;
}

/** Sends the whole session, one command after the other. */
export async function replaySession(session: Session, tpm: CommandExecutor): Promise<ReplayedCommand[]> {
  const replayer = new Replayer();
  const replayed: ReplayedCommand[] = [];
  for (const entry of session.entries) {
    const command = replayer.command(entry);
    const response = await tpm.execute(command, { locality: entry.locality });
    replayer.learn(entry, command, response);
    replayed.push({ entry, command, response });
  }
  return replayed;
}

/** Where code or size of an answer is not the recorded one, in words; empty when all are the same. */
export function answerDifferences(replayed: readonly ReplayedCommand[]): string[] {
  return replayed.flatMap(({ entry, response }) => {
    const { code } = readResponseHeader(response);
    if (code === entry.responseCode && response.length === entry.response.length) return [];
    const expected = `0x${entry.responseCode.toString(16)} in ${entry.response.length} bytes`;
    return [
      `${entry.sequence} ${entry.name}: expected ${expected}, found 0x${code.toString(16)} in ${response.length}`,
    ];
  });
}

export class Replayer {
  readonly #then = new TpmWorld();
  readonly #now = new TpmWorld();
  readonly #substitution = new Substitution();
  readonly #passwords: Buffer[] = [NO_KEY];
  #salt: Buffer | null = null;

  /** The command to send in place of the recorded one. */
  command(entry: SessionEntry): Uint8Array {
    const recorded = commandParts(entry.command);
    this.#learnPasswords(recorded);
    const command = this.#substitution.apply(entry.command);
    if (recorded.code === TPM_CC.StartAuthSession) this.#putSalt(recorded, command);
    this.#sign(recorded, command);
    return command;
  }

  /** Takes note of the answer. */
  learn(entry: SessionEntry, command: Uint8Array, response: Uint8Array): void {
    this.#substitution.learn(entry.response, response);
    const recorded = commandParts(entry.command);
    const sent = commandParts(command);
    const nonceCaller = recorded.code === TPM_CC.StartAuthSession ? new TpmReader(recorded.parameters).sized() : NO_KEY;
    const salt = this.#salt;
    const key = (nonceTpm: Buffer) => (salt === null ? NO_KEY : saltedSessionKey(salt, nonceTpm, nonceCaller));
    if (entry.responseCode === 0) this.#then.learn(recorded, entry.response, () => (salt === null ? NO_KEY : null));
    if (readResponseHeader(response).code === 0) this.#now.learn(sent, response, key);
  }

  #putSalt({ handles, parameters }: CommandParts, command: Buffer): void {
    const reader = new TpmReader(parameters);
    const nonceCaller = reader.sized();
    const recorded = reader.sized();
    this.#salt = null;
    if (recorded.length === 0) return;
    const salt = eccSalt(this.#now.entity(handles[0] ?? 0)?.publicArea ?? NO_KEY, sha256(nonceCaller));
    this.#salt = salt.value;
    salt.encrypted.copy(command, command.indexOf(recorded.subarray(0, 8)));
  }

  #sign(recorded: CommandParts, command: Buffer): void {
    const sent = commandParts(command);
    sent.authorizations.forEach((authorization, i) => {
      const session = this.#now.sessions.get(authorization.session);
      if (session === undefined || session.key === null || authorization.value.length === 0) return;
      const found = this.#howSigned(recorded, i);
      if (found === undefined) return;
      const names = sent.handles.map((handle) => nameOf(this.#now, handle, found.written));
      const hash = commandHash(sent.code, names, sent.parameters);
      const key = Buffer.concat([session.key, found.password]);
      hmacOf(key, hash, authorization, session.nonceTpm).copy(command, authorization.valueAt);
    });
  }

  /** The password, and whether the indices counted as written, that make the recorded HMAC. */
  #howSigned(recorded: CommandParts, i: number): { password: Buffer; written: boolean } | undefined {
    const authorization = recorded.authorizations[i];
    const session = authorization && this.#then.sessions.get(authorization.session);
    if (authorization === undefined || session === undefined) return undefined;
    // With a salt that only the recorded TPM knows there is nothing to compare; no password there is not empty.
    if (session.key === null) return { password: NO_KEY, written: false };
    for (const written of [false, true]) {
      const names = recorded.handles.map((handle) => nameOf(this.#then, handle, written));
      const hash = commandHash(recorded.code, names, recorded.parameters);
      for (const password of this.#passwords) {
        const key = Buffer.concat([session.key, password]);
        if (hmacOf(key, hash, authorization, session.nonceTpm).equals(authorization.value))
          return { password, written };
      }
    }
    return undefined;
  }

  #learnPasswords({ code, parameters, authorizations }: CommandParts): void {
    const reader = new TpmReader(parameters);
    for (const { session, value } of authorizations) if (session === TPM_RS_PW) this.#passwords.push(value);
    switch (code) {
      case TPM_CC.NV_DefineSpace:
      case TPM_CC.HierarchyChangeAuth:
        this.#passwords.push(reader.sized());
        break;
      case TPM_CC.CreatePrimary:
      case TPM_CC.Create:
        this.#passwords.push(new TpmReader(reader.sized()).sized());
        break;
      default:
    }
  }
}

/** The name of a handle; of an NV index as it is once it is written, if `written`. */
function nameOf(world: TpmWorld, handle: number, written: boolean): Buffer {
  const entity = world.entity(handle);
  if (!written || handle >>> 24 !== 1 || entity === undefined) return world.nameOf(handle);
  const area = Buffer.from(entity.publicArea);
  area[NV_ATTRIBUTES_AT] = (area[NV_ATTRIBUTES_AT] as number) | NV_WRITTEN;
  return Buffer.concat([number16(new TpmReader(area, 4).u16()), sha256(area)]);
}

function hmacOf(
  key: Buffer,
  hash: Buffer,
  { nonceCaller, attributes }: { readonly nonceCaller: Buffer; readonly attributes: number },
  nonceTpm: Buffer,
): Buffer {
  return hmac(key, hash, nonceCaller, nonceTpm, Buffer.of(attributes));
}
