import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { commandCode, TPM_CC } from '../protocol/tpm/command-codes.js';
import { changedState, changesState, type SecondSend, stateChange } from '../protocol/tpm/state-change.js';

/** A command sent twice to a real TPM; null where a state blob did not change. */
interface Row {
  readonly command: string;
  readonly rc1: string;
  readonly rc2: string;
  readonly sameAnswer: boolean;
  readonly permanent1: string | null;
  readonly volatile1: string | null;
  readonly permanent2: string | null;
  readonly volatile2: string | null;
  readonly fileWrite1: boolean;
  readonly fileWrite2: boolean;
}

const rows: readonly Row[] = readFileSync(join(process.cwd(), 'test', 'recordings', 'tpm2-replay.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);

const UNKNOWN_CODE = 0x1ff;

function codeOf(row: Row): number {
  if (row.command.startsWith('unknown command code')) return UNKNOWN_CODE;
  return commandCode((/^\w+/.exec(row.command) ?? [''])[0]) ?? -1;
}

/** Whether the first or the second send changed a state blob or had the TPM write its file. */
const firstChanged = (row: Row): boolean => row.permanent1 !== null || row.volatile1 !== null || row.fileWrite1;
const secondChanged = (row: Row): boolean => row.permanent2 !== null || row.volatile2 !== null;

function observedSecondSend(row: Row): SecondSend {
  if (row.rc2 !== '0x0') return row.rc1 === row.rc2 ? 'same' : 'wrong-answer';
  if (!row.sameAnswer) return 'other-answer';
  return secondChanged(row) ? 'silent' : 'same';
}

/** Rows that show less than the table says of the command, and why. */
const MILDER: Readonly<Record<string, string>> = {
  'Startup(CLEAR) when already started': 'the first Startup was sent before the row',
  'Shutdown(CLEAR)': 'the second send changes bookkeeping only',
  'Shutdown(STATE)': 'the second send changes bookkeeping only',
  'ClockSet(+1 h)': 'the clock is left out of the comparison of blobs',
  'ContextSave(object)': 'of a session, the second is refused',
  'ContextLoad(object)': 'of a session, the second is refused',
  'NV_Write (orderly index)': 'an orderly index lies in volatile state',
  'NV_Increment (orderly index)': 'an orderly index lies in volatile state',
  'HierarchyChangeAuth(owner, same empty)': 'a new value makes the old password wrong',
};

/** Rows about the authorisation rather than the command. */
const AUTHORISATION: readonly string[] = [
  'Sign(ecdsa), key under DA, first use',
  'NV_Read with a wrong password (index under DA)',
  'NV_Increment under an HMAC session',
];

t.test('every measured row agrees with the table', async (t) => {
  t.equal(rows.length, 68);
  let compared = 0;
  for (const row of rows) {
    const code = codeOf(row);
    t.not(code, -1, `${row.command}: the command is known`);
    if (row.command in MILDER || AUTHORISATION.includes(row.command)) continue;
    const { changesState: kind, secondSend, replaySafe, measured } = stateChange(code);
    t.equal(kind !== 'no', firstChanged(row), `${row.command}: changes state`);
    t.equal(changesState(code), firstChanged(row), `${row.command}: changesState`);
    // A Clear or an EvictControl rewrites both; the permanent one decides.
    if (kind !== 'no') t.equal(kind === 'permanent', row.permanent1 !== null || row.fileWrite1, `${row.command}: kind`);
    t.equal(secondSend, observedSecondSend(row), `${row.command}: second send`);
    t.equal(replaySafe, !firstChanged(row) || (row.sameAnswer && !secondChanged(row)), `${row.command}: replay safe`);
    t.equal(measured, true, row.command);
    compared++;
  }
  t.equal(compared + Object.keys(MILDER).length + AUTHORISATION.length, rows.length);
});

t.test('the milder rows agree as far as they go', async (t) => {
  for (const command of Object.keys(MILDER)) {
    const row = rows.find((row) => row.command === command);
    t.ok(row, command);
    if (row !== undefined && firstChanged(row)) t.ok(changesState(codeOf(row)), `${command}: changes state`);
  }
  t.equal(stateChange(TPM_CC.Startup).secondSend, 'wrong-answer');
  t.equal(stateChange(TPM_CC.Shutdown).replaySafe, true);
  t.equal(stateChange(TPM_CC.ContextSave).secondSend, 'wrong-answer');
});

t.test('thirteen rows answer 0 with the same bytes and change state again', async (t) => {
  const silent = rows.filter(
    (row) => row.rc2 === '0x0' && row.sameAnswer && secondChanged(row) && !row.command.startsWith('Shutdown'),
  );
  // StirRandom, SequenceUpdate, PCR_Extend(16), PCR_Extend(0), PCR_Event(16), PolicyPCR, PolicyAuthValue,
  // PolicyCommandCode, PolicySecret, NV_Increment, NV_Increment (orderly), NV_Extend, Clear.
  t.equal(silent.length, 13);
  for (const row of silent) {
    t.equal(stateChange(codeOf(row)).secondSend, 'silent', row.command);
    t.equal(stateChange(codeOf(row)).replaySafe, false, row.command);
  }
});

t.test('errors change nothing but the counter of failed tries', async (t) => {
  for (const row of rows) {
    // The refused EvictControl touched two bytes of volatile state, as the one before it did besides its work.
    if (row.rc2 === '0x0' || row.command === 'EvictControl(remove)') continue;
    t.equal(changedState(codeOf(row), Number(row.rc2)), secondChanged(row), `${row.command}: ${row.rc2}`);
  }
  for (const code of [0x98e, 0xa8e, 0xb8e]) t.equal(changedState(TPM_CC.NV_Read, code), true);
  for (const code of [0x08e, 0x18e, 0x9a2, 0x921, 0x922, 0x907, 0x100]) {
    t.equal(changedState(TPM_CC.NV_Write, code), false, `0x${code.toString(16)}`);
  }
  t.equal(changedState(TPM_CC.NV_Write, 0), true);
  t.equal(changedState(TPM_CC.NV_Read, 0), false);
});

t.test('every known command is in the table, and unknown codes change nothing', async (t) => {
  for (const [name, code] of Object.entries(TPM_CC)) {
    // An unknown code's row is marked as measured; a command missing from the table would get it too.
    t.not(stateChange(code), stateChange(UNKNOWN_CODE), name);
    t.equal(changesState(code), stateChange(code).changesState !== 'no', name);
  }
  for (const code of [0, -1, 0x11e, 0x123, 0x1a0, UNKNOWN_CODE, 0xffffffff, Number.NaN])
    t.equal(changesState(code), false);
  t.match(stateChange(UNKNOWN_CODE), { changesState: 'no', secondSend: 'same', replaySafe: true });
});
