/** The model against recordings of a real TPM, which is an independent implementation. */
import t from 'tap';
import { modelEngine } from '../backend/tpm/model/engine.js';
import { commandAttributes, TPM_CC } from '../protocol/tpm/command-codes.js';
import { bigEndian32, readResponseHeader } from '../protocol/tpm/header.js';
import type { SessionEntry } from '../protocol/tpm/session.js';
import { answeredParameters, withPassword } from './support/passwords.js';
import { recordedSession } from './support/sessions.js';
import { command, EngineBench, toHex, word } from './support/tpm-engine.js';

/** A model of the size of the recorded TPM. */
const large = (): EngineBench =>
  new EngineBench(modelEngine({ seed: 1, nvIndexSize: 2048, banks: ['sha1', 'sha256', 'sha384', 'sha512'] }));

const LAST_CAPABILITY = 0xa;
const implemented = new Set<number>(
  (() => {
    const device = large();
    device.send(command({ code: TPM_CC.Startup, parameters: '0000' }));
    const answer = device.send(command({ code: TPM_CC.GetCapability, parameters: '0000000200000000000000fe' }));
    return Array.from({ length: bigEndian32(answer, 15) }, (_, i) => bigEndian32(answer, 19 + i * 4) & 0xffff);
  })(),
);

/** Capability and first property of a GetCapability. */
const capabilityOf = (entry: SessionEntry): readonly [number, number] => [
  bigEndian32(entry.command, 10),
  bigEndian32(entry.command, 14),
];

/** Whether the command lists or flushes transient objects, which the model has none of. */
function isAboutObjects({ code, command }: SessionEntry): boolean {
  if (code === TPM_CC.FlushContext) return command[10] === 0x80;
  return code === TPM_CC.GetCapability && command[13] === 1 && command[14] === 0x80;
}

/** Whether the answer is the same on any TPM in that state: no random bytes, no list of what the maker has built in. */
function isExact(entry: SessionEntry): boolean {
  if (entry.code === TPM_CC.GetCapability) {
    const [capability, property] = capabilityOf(entry);
    // The banks of PCRs, the handles, and the size of the NV buffer.
    return capability === 5 || capability === 1 || (capability === 6 && property === 0x12c);
  }
  return entry.code !== TPM_CC.GetRandom && entry.code !== TPM_CC.StartAuthSession;
}

/** What `compare` uses of a test. */
interface Assertions {
  fail(message: string): unknown;
  equal(found: unknown, wanted: unknown, message: string): unknown;
}

interface Comparison {
  /** Entries whose response codes were compared, and entries whose parameters were too. */
  codes: number;
  exact: number;
}

/** Runs a session through a model; `passwordOf` gives the password of an entry. */
function compare(
  t: Assertions,
  name: string,
  device: EngineBench,
  passwordOf: (entry: SessionEntry) => string = () => '',
): Comparison {
  const result = { codes: 0, exact: 0 };
  for (const entry of recordedSession(name).entries) {
    // A model that does not clear itself has nothing to say about what comes after.
    if (entry.code === TPM_CC.Clear && entry.responseCode === 0) break;
    if (!implemented.has(entry.code) || isAboutObjects(entry)) continue;
    const response = device.send(withPassword(entry, passwordOf(entry)), entry.locality);
    const place = `${name} ${entry.sequence} ${entry.name}`;
    const { code, tag } = readResponseHeader(response);
    if (code !== entry.responseCode)
      t.fail(`${place}: 0x${code.toString(16)}, not 0x${entry.responseCode.toString(16)}`);
    if (tag !== readResponseHeader(entry.response).tag) t.fail(`${place}: tag`);
    result.codes++;
    if (!isExact(entry)) continue;
    const [found, expected] = [answeredParameters(response), answeredParameters(entry.response)];
    if (found !== expected) t.equal(found, expected, place);
    result.exact++;
  }
  return result;
}

t.test('boot_measure: every extend, event, reset and read', async (t) => {
  t.strictSame(compare(t, 'boot_measure', large()), { codes: 37, exact: 33 });
});

t.test('boot_measure on a model with two banks: the values of those banks', async (t) => {
  const device = new EngineBench(modelEngine({ seed: 1 }));
  let compared = 0;
  for (const entry of recordedSession('boot_measure').entries) {
    const response = device.send(withPassword(entry, ''));
    // Reads that the real TPM answered from SHA-1 and SHA-256 alone. The counter counts four banks there.
    if (entry.code !== TPM_CC.PCR_Read || entry.sequence > 22) continue;
    t.equal(toHex(response.slice(14)), toHex(entry.response.slice(14)), `${entry.sequence}`);
    compared++;
  }
  t.equal(compared, 6);
});

t.test('ima_extends: sixty extends and the update counter, with two banks', async (t) => {
  t.strictSame(compare(t, 'ima_extends', large()), { codes: 63, exact: 63 });
  const device = new EngineBench(modelEngine({ seed: 1 }));
  for (const entry of recordedSession('ima_extends').entries) {
    const response = toHex(device.send(entry.command, entry.locality));
    if (entry.code !== TPM_CC.GetCapability)
      t.equal(response, toHex(entry.response), `${entry.sequence} ${entry.name}`);
  }
});

t.test('localities: who may extend and reset what, and what counts as an update', async (t) => {
  const { codes, exact } = compare(t, 'localities', large());
  t.equal(codes, 65);
  t.equal(exact, 65);
});

t.test('nv_plain: definitions, names, partial writes, 1500 bytes, errors', async (t) => {
  const { codes, exact } = compare(t, 'nv_plain', large());
  t.equal(codes, 92);
  t.ok(exact > 50, `${exact}`);
});

t.test('nv_counter_bits: counter, bits, extend, locks', async (t) => {
  const { codes, exact } = compare(t, 'nv_counter_bits', large());
  t.equal(codes, 128);
  t.ok(exact > 70, `${exact}`);
});

t.test('auth_failures: RETRY, wrong passwords up to lockout, reset', async (t) => {
  // The recording's client knew the password, and gave a wrong one where the TPM said so.
  const password = (entry: SessionEntry): string => {
    if (entry.responseCode === 0x98e) return 'wrong';
    return bigEndian32(entry.command, 10) === 0x01500030 ? 'secret' : '';
  };
  const { codes } = compare(t, 'auth_failures', large(), password);
  t.ok(codes > 60, `${codes}`);
});

t.test('hierarchy_clear: the owner and lockout passwords change and are wanted', async (t) => {
  let owner = '';
  const password = (entry: SessionEntry): string => {
    if (entry.code === TPM_CC.HierarchyChangeAuth) {
      const old = owner;
      if (bigEndian32(entry.command, 10) === 0x40000001) owner = 'ownerpw';
      return old === 'ownerpw' ? '' : old;
    }
    return entry.code === TPM_CC.NV_DefineSpace ? owner : '';
  };
  const { codes } = compare(t, 'hierarchy_clear', large(), password);
  t.ok(codes > 30, `${codes}`);
});

t.test('random_hash: sizes of random numbers, self test', async (t) => {
  const device = large();
  for (const entry of recordedSession('random_hash').entries) {
    if (!implemented.has(entry.code) || entry.code === TPM_CC.GetCapability) continue;
    const response = device.send(entry.command);
    t.equal(response.length, entry.response.length, `${entry.sequence} ${entry.name}`);
    if (entry.code !== TPM_CC.GetRandom) t.equal(toHex(response), toHex(entry.response), entry.name);
  }
});

t.test('capabilities: what the model has is what the real TPM has', async (t) => {
  const device = large();
  for (const entry of recordedSession('capabilities').entries) {
    const response = device.send(entry.command);
    if (entry.code !== TPM_CC.GetCapability) continue;
    t.equal(readResponseHeader(response).code, 0, `${entry.sequence}`);
    if (isExact(entry)) t.equal(toHex(response), toHex(entry.response), `${entry.sequence}`);
  }
  const words = [...implemented].map((code) => word(commandAttributes(code) ?? 0, 8));
  const recorded = toHex(recordedSession('capabilities').entries[2]?.response ?? new Uint8Array(0)).slice(38);
  const listed: readonly string[] = recorded.match(/.{8}/g) ?? [];
  for (const attributes of words) t.ok(listed.includes(attributes), attributes);
});

t.test('the limits are those of the real TPM, except where the model says its own', async (t) => {
  const device = large();
  const values = (response: Uint8Array): Map<number, number> =>
    new Map(
      Array.from({ length: bigEndian32(response, 15) }, (_, i) => [
        bigEndian32(response, 19 + i * 8),
        bigEndian32(response, 23 + i * 8),
      ]),
    );
  // Maker, and the numbers of commands.
  const own = [0x105, 0x129, 0x12a];
  let compared = 0;
  for (const entry of recordedSession('capabilities').entries.slice(0, 6)) {
    const response = device.send(entry.command);
    if (entry.code !== TPM_CC.GetCapability || capabilityOf(entry)[0] !== 6) continue;
    const real = values(entry.response);
    for (const [property, value] of values(response)) {
      if (capabilityOf(entry)[1] === 0x100 && property >= 0x200) continue;
      if (own.includes(property)) continue;
      t.equal(value, real.get(property), `property 0x${property.toString(16)}`);
      compared++;
    }
  }
  t.ok(compared > 35, `${compared}`);
  for (let capability = 0; capability <= LAST_CAPABILITY; capability++) {
    const parameters = `${word(capability, 8)}0000000000000001`;
    t.equal(device.code(command({ code: TPM_CC.GetCapability, parameters })), 0, `capability ${capability}`);
  }
});
