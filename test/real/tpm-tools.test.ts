/** Unmodified tpm2-tools through each kind of endpoint to a real swtpm: as they do straight with one. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type TctiFraming, TctiServer } from '../../live/tcti/tcti-server.js';
import { ModelDevice } from '../../live/tpm/model-device.js';
import { startup } from '../support/model-commands.js';
import { DirectSwtpm, realDevice, runTpmTool, type ToolResult, testFolder } from './tpm-toolbox.js';

const DIGEST = 'ab'.repeat(32);
const SIGNING_KEY = 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|noda';
const COUNTER = 'nt=counter|ownerread|ownerwrite|authread|authwrite|no_da';

/** Each line a tool; there is no resource manager, so each that leaves an object behind is followed by a flush. */
const SCRIPT: readonly (readonly string[])[] = [
  ['tpm2_pcrextend', `16:sha256=${DIGEST}`],
  ['tpm2_pcrread', 'sha1:16+sha256:0,16'],
  ['tpm2_createprimary', '-C', 'o', '-G', 'ecc', '-c', 'primary.ctx'],
  ['tpm2_flushcontext', '-t'],
  [
    'tpm2_create',
    '-C',
    'primary.ctx',
    '-G',
    'ecc256:ecdsa-sha256:null',
    '-u',
    'key.pub',
    '-r',
    'key.priv',
    '-a',
    SIGNING_KEY,
  ],
  ['tpm2_flushcontext', '-t'],
  ['tpm2_load', '-C', 'primary.ctx', '-u', 'key.pub', '-r', 'key.priv', '-c', 'key.ctx'],
  ['tpm2_flushcontext', '-t'],
  ['tpm2_quote', '-c', 'key.ctx', '-l', 'sha256:0,16', '-q', 'beef', '-m', 'quote', '-s', 'signature', '-o', 'pcrs'],
  ['tpm2_flushcontext', '-t'],
  ['tpm2_readpublic', '-c', 'key.ctx', '-o', 'key.pem', '-f', 'pem'],
  ['tpm2_flushcontext', '-t'],
  ['tpm2_checkquote', '-u', 'key.pem', '-m', 'quote', '-s', 'signature', '-f', 'pcrs', '-q', 'beef'],
  ['tpm2_nvdefine', '0x1500016', '-s', '8', '-a', COUNTER],
  ['tpm2_nvread', '0x1500016'],
  ['tpm2_nvincrement', '0x1500016'],
  ['tpm2_nvincrement', '0x1500016'],
  ['tpm2_nvread', '0x1500016'],
  ['tpm2_getrandom', '--hex', '16', '-o', 'random'],
  ['tpm2_pcrreset', '0'],
  ['tpm2_getcap', 'handles-nv-index'],
  ['tpm2_nvundefine', '0x1500016'],
];
/** What the tool prints depends on keys that each TPM has of its own. */
const PRINTS_ITS_OWN = [
  'tpm2_createprimary',
  'tpm2_create',
  'tpm2_load',
  'tpm2_quote',
  'tpm2_readpublic',
  'tpm2_checkquote',
];
/** Those that must fail: the counter has not been written, PCR 0 cannot be reset. */
const FAILS = [14, 19];

async function run(folder: string, tcti: string): Promise<(ToolResult | number)[]> {
  const results: (ToolResult | number)[] = [];
  for (const line of SCRIPT) {
    const result = await runTpmTool(tcti, folder, line);
    results.push(PRINTS_ITS_OWN.includes(line[0] ?? '') ? result.status : result);
  }
  return results;
}

t.test('tpm2-tools do through every endpoint what they do straight with swtpm', { timeout: 300_000 }, async (t) => {
  const straight = await DirectSwtpm.start(t, true);
  const expected = await run(testFolder(t), straight.tcti);
  const failed = expected.flatMap((result, i) =>
    (typeof result === 'number' ? result : result.status) === 0 ? [] : [i],
  );
  t.strictSame(failed, FAILS, 'the script does what it should');
  for (const framing of ['swtpm', 'mssim'] satisfies TctiFraming[]) {
    for (const kind of ['unix', 'tcp'] as const) {
      const folder = testFolder(t);
      const address = kind === 'unix' ? ({ kind, path: join(folder, 'tpm') } as const) : ({ kind, port: 0 } as const);
      const server = await TctiServer.listen(await realDevice(t, { startup: true }), { framing, address });
      t.teardown(() => server.close());
      t.strictSame(await run(folder, server.tcti), expected, server.tcti);
      t.equal(readFileSync(join(folder, 'random')).length, 32);
    }
  }
});

t.test('several tools at once share the TPM, each with its own answers', { timeout: 300_000 }, async (t) => {
  const folder = testFolder(t);
  const device = await realDevice(t, { startup: true });
  const server = await TctiServer.listen(device, {
    framing: 'swtpm',
    address: { kind: 'unix', path: join(folder, 'tpm') },
  });
  t.teardown(() => server.close());
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      runTpmTool(server.tcti, folder, ['tpm2_pcrextend', `${8 + i}:sha256=${DIGEST}`]),
    ),
  );
  t.ok(results.every(({ status }) => status === 0));
  const { stdout } = await runTpmTool(server.tcti, folder, ['tpm2_pcrread', 'sha256:8,9,10,11,12,13,14,15']);
  const values = new Set([...stdout.matchAll(/0x([0-9A-F]{64})/g)].map(([, value]) => value));
  t.equal(values.size, 1, 'each extended once, so all are alike');
  t.notMatch([...values].join(), /^0+$/);
});

t.test('the model serves tools too, as far as it goes', async (t) => {
  const folder = testFolder(t);
  const device = new ModelDevice({ seed: 7 });
  await device.execute(startup, { locality: 0 });
  mkdirSync(join(folder, 'private'), { mode: 0o700 });
  const address = { kind: 'unix', path: join(folder, 'private', 'tpm') } as const;
  const server = await TctiServer.listen(device, { framing: 'mssim', address });
  t.teardown(() => server.close());
  for (const line of [
    ['tpm2_pcrextend', `16:sha256=${DIGEST}`],
    ['tpm2_pcrread', 'sha256:16'],
    ['tpm2_getrandom', '--hex', '8'],
  ]) {
    const { status } = await runTpmTool(server.tcti, folder, line);
    t.equal(status, 0, line.join(' '));
  }
});
