import t from 'tap';
import { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { readBytes, writeBytes } from '../protocol/memory.js';
import {
  COMMAND_CODE_FIRST,
  COMMAND_CODE_LAST,
  commandAttributes,
  commandCode,
  commandHandles,
  commandName,
  TPM_CC,
} from '../protocol/tpm/command-codes.js';
import { DURATION_MS, durationClass, maximumDuration } from '../protocol/tpm/durations.js';
import {
  bigEndian32,
  headerBytes,
  readCode,
  readCommandHeader,
  readResponseHeader,
  readSize,
  readTag,
  writeErrorResponse,
  writeHeader,
} from '../protocol/tpm/header.js';
import {
  baseOf,
  responseName,
  TPM_RC,
  withHandle,
  withParameter,
  withSession,
} from '../protocol/tpm/response-codes.js';
import { recordedSession } from './support/sessions.js';
import { fromHex, toHex } from './support/tpm-engine.js';

const ADDRESS = 0x1004;

function memory(): JournaledMemory {
  const memory = new JournaledMemory(2);
  memory.protect(1, -1);
  return memory;
}

t.test('a header in memory is the header in bytes', async (t) => {
  const pages = memory();
  // A recorded NV_Write of 1123 bytes: each field has a value in more than its lowest byte.
  writeBytes(pages, ADDRESS, fromHex('80020000046300000137'));
  t.equal(readTag(pages, ADDRESS), 0x8002);
  t.equal(readSize(pages, ADDRESS), 0x463);
  t.equal(readCode(pages, ADDRESS), 0x137);
  t.strictSame(readCommandHeader(readBytes(pages, ADDRESS, 10)), { tag: 0x8002, size: 0x463, code: 0x137 });
});

t.test('every bit of every field has its place, and the largest values stay unsigned', async (t) => {
  for (const header of [
    { tag: 0xffff, size: 0xffffffff, code: 0xffffffff },
    { tag: 0x0102, size: 0x03040506, code: 0x0708090a },
    { tag: 0, size: 0, code: 0 },
  ]) {
    const pages = memory();
    writeHeader(pages, ADDRESS, header);
    t.strictSame(readCommandHeader(readBytes(pages, ADDRESS, 10)), header);
    t.strictSame(readResponseHeader(headerBytes(header)), header);
    t.strictSame(
      { tag: readTag(pages, ADDRESS), size: readSize(pages, ADDRESS), code: readCode(pages, ADDRESS) },
      header,
    );
    t.equal(pages.read16(ADDRESS + 10), 0, 'nothing is stored behind the header');
  }
  t.equal(toHex(headerBytes({ tag: 0x0102, size: 0x03040506, code: 0x0708090a })), '0102030405060708090a');
});

t.test('an error response is the one that was recorded', async (t) => {
  const pages = memory();
  pages.write32(ADDRESS + 8, 0xffffffff);
  t.equal(writeErrorResponse(pages, ADDRESS, TPM_RC.LOCALITY), 10);
  t.equal(toHex(readBytes(pages, ADDRESS, 12)), '80010000000a000009070000');
  writeErrorResponse(pages, ADDRESS, 0x12345678);
  t.equal(toHex(readBytes(pages, ADDRESS, 10)), '80010000000a12345678');
});

t.test('command names and codes go both ways', async (t) => {
  for (const [name, code] of Object.entries(TPM_CC)) {
    t.equal(commandName(code), name);
    t.equal(commandCode(name), code);
    t.ok(code >= COMMAND_CODE_FIRST && code <= COMMAND_CODE_LAST);
  }
  t.equal(new Set(Object.values(TPM_CC)).size, Object.keys(TPM_CC).length, 'no code twice');
  t.equal(TPM_CC.PCR_Extend, 0x182);
  for (const name of ['', 'pcr_extend', 'TPM2_PCR_Extend', 'toString', '__proto__'])
    t.equal(commandCode(name), undefined);
  for (const code of [0, 0x123, 0x15a, 0x1ff, -1]) t.equal(commandName(code), undefined);
});

t.test('the table of commands is what the recorded TPM reports', async (t) => {
  // GetCapability(COMMANDS): header, moreData, capability and count before the words.
  const answer = recordedSession('capabilities').entries[2]?.response ?? new Uint8Array(0);
  const count = bigEndian32(answer, 15);
  t.equal(count, 110);
  for (let i = 0; i < count; i++) {
    const word = bigEndian32(answer, 19 + i * 4);
    t.equal(commandAttributes(word & 0xffff), word, `0x${word.toString(16)}`);
  }
});

t.test('commands have the handles of part 3', async (t) => {
  t.equal(commandHandles(TPM_CC.GetRandom), 0);
  t.equal(commandHandles(TPM_CC.PCR_Extend), 1);
  t.equal(commandHandles(TPM_CC.NV_Write), 2);
  t.equal(commandHandles(TPM_CC.PolicyNV), 3);
  t.equal(commandHandles(0x1ff), 0);
});

t.test('response codes name what they blame', async (t) => {
  // Codes as measured: second handle, first parameter, session 1.
  t.equal(withHandle(TPM_RC.HANDLE, 2), 0x28b);
  t.equal(withParameter(TPM_RC.HANDLE, 1), 0x1cb);
  t.equal(withSession(TPM_RC.AUTH_FAIL, 1), 0x98e);
  for (const code of [0x28b, 0x1cb, 0x98b]) t.equal(responseName(code), 'HANDLE');
  for (const [name, code] of Object.entries(TPM_RC)) t.equal(responseName(code), name);
  t.equal(responseName(0x912), 'REFERENCE_H0');
  t.equal(responseName(0x91a), 'REFERENCE_S0');
  t.equal(baseOf(0x922), TPM_RC.RETRY);
  t.equal(responseName(0x1ff & ~0x80), undefined);
});

t.test('Linux waits as long as tpm2-cmd.c says', async (t) => {
  t.equal(maximumDuration(TPM_CC.PCR_Extend), 750);
  t.equal(maximumDuration(TPM_CC.GetRandom), 2_000);
  t.equal(maximumDuration(TPM_CC.CreatePrimary), 300_000);
  t.equal(maximumDuration(TPM_CC.NV_Write), 120_000);
  t.equal(maximumDuration(0x1ff), 120_000);
  t.equal(DURATION_MS.short, 20);
  t.equal(durationClass(TPM_CC.NV_Read), 'long');
});
