/** SwtpmDevice on a program that only pretends to be swtpm, in a directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { SwtpmDevice, type SwtpmOptions } from '../../live/tpm/swtpm-device.js';
import { readResponseHeader } from '../../protocol/tpm/header.js';

const FAKE = fileURLToPath(new URL('../support/fake-swtpm.js', import.meta.url));

/** Arguments for the fake; see there. */
export function fakeProgram(...faults: readonly string[]): readonly string[] {
  return [execPath, FAKE, ...faults];
}

export function newDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'quiesce-tpm-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A device that has started up; closed after the test. */
export async function fakeDevice(
  t: Test,
  faults: readonly string[] = [],
  options: Partial<SwtpmOptions> = {},
): Promise<SwtpmDevice> {
  const device = await SwtpmDevice.start({
    directory: newDirectory(t),
    state: 'new',
    startup: true,
    program: fakeProgram(...faults),
    ...options,
  });
  t.teardown(() => device.close());
  return device;
}

export function codeOf(response: Uint8Array): number {
  return readResponseHeader(response).code;
}
