/**
 * The options that `fuzz` and `campaign` share: which worlds, and lengths of time.
 */
import type { WorldQuestion } from '../campaign/configuration.js';
import { COMMANDS_MAX } from '../simulator/schedule.js';
import { DAEMONS } from '../simulator/world-options.js';
import { type Arguments, type OptionSpecs, usage } from './arguments.js';

export const USUAL_SEED = 1;
export const WORKERS_MAX = 1024;

/** What is fixed rather than drawn. */
export const WORLD_OPTIONS: OptionSpecs = {
  scenario: { value: 'NAME', help: 'this situation only, with its own faults' },
  tpmfront: { value: 'NAME|FILE', help: 'this frontend only' },
  tpmback: { value: 'NAME|FILE', help: 'this backend only' },
  session: { value: 'NAME|FILE', help: 'commands of this session only' },
  commands: { value: 'N', help: 'the first N commands of it' },
  grain: { value: 'fine|coarse', help: 'interleave single steps only, or whole handlers only' },
  daemon: { value: DAEMONS.join('|'), help: 'this xenstored only' },
};

/** Throws `USAGE` for values that cannot be; names and files are looked at by `worldsOf`. */
export function worldQuestionOf(args: Arguments): WorldQuestion {
  return {
    scenario: args.text('scenario'),
    tpmfront: args.text('tpmfront'),
    tpmback: args.text('tpmback'),
    session: args.text('session'),
    commands: args.integer('commands', { minimum: 1, maximum: COMMANDS_MAX }),
    grain: args.oneOf('grain', ['fine', 'coarse']),
    daemon: args.oneOf('daemon', DAEMONS),
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Seconds of a length of time such as 60s. Throws `USAGE` for what is none. */
export function secondsOf(option: string, text: string): number {
  const [, digits, unit = ''] = /^([1-9][0-9]{0,5})([smh])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined)
    throw usage(`--${option}: expected a number with s, m or h after it, as in 60s, found '${text}'`);
  return Number(digits) * factor;
}
