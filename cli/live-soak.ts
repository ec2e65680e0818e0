/**
 * `quiesce live soak`.
 */
import { spawnSync } from 'node:child_process';
import { soak } from '../live/soak/soak.js';
import { down, up } from '../live/system.js';
import type { LiveOptions } from '../live/toolstack/options.js';
import type { Arguments } from './arguments.js';
import { usage } from './arguments.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { endedOnSignal } from './live-interrupted.js';
import { coloursOf, type Terminal } from './terminal.js';

const MINUTES_MAX = 7 * 24 * 60;
const SEED_MAX = 0xffff_ffff;
const MILLISECONDS_OF_MINUTE = 60_000;

export async function runSoak(
  directory: string,
  options: LiveOptions,
  args: Arguments,
  terminal: Terminal,
): Promise<ExitStatus> {
  const minutes = args.integer('minutes', { minimum: 1, maximum: MINUTES_MAX }) ?? 1;
  const seed = args.integer('seed', { minimum: 0, maximum: SEED_MAX }) ?? 1;
  if (options.threads) throw usage('live soak: expected parts to be processes, which can be killed; koffi is missing');
  const json = args.flag('json');
  const tools = spawnSync('tpm2_pcrextend', ['--version']).status === 0;
  if (!tools && !json) terminal.out('tpm2-tools are not installed: commands come from a client of our own\n');
  const { red, green, dim } = coloursOf(terminal);
  await up(directory, options);
  let interrupted = false;
  const forget = endedOnSignal(directory, () => {
    interrupted = true;
    terminal.err('quiesce live soak: ends after this round; another signal ends it at once\n');
    return true;
  });
  try {
    const end = performance.now() + minutes * MILLISECONDS_OF_MINUTE;
    const result = await soak({
      directory,
      seed,
      tools,
      goOn: () => !interrupted && performance.now() < end,
      onRound: ({ number, text, outcome, owner }) => {
        if (!json)
          terminal.out(
            `${String(number).padStart(5)}  ${text}${dim(outcome === '' ? '' : `  ${outcome}`)}  on ${owner}\n`,
          );
      },
    });
    const { rounds, answered, unanswered, migrations, failures } = result;
    if (json) terminal.out(`${JSON.stringify({ seed, ...result })}\n`);
    else {
      for (const failure of failures) terminal.out(`${red('fails')}  ${failure}\n`);
      const verdict = failures.length === 0 ? green('holds') : red('fails');
      terminal.out(
        `${verdict}  ${rounds} rounds, ${migrations} migrations; ${answered} commands answered, ${unanswered} cut off with their client\n`,
      );
    }
    return failures.length === 0 ? EXIT.holds : EXIT.fails;
  } finally {
    await down(directory);
    forget();
  }
}
