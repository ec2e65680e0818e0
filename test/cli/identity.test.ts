/** Scenarios of the device identity on the command line: explored, replayed, listed, checked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decideRaces, identityReport, raceAgrees } from '../../cli/check-identity.js';
import { quiesce } from '../support/fake-terminal.js';

const P = ['explore', '--scenario', 'device-identity/07', '--design', 'P'];
const I = ['explore', '--scenario', 'device-identity/07'];

t.test('what holds is said to hold, with what happens in some schedule', async (t) => {
  const { status, out, err } = await quiesce(I);
  t.match({ status, err }, { status: 0, err: '' });
  t.match(
    out,
    /^device-identity\/07\nThe loop device is detached, .*\n.*\ndesign I: .*\n.*\n\nholds in every schedule\n\d+ states/,
  );
  t.match(
    out,
    /\nIn some schedule\n {2}the backend exposes a device\n {2}the backend refuses a device of another identity\n/,
  );
  t.match(out, /\nThe race table says: refused; both attach and detach give a new diskseq\.\n$/);
});

t.test('what fails is shown with a schedule, which a token and a file replay', async (t) => {
  const file = join(t.testdir({}), 'seven.schedule');
  const { status, out } = await quiesce([...P, '--out', file]);
  t.equal(status, 1);
  t.match(out, /\nright-device fails\nA backend exposes no block device but the one/);
  t.match(out, /\n {8}right-device fails\n {8}blkback1 exposes loop0, which is another device than was meant\n/);
  const [, token = ''] = /\nTo replay it:\nquiesce replay (q1\.\S+)\n$/.exec(out) ?? [];
  t.match(readFileSync(file, 'utf8'), /^quiesce schedule 1\nscenario: device-identity\/07\ndesign: P\n\ntoolstack/);
  for (const source of [token, file]) {
    const again = await quiesce(['replay', source]);
    t.equal(again.status, 1);
    t.match(again.out, /^device-identity\/07: design P\n/);
    t.match(again.out, /right-device fails: /);
    const json = JSON.parse((await quiesce(['replay', source, '--json'])).out) as unknown;
    t.match(json, {
      scenario: 'device-identity/07',
      design: 'P',
      holds: false,
      oracle: 'right-device',
      diverged: null,
    });
  }
  const verbose = (await quiesce(['replay', token, '--verbose'])).out;
  t.match(verbose, /script WRITE \/local\/domain\/0\/backend\/vbd\/1\/51712\/physical-device = 7:0\n/);
  t.match(verbose, /host kernel loop0: gendisk\.life: 1 -> 0\n/, 'fields have names');
  t.match((await quiesce(['replay', token, '--mermaid'])).out, /participant blkback1\n[\s\S]*blkback1->>xenstored/);
  t.match((await quiesce([...I, '--out', file])).err, /nothing fails, so .* is not written/);
});

t.test('one JSON document has everything', async (t) => {
  const { out } = await quiesce([...P, '--json']);
  t.match(JSON.parse(out), {
    scenario: 'device-identity/07',
    design: 'P',
    holds: false,
    oracle: 'right-device',
    fault: /blkback1 exposes/,
    observed: [String],
    seconds: 0,
    schedule: [String],
    token: /^q1\./,
  });
});

t.test('the order can be chosen, and a bound that is reached is no verdict', async (t) => {
  const length = async (order: string): Promise<number> => {
    const { schedule } = JSON.parse((await quiesce([...P, '--json', '--order', order])).out) as { schedule: string[] };
    return schedule.length;
  };
  t.ok((await length('bfs')) <= (await length('dfs')));
  t.match(await quiesce([...I, '--order', 'bfs']), { status: 0, out: /holds in every schedule/ });
  const bounded = await quiesce([...I, '--max-states', '10']);
  t.match(bounded, { status: 2, out: /no failure in 10 states \(not complete\)/, err: /--max-states may help\n$/ });
});

t.test('a row that does not arise, and one where the explorer is right, say so', async (t) => {
  const none = await quiesce(['explore', '--scenario', 'device-identity/10', '--design', 'P']);
  t.match(none.out, /The race table has no entry for this design; the script does not wait\./);
  const better = await quiesce(['explore', '--scenario', 'device-identity/07e']);
  t.match(better.out, /\nThe explorer is right against it: the table has it/);
});

t.test('another xenstored can be chosen, and goes into the token', async (t) => {
  const fails = ['explore', '--scenario', 'device-identity/07', '--design', 'P', '--daemon', 'ocaml'];
  const { status, out } = await quiesce(fails);
  t.equal(status, 1);
  t.match(out, /\ndesign P: [^,]+(, [^,]+)?, xenstored\socaml\n/);
  const [, token = ''] = /\nquiesce replay (q1\.\S+)\n$/.exec(out) ?? [];
  const json = JSON.parse((await quiesce(['replay', token, '--json'])).out) as unknown;
  t.match(json, {
    scenario: 'device-identity/07',
    design: 'P',
    daemon: 'ocaml',
    oracle: 'right-device',
    diverged: null,
  });
});

t.test('options that do not go together are refused', async (t) => {
  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [
      [...I, '--tpmfront', 'linux'],
      /^quiesce explore: --tpmfront: device-identity\/07 is about a block device; choose with --design P\|I\|O\n$/,
    ],
    [[...I, '--commands', '3'], /--commands: device-identity\/07 is about a block device/],
    [[...I, '--design', 'X'], /--design: expected P, I or O|--design/],
    [
      ['explore', '--scenario', 'checkpoint', '--design', 'I'],
      /--design: expected a scenario device-identity\/NN or vtpm-volume\/NN with it/,
    ],
    [
      ['explore', '--scenario', 'device-identity/99'],
      /there is no scenario 'device-identity\/99'; known: device-identity\/01, .* and \d+ more, see quiesce list\n$/,
    ],
    [
      ['explore', '--scenario', 'vtpm-volume/99'],
      /^[^\n]*'vtpm-volume\/99'; known: vtpm-volume\/01, (?!.*device-identity)/,
    ],
    [['run', '--scenario', 'vtpm-volume/01'], /vtpm-volume\/01 can be explored and replayed, not run/],
    [['run', '--scenario', 'device-identity/01'], /device-identity\/01 can be explored and replayed, not run/],
  ];
  for (const [argv, message] of refusals)
    t.match(await quiesce(argv), { status: 2, out: '', err: message }, argv.join(' '));
});

t.test('the volume of a vTPM is explored in the same way, and its token replayed', async (t) => {
  const { status, out } = await quiesce(['explore', '--scenario', 'vtpm-volume/01', '--design', 'P']);
  t.equal(status, 1);
  t.match(out, /tpmback1 exposes dm-0, which is another device than was meant/);
  const token = /q1\.\S+/.exec(out)?.[0] ?? '';
  const replayed = await quiesce(['replay', token]);
  t.equal(replayed.status, 1);
  t.match(replayed.out, /tpmback1 exposes dm-0/);
});

t.test('they are listed', async (t) => {
  const { out } = await quiesce(['list']);
  t.match(out, /\ndevice-identity\n {2}device-identity\/01 +The volume is removed/);
  t.match(out, /\ndesigns\n {2}P +opens by major:minor alone/);
});

t.test('the races that open the wrong device are a table of the check, 80 columns wide', async (t) => {
  t.ok(decideRaces(() => 0, 'ocaml').every((verdict) => raceAgrees(verdict) && verdict.daemon === 'ocaml'));
  const verdicts = decideRaces(() => 0);
  t.ok(verdicts.length > 60 && verdicts.every(raceAgrees));
  t.ok(verdicts.filter(({ design }) => design === 'P').every(({ oracle }) => oracle === 'right-device'));
  const terminal = { ...(await plain()), columns: 80 };
  const lines = identityReport(verdicts, terminal);
  t.ok(lines.filter((line) => !line.includes(' replay ')).every((line) => line.length <= 80));
  const text = lines.join('\n');
  t.equal(lines.filter((line) => /^ +P +I +O$/.test(line)).length, 1, 'in one block');
  t.match(text, /\n01 {2}recycled before the open {2}right-device \d+ {2}holds \d+ +holds \d+\n/);
  t.match(text, /\n07e detached, attached later {2}right-device \d+ {2}right-device \d+\* {2}holds \d+\n/);
  t.match(text, /\n37 {2}number used hours later +right-device \d+ +holds \d+ +-\n/);
  for (const design of ['P', 'I', 'O'])
    t.match(text, new RegExp(`\ndesign ${design}\nFails in \\d+ of \\d+ races, soonest`));
  const [first] = verdicts;
  if (first === undefined) return;
  const wrong = identityReport([{ ...first, oracle: 'no-hang' }], terminal).join('\n');
  t.match(wrong, /no-hang \d+!/);
  t.match(wrong, /device-identity\/01, design P: expected right-device to fail, found no-hang to fail/);
});

async function plain() {
  const nothing = (): void => {};
  return { out: nothing, err: nothing, colour: false, progress: false, jobs: 1, program: 'quiesce', clock: () => 0 };
}
