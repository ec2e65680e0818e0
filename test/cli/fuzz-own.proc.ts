/** `quiesce fuzz` with drivers that break a rule only now and then, where no trial sees it: in one thread, and in more. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** Threads start slowly on a machine with other work, and a step is given 5 s to end. */
t.setTimeout(150_000);

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

const driver = (body: string): string =>
  `import { QuiesceTpmfront } from 'quiesce';
let count = 0;
export default class Mine extends QuiesceTpmfront {
  ${body}
}
`;

const RARE = 'this.state.command > 1';

const DRIVERS = {
  'endless.ts': driver(`override suspendCancelled(): void { if (${RARE}) for (;;); super.suspendCancelled(); }`),
  'throws.ts': driver(`override accepts(): boolean {
    if (${RARE} && this.state.held) throw new Error('rare');
    return super.accepts();
  }`),
  'memory.ts': driver(`override suspendCancelled(): void {
    if (${RARE} && count++ % 2 === 0) this.state.held = true;
    else super.suspendCancelled();
  }`),
};

const CANCELLED = ['--scenario', 'cancelled-suspend', '--commands', '4', '--runs', '1500'];

const EXPECTED: Readonly<
  Record<keyof typeof DRIVERS, readonly [status: number, message: RegExp, where: readonly string[]]>
> = {
  'endless.ts': [
    2,
    /endless\.ts: suspendCancelled has not ended after 5 s \(rule 'ends': every step ends\)\n$/,
    CANCELLED,
  ],
  'throws.ts': [2, /throws\.ts:5:\d+: it throws Error: rare \(rule 'throws': /, ['--runs', '4000']],
  'memory.ts': [3, /memory\.ts: a run that is taken\s+twice is not the same both times \(rule\s+'memory': /, CANCELLED],
};

const folder = t.testdir(DRIVERS);

for (const [file, [status, message, where]] of Object.entries(EXPECTED)) {
  for (const workers of ['1', '2']) {
    t.test(`${file}, ${workers} workers: one message with the file and the rule`, async (t) => {
      const argv = ['fuzz', '--tpmfront', join(folder, file), ...where, '--workers', workers];
      const found = spawnSync(process.execPath, [PROGRAM, ...argv], { encoding: 'utf8', timeout: 60_000 });
      t.equal(found.status, status);
      // Names of files are broken where lines are.
      t.match(
        (found.stdout + found.stderr).replaceAll(/\n(?=\S)/g, ' '),
        new RegExp(message.source.replace('\\n', '\\s*')),
      );
      if (status === 2) t.equal(found.stderr.split('\n').length, 2, 'one line');
    });
  }
}
