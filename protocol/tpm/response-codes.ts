/**
 * Response codes of TPM 2.0 (TPM 2.0 Library, part 2, "TPM_RC").
 *
 * A code of format one (bit 7 set) also says which handle, session or parameter it means. `TPM_RC` holds the codes
 * without that number; `withHandle`, `withSession` and `withParameter` add it, `baseOf` takes it away.
 */
export const TPM_RC = {
  SUCCESS: 0x000,
  BAD_TAG: 0x01e,
  ASYMMETRIC: 0x081,
  ATTRIBUTES: 0x082,
  HASH: 0x083,
  VALUE: 0x084,
  HIERARCHY: 0x085,
  KEY_SIZE: 0x087,
  MGF: 0x088,
  MODE: 0x089,
  TYPE: 0x08a,
  HANDLE: 0x08b,
  KDF: 0x08c,
  RANGE: 0x08d,
  AUTH_FAIL: 0x08e,
  NONCE: 0x08f,
  PP: 0x090,
  SCHEME: 0x092,
  SIZE: 0x095,
  SYMMETRIC: 0x096,
  TAG: 0x097,
  SELECTOR: 0x098,
  INSUFFICIENT: 0x09a,
  SIGNATURE: 0x09b,
  KEY: 0x09c,
  POLICY_FAIL: 0x09d,
  INTEGRITY: 0x09f,
  TICKET: 0x0a0,
  RESERVED_BITS: 0x0a1,
  BAD_AUTH: 0x0a2,
  EXPIRED: 0x0a3,
  POLICY_CC: 0x0a4,
  BINDING: 0x0a5,
  CURVE: 0x0a6,
  ECC_POINT: 0x0a7,
  INITIALIZE: 0x100,
  FAILURE: 0x101,
  SEQUENCE: 0x103,
  PRIVATE: 0x10b,
  HMAC: 0x119,
  DISABLED: 0x120,
  EXCLUSIVE: 0x121,
  AUTH_TYPE: 0x124,
  AUTH_MISSING: 0x125,
  POLICY: 0x126,
  PCR: 0x127,
  PCR_CHANGED: 0x128,
  UPGRADE: 0x12d,
  TOO_MANY_CONTEXTS: 0x12e,
  AUTH_UNAVAILABLE: 0x12f,
  REBOOT: 0x130,
  UNBALANCED: 0x131,
  COMMAND_SIZE: 0x142,
  COMMAND_CODE: 0x143,
  AUTHSIZE: 0x144,
  AUTH_CONTEXT: 0x145,
  NV_RANGE: 0x146,
  NV_SIZE: 0x147,
  NV_LOCKED: 0x148,
  NV_AUTHORIZATION: 0x149,
  NV_UNINITIALIZED: 0x14a,
  NV_SPACE: 0x14b,
  NV_DEFINED: 0x14c,
  BAD_CONTEXT: 0x150,
  CPHASH: 0x151,
  PARENT: 0x152,
  NEEDS_TEST: 0x153,
  NO_RESULT: 0x154,
  SENSITIVE: 0x155,
  CONTEXT_GAP: 0x901,
  OBJECT_MEMORY: 0x902,
  SESSION_MEMORY: 0x903,
  MEMORY: 0x904,
  SESSION_HANDLES: 0x905,
  OBJECT_HANDLES: 0x906,
  LOCALITY: 0x907,
  YIELDED: 0x908,
  CANCELED: 0x909,
  TESTING: 0x90a,
  REFERENCE_H0: 0x910,
  REFERENCE_S0: 0x918,
  NV_RATE: 0x920,
  LOCKOUT: 0x921,
  RETRY: 0x922,
  NV_UNAVAILABLE: 0x923,
} as const satisfies Record<string, number>;

export type TpmResponseName = keyof typeof TPM_RC;

const nameByCode = new Map<number, TpmResponseName>();
for (const [name, code] of Object.entries(TPM_RC)) nameByCode.set(code, name as TpmResponseName);

/** `code` of format one, about handle `number` (1 to 7). */
export function withHandle(code: number, number: number): number {
  return code | (number << 8);
}

/** `code` of format one, about session `number` (1 to 7). */
export function withSession(code: number, number: number): number {
  return code | 0x800 | (number << 8);
}

/** `code` of format one, about parameter `number` (1 to 15). */
export function withParameter(code: number, number: number): number {
  return code | 0x40 | (number << 8);
}

/** The code without the number of a handle, session or parameter: `baseOf(0x28b) === TPM_RC.HANDLE`. */
export function baseOf(responseCode: number): number {
  if ((responseCode & 0x80) !== 0) return responseCode & 0xbf;
  // REFERENCE_H0 to _H6 and REFERENCE_S0 to _S6 carry the number in the low bits although they are warnings.
  if ((responseCode >= 0x910 && responseCode <= 0x916) || (responseCode >= 0x918 && responseCode <= 0x91e))
    return responseCode & ~7;
  return responseCode;
}

/** Name of a response code without the prefix TPM_RC_, or undefined for a code that has none. */
export function responseName(responseCode: number): TpmResponseName | undefined {
  return nameByCode.get(baseOf(responseCode));
}
