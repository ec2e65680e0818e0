/** Scenarios of block data on the command line: explored, replayed, listed, reported. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { BLOCK_ROWS } from '../../scenarios/block-data.js';
import { BLOCK_SCENARIOS } from '../../scenarios/block-scenarios.js';
import { quiesce } from '../support/fake-terminal.js';

const NAME = 'block-data/snapshot-memory-first';
const FAILS = ['explore', '--scenario', NAME];
const HOLDS = ['explore', '--scenario', 'block-data/snapshot-drained'];

t.test('what holds is said to hold, with the argument', async (t) => {
  const { status, out, err } = await quiesce(HOLDS);
  t.match({ status, err }, { status: 0, err: '' });
  t.match(
    out,
    /^block-data\/snapshot-drained\nblkfront linux with blkback careful\n\nholds in every schedule\n\d+ states/,
  );
  t.match(out, /\nIt must hold: nothing is in flight when the copies are made\.\n$/);
});

// The thread's example: the inode is removed between the image of the guest and that of the disk.
t.test('what fails is shown with a schedule, which a token and a file replay', async (t) => {
  const file = join(t.testdir({}), 'inode.schedule');
  const { status, out } = await quiesce([...FAILS, '--out', file]);
  t.equal(status, 1);
  t.match(out, /\nin-step fails\nA snapshot of the domain after command n holds the device after command n\.\n/);
  t.match(out, /\n {4} 4 {2}toolstack\.run\/save_memory\n/);
  t.match(out, /\n {8}block 0: the image of the disk holds write 1, which the guest in the image has not made\n/);
  t.match(out, /\nin-step must fail: the guest goes on after its memory was copied and removes the\nfile/);
  const [, token = ''] = /\nTo replay it:\nquiesce replay (q1\.\S+)\n$/.exec(out) ?? [];
  t.match(readFileSync(file, 'utf8'), `quiesce schedule 1\nscenario: ${NAME}\nblkfront: linux\n\ntoolstack`);
  for (const source of [token, file]) {
    const again = await quiesce(['replay', source]);
    t.match(again, { status: 1, out: /^block-data\/snapshot-memory-first: blkfront linux\n/ });
    t.match(again.out, /in-step fails: /);
    const json = JSON.parse((await quiesce(['replay', source, '--json'])).out) as unknown;
    t.match(json, { scenario: NAME, blkfront: 'linux', holds: false, oracle: 'in-step', diverged: null });
  }
  const verbose = (await quiesce(['replay', token, '--verbose'])).out;
  t.match(verbose, /guest1 ring page \d: .*req_prod: 0 -> 1\n/, 'fields have names');
  t.match(verbose, /disk block 0: block\.value: 0 -> 1\n/);
  const diagram = (await quiesce(['replay', token, '--mermaid'])).out;
  t.match(diagram, /participant guest1\n {4}participant blkback1\n {4}participant disk\n/);
  t.match(diagram, /\n {4}blkback1->>disk: block 0: value = 1, was 0\n/);
  t.notMatch(diagram, /tpm/);
  t.match((await quiesce([...HOLDS, '--out', file])).err, /nothing fails, so .* is not written/);
});

t.test('another xenstored can be chosen, and goes into the token and the file', async (t) => {
  const file = join(t.testdir({}), 'other.schedule');
  const { status, out } = await quiesce([...FAILS, '--daemon', 'ocaml', '--out', file]);
  t.equal(status, 1);
  t.match(out, /^block-data\/snapshot-memory-first\nblkfront linux with blkback careful, xenstored ocaml\n/);
  t.match(readFileSync(file, 'utf8'), `blkfront: linux\ndaemon: ocaml\n\n`);
  const [, token = ''] = /\nquiesce replay (q1\.\S+)\n$/.exec(out) ?? [];
  for (const source of [token, file]) {
    const json = JSON.parse((await quiesce(['replay', source, '--json'])).out) as unknown;
    t.match(json, { scenario: NAME, daemon: 'ocaml', oracle: 'in-step', diverged: null });
  }
  writeFileSync(file, readFileSync(file, 'utf8').replace('ocaml', 'perl'));
  t.match(await quiesce(['replay', file]), {
    status: 2,
    err: /:4: expected c, c-4\.22, ocaml for daemon, found "perl"/,
  });
  t.match(await quiesce([...FAILS, '--daemon', 'perl']), {
    status: 2,
    err: /--daemon: expected c or c-4\.22 or ocaml/,
  });
});

t.test('one JSON document has everything', async (t) => {
  t.match(JSON.parse((await quiesce([...FAILS, '--json'])).out), {
    scenario: NAME,
    blkfront: 'linux',
    blkback: 'careful',
    holds: false,
    complete: false,
    oracle: 'in-step',
    fault: /^block 0/,
    seconds: 0,
    schedule: [String],
    token: /^q1\./,
  });
});

t.test('the order can be chosen, and a bound that is reached is no verdict', async (t) => {
  t.match(await quiesce([...HOLDS, '--order', 'bfs']), { status: 0, out: /holds in every schedule/ });
  const bounded = await quiesce([...HOLDS, '--max-states', '10']);
  t.match(bounded, { status: 2, out: /no failure in 10 states \(not complete\)/, err: /--max-states may help\n$/ });
});

t.test('it is reported to continuous integration', async (t) => {
  const file = join(t.testdir({}), 'junit.xml');
  await quiesce([...FAILS, '--junit', file]);
  t.match(readFileSync(file, 'utf8'), /blkfront linux with blkback careful/);
});

t.test('options that do not go together are refused', async (t) => {
  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [
      [...FAILS, '--tpmfront', 'linux'],
      /^quiesce explore: --tpmfront: .* names its drivers itself; leave --tpmfront out\n$/,
    ],
    [[...FAILS, '--design', 'I'], /--design: .* leave --design out/],
    [[...FAILS, '--emit-test', 'x.test.ts'], /--emit-test: expected a scenario of a pair of vTPM drivers/],
    [
      ['explore', '--scenario', 'block-data/nothing'],
      /there is no scenario 'block-data\/nothing'; known: block-data\//,
    ],
    [['run', '--scenario', NAME], /can be explored and replayed, not run/],
  ];
  for (const [argv, message] of refusals)
    t.match(await quiesce(argv), { status: 2, out: '', err: message }, argv.join(' '));
});

t.test('every row has a name of its own without blanks, and is listed', async (t) => {
  t.equal(new Set(BLOCK_SCENARIOS.map(({ name }) => name)).size, BLOCK_ROWS.length);
  const listed = JSON.parse((await quiesce(['list', 'scenarios', '--json'])).out) as {
    'block-data': { name: string }[];
  };
  t.strictSame(
    listed['block-data'].map(({ name }) => name),
    BLOCK_SCENARIOS.map(({ name }) => name),
  );
  for (const { name, title } of BLOCK_SCENARIOS) {
    t.match(name, /^block-data\/\S+$/);
    t.match(title, /^(Holds|Fails \(.*\)): [^ ].*\.$/);
  }
  const { out } = await quiesce(['list', 'scenarios']);
  t.ok(out.split('\n').every((line) => line.length <= 80));
});
