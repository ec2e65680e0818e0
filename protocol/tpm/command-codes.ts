/**
 * Command codes of TPM 2.0 with their attributes, by the specification's names without the prefix TPM2_ or TPM_CC_
 * (TPM 2.0 Library, part 2, "TPM_CC" and "TPMA_CC").
 *
 * Each value is a TPMA_CC word, which holds the command code in its low half. The 110 words up to CertifyX509 (less
 * the firmware, attached-component and ACT commands) are as swtpm 0.7.1 lists them in GetCapability(COMMANDS); the
 * others follow the command tables of part 3.
 */

/** TPMA_CC words by name. */
export const TPM_COMMANDS = {
  NV_UndefineSpaceSpecial: 0x0440011f,
  EvictControl: 0x04400120,
  HierarchyControl: 0x02c00121,
  NV_UndefineSpace: 0x04400122,
  ChangeEPS: 0x02c00124,
  ChangePPS: 0x02c00125,
  Clear: 0x02c00126,
  ClearControl: 0x02400127,
  ClockSet: 0x02400128,
  HierarchyChangeAuth: 0x02400129,
  NV_DefineSpace: 0x0240012a,
  PCR_Allocate: 0x0240012b,
  PCR_SetAuthPolicy: 0x0240012c,
  PP_Commands: 0x0240012d,
  SetPrimaryPolicy: 0x0240012e,
  FieldUpgradeStart: 0x0440012f,
  ClockRateAdjust: 0x02000130,
  CreatePrimary: 0x12000131,
  NV_GlobalWriteLock: 0x02400132,
  GetCommandAuditDigest: 0x04400133,
  NV_Increment: 0x04400134,
  NV_SetBits: 0x04400135,
  NV_Extend: 0x04400136,
  NV_Write: 0x04400137,
  NV_WriteLock: 0x04400138,
  DictionaryAttackLockReset: 0x02400139,
  DictionaryAttackParameters: 0x0240013a,
  NV_ChangeAuth: 0x0240013b,
  PCR_Event: 0x0240013c,
  PCR_Reset: 0x0240013d,
  SequenceComplete: 0x0300013e,
  SetAlgorithmSet: 0x0240013f,
  SetCommandCodeAuditStatus: 0x02400140,
  FieldUpgradeData: 0x00400141,
  IncrementalSelfTest: 0x00400142,
  SelfTest: 0x00400143,
  Startup: 0x00400144,
  Shutdown: 0x00400145,
  StirRandom: 0x00400146,
  ActivateCredential: 0x04000147,
  Certify: 0x04000148,
  PolicyNV: 0x06000149,
  CertifyCreation: 0x0400014a,
  Duplicate: 0x0400014b,
  GetTime: 0x0400014c,
  GetSessionAuditDigest: 0x0600014d,
  NV_Read: 0x0400014e,
  NV_ReadLock: 0x0440014f,
  ObjectChangeAuth: 0x04000150,
  PolicySecret: 0x04000151,
  Rewrap: 0x04000152,
  Create: 0x02000153,
  ECDH_ZGen: 0x02000154,
  HMAC: 0x02000155,
  Import: 0x02000156,
  Load: 0x12000157,
  Quote: 0x02000158,
  RSA_Decrypt: 0x02000159,
  HMAC_Start: 0x1200015b,
  SequenceUpdate: 0x0200015c,
  Sign: 0x0200015d,
  Unseal: 0x0200015e,
  PolicySigned: 0x04000160,
  ContextLoad: 0x10000161,
  ContextSave: 0x02000162,
  ECDH_KeyGen: 0x02000163,
  EncryptDecrypt: 0x02000164,
  FlushContext: 0x00000165,
  LoadExternal: 0x10000167,
  MakeCredential: 0x02000168,
  NV_ReadPublic: 0x02000169,
  PolicyAuthorize: 0x0200016a,
  PolicyAuthValue: 0x0200016b,
  PolicyCommandCode: 0x0200016c,
  PolicyCounterTimer: 0x0200016d,
  PolicyCpHash: 0x0200016e,
  PolicyLocality: 0x0200016f,
  PolicyNameHash: 0x02000170,
  PolicyOR: 0x02000171,
  PolicyTicket: 0x02000172,
  ReadPublic: 0x02000173,
  RSA_Encrypt: 0x02000174,
  StartAuthSession: 0x14000176,
  VerifySignature: 0x02000177,
  ECC_Parameters: 0x00000178,
  FirmwareRead: 0x00000179,
  GetCapability: 0x0000017a,
  GetRandom: 0x0000017b,
  GetTestResult: 0x0000017c,
  Hash: 0x0000017d,
  PCR_Read: 0x0000017e,
  PolicyPCR: 0x0200017f,
  PolicyRestart: 0x02000180,
  ReadClock: 0x00000181,
  PCR_Extend: 0x02400182,
  PCR_SetAuthValue: 0x02000183,
  NV_Certify: 0x06000184,
  EventSequenceComplete: 0x05400185,
  HashSequenceStart: 0x10000186,
  PolicyPhysicalPresence: 0x02000187,
  PolicyDuplicationSelect: 0x02000188,
  PolicyGetDigest: 0x02000189,
  TestParms: 0x0000018a,
  Commit: 0x0200018b,
  PolicyPassword: 0x0200018c,
  ZGen_2Phase: 0x0200018d,
  EC_Ephemeral: 0x0000018e,
  PolicyNvWritten: 0x0200018f,
  PolicyTemplate: 0x02000190,
  CreateLoaded: 0x12000191,
  PolicyAuthorizeNV: 0x06000192,
  EncryptDecrypt2: 0x02000193,
  AC_GetCapability: 0x02000194,
  AC_Send: 0x06400195,
  Policy_AC_SendSelect: 0x02000196,
  CertifyX509: 0x04000197,
  ACT_SetTimeout: 0x02000198,
  ECC_Encrypt: 0x02000199,
  ECC_Decrypt: 0x0200019a,
  PolicyCapability: 0x0200019b,
  PolicyParameters: 0x0200019c,
  NV_DefineSpace2: 0x0240019d,
  NV_ReadPublic2: 0x0200019e,
  SetCapability: 0x0240019f,
} as const satisfies Record<string, number>;

export type TpmCommandName = keyof typeof TPM_COMMANDS;

/** Lowest and highest known command code; codes between them may be unknown. */
export const COMMAND_CODE_FIRST = 0x11f;
export const COMMAND_CODE_LAST = 0x19f;

/** Command codes by name, e.g. `TPM_CC.PCR_Extend === 0x182`. */
export const TPM_CC = Object.fromEntries(
  Object.entries(TPM_COMMANDS).map(([name, attributes]) => [name, attributes & 0xffff]),
) as { readonly [K in TpmCommandName]: number };

const nameByCode = new Map<number, TpmCommandName>();
const attributesByCode = new Map<number, number>();
for (const [name, attributes] of Object.entries(TPM_COMMANDS)) {
  nameByCode.set(attributes & 0xffff, name as TpmCommandName);
  attributesByCode.set(attributes & 0xffff, attributes);
}

/** Name of a command code, or undefined for a code that no command has. */
export function commandName(code: number): TpmCommandName | undefined {
  return nameByCode.get(code);
}

/** Code of a command by name, or undefined for a name that no command has. */
export function commandCode(name: string): number | undefined {
  return Object.hasOwn(TPM_CC, name) ? TPM_CC[name as TpmCommandName] : undefined;
}

/** TPMA_CC word of a command code, or undefined for a code that no command has. */
export function commandAttributes(code: number): number | undefined {
  return attributesByCode.get(code);
}

/** Handles (4 bytes each) between header and authorisation area of a command: 0 to 3; 0 for an unknown code. */
export function commandHandles(code: number): number {
  return ((attributesByCode.get(code) ?? 0) >>> 25) & 7;
}
