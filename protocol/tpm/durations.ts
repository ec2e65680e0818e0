/**
 * How long a Linux guest waits for a TPM 2.0 command, by class of duration (drivers/char/tpm/tpm2-cmd.c and tpm.h).
 *
 * Only the few commands that the kernel itself sends have a class; it grants every other command the default. The
 * classes are upper limits of waiting. They say nothing about how long a command takes.
 */
import { TPM_CC } from './command-codes.js';

export type DurationClass = 'short' | 'medium' | 'long' | 'keygen' | 'default';

/** Milliseconds of each class. No command is short at present; the class exists in the kernel. */
export const DURATION_MS: { readonly [K in DurationClass]: number } = {
  short: 20,
  medium: 750,
  long: 2_000,
  keygen: 300_000,
  default: 120_000,
};

/** The class of a command code; unknown codes are 'default'. */
export function durationClass(code: number): DurationClass {
  switch (code) {
    case TPM_CC.Startup:
    case TPM_CC.GetCapability:
    case TPM_CC.PCR_Extend:
    case TPM_CC.HashSequenceStart:
    case TPM_CC.SequenceUpdate:
    case TPM_CC.SequenceComplete:
    case TPM_CC.EventSequenceComplete:
      return 'medium';
    case TPM_CC.SelfTest:
    case TPM_CC.GetRandom:
    case TPM_CC.NV_Read:
    case TPM_CC.HierarchyControl:
    case TPM_CC.HierarchyChangeAuth:
      return 'long';
    case TPM_CC.VerifySignature:
    case TPM_CC.CreatePrimary:
    case TPM_CC.Create:
    case TPM_CC.CreateLoaded:
      return 'keygen';
    default:
      return 'default';
  }
}

/** Milliseconds a Linux guest waits for the answer to a command. */
export function maximumDuration(code: number): number {
  return DURATION_MS[durationClass(code)];
}
