/**
 * Which commands a real TPM can repeat on its state of before: every command of the recorded sessions that changes the
 * state, on a second swtpm that was given that state. One that counts as repeatable must give the same answer, and leave
 * the same state but for its clocks; alone, and after all that came before it since some state.
 *
 * Alone each is tried a few times, since a state takes milliseconds to be taken over.
 */
import t from 'tap';
import { differences } from '../../live/tpm/state-transfer.js';
import type { SwtpmDevice } from '../../live/tpm/swtpm-device.js';
import type { VtpmState } from '../../live/tpm/vtpm-state.js';
import { readResponseHeader } from '../../protocol/tpm/header.js';
import { isRepeatable, REPEATABLE_COMMANDS } from '../../protocol/tpm/repeatable.js';
import type { SessionEntry } from '../../protocol/tpm/session.js';
import { Replayer } from '../support/replay/replayer.js';
import { recordedSession, SESSION_FILES } from '../support/sessions.js';
import { realDevice } from './tpm-toolbox.js';

/** Bytes by which two saves of one TPM differ with nothing between them but time; 34 are the most that were seen. */
const CLOCK_BYTES_MAX = 64;

const ALONE_MAX = 10;

interface Executed {
  readonly entry: SessionEntry;
  readonly sent: Uint8Array;
  readonly response: Uint8Array;
}

interface Run {
  readonly from: VtpmState;
  readonly executed: readonly Executed[];
  readonly to: VtpmState;
}

/** What is different on `twin`: nothing, or an answer, or the state. */
async function repeat(twin: SwtpmDevice, { from, executed, to }: Run): Promise<string | null> {
  await twin.restoreState(from);
  for (const { entry, sent, response } of executed) {
    const found = await twin.execute(sent, { locality: entry.locality });
    if (Buffer.compare(found, response) !== 0) return `the answer to ${entry.sequence} ${entry.name}`;
  }
  const found = await twin.saveState();
  const bytes = ({ volatile }: VtpmState): Uint8Array => volatile?.bytes ?? new Uint8Array(0);
  const volatile = differences(bytes(to), bytes(found));
  if (volatile > CLOCK_BYTES_MAX) return `${volatile} bytes of the volatile state`;
  return differences(to.permanent.bytes, found.permanent.bytes) === 0 ? null : 'the permanent state';
}

t.test('what can be repeated', { timeout: 300_000 }, async (t) => {
  const repeated = new Map<string, number>();
  const different = new Set<string>();
  let longest = 0;
  for (const file of SESSION_FILES) {
    const session = recordedSession(file.replace('.jsonl', ''));
    const [device, twin] = [await realDevice(t), await realDevice(t)];
    const replayer = new Replayer();
    let before = await device.saveState();
    let from = before;
    let since: Executed[] = [];
    for (const entry of session.entries) {
      const sent = replayer.command(entry);
      const response = await device.execute(sent, { locality: entry.locality });
      replayer.learn(entry, sent, response);
      if (!entry.changesState && readResponseHeader(response).code === 0) continue;
      const after = await device.saveState();
      const can = isRepeatable(sent, entry.code) && readResponseHeader(response).code === 0;
      const times = repeated.get(entry.name) ?? 0;
      if (!can || times < ALONE_MAX) {
        const found = await repeat(twin, { from: before, executed: [{ entry, sent, response }], to: after });
        if (found !== null) different.add(entry.name);
        if (found !== null && can) t.fail(`${session.name} ${entry.sequence} ${entry.name}: another: ${found}`);
      }
      if (can) {
        repeated.set(entry.name, times + 1);
        since.push({ entry, sent, response });
      }
      const last = entry === session.entries.at(-1);
      if ((!can || last) && since.length > 0) {
        const all = await repeat(twin, { from, executed: since, to: can ? after : before });
        if (all !== null) t.fail(`${session.name} up to ${entry.sequence}: another: ${all}`);
        longest = Math.max(longest, since.length);
      }
      before = after;
      if (can) continue;
      from = after;
      since = [];
    }
    await device.close();
    await twin.close();
  }
  t.strictSame(
    [...REPEATABLE_COMMANDS].filter((name) => !repeated.has(name)),
    [],
    'each of them was seen',
  );
  t.ok(longest > 20, `${longest} of them in a row`);
  // That the comparison sees what draws on other randomness: keys, paddings, and what is stirred in.
  for (const name of ['Create', 'RSA_Encrypt', 'StirRandom']) t.ok(different.has(name), `${name} comes out otherwise`);
});
