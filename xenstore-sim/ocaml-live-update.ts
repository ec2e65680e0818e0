/**
 * CONTROL live-update by the rules of oxenstored 4.17. Unlike that of the C daemon it belongs to no connection, delays no
 * transaction, and answers a start at once: `BUSY`, until it is asked again after the update, or after its time.
 *
 * `-f FILE` and `-c ARGUMENTS` are tried out and kept, `-s` (`-t SECONDS`, 60 if not given, and `-F`) starts, `-a` stops.
 * It begins when nobody has open transactions, half a request, output that is not read, or a target. After its time it
 * is given up, and the next question is answered with those who stand in the way; with force it waits for them longer.
 * Source: module LiveUpdate of process.ml, and `prevents_live_update` of connection.ml; the texts as the real one says them.
 */
import type { Answer, Busy, LiveUpdateHost, UpdateProtocol } from './live-update.js';
import { OK, type Reply } from './requests.js';
import { ocamlInteger } from './wire/ocaml-arguments.js';

const TIMEOUT_SECONDS = 60;
const USAGE =
  'live-update -s\n' +
  '  -t timeout in seconds to wait for active transactions to finish\n' +
  '  -F force live update to happen even with running transactions after timeout elapsed\n' +
  '  -help  Display this list of options\n' +
  '  --help  Display this list of options\n';
/** The program that is named by nobody is the one that runs. */
const PROGRAM = 'oxenstored';
const RESTART = ['--live', '--restart'];

export class OcamlLiveUpdate<Start> implements UpdateProtocol<Start> {
  #program = PROGRAM;
  #arguments: readonly string[] = [];
  #started = false;
  #force = false;
  #deadline = 0;
  /** What the next question about live updates is answered with. */
  #result: string | null;

  /** @param completed Whether this is the daemon that a live update has begun. */
  constructor(completed: boolean) {
    this.#result = completed ? 'OK' : null;
  }

  readonly pending = false;

  get started(): boolean {
    return this.#started;
  }

  get commandLine(): string | null {
    return this.#arguments.length === 0 ? null : this.#arguments.join(' ');
  }

  command<D>(_connection: number, words: readonly string[], _start: Start, host: LiveUpdateHost<D>): Reply {
    // What follows the last nul is not looked at; without any nul there is nothing to do.
    if (words.length === 0) return OK;
    const refusal = this.#take(words.slice(0, -1), host);
    if (refusal !== null) return said(refusal);
    if (this.#started) return said('BUSY');
    const result = this.#result;
    this.#result = null;
    return result === null ? OK : said(result);
  }

  closed(): void {}

  due(busy: readonly Busy[], now: number): readonly Answer<Start>[] | 'update' | null {
    if (!this.#started) return null;
    if (busy.length === 0) return 'update';
    if (now < this.#deadline || this.#force) return null;
    this.#started = false;
    this.#result = busy.map(standsInTheWay).join('\n');
    return null;
  }

  succeeded(): readonly Answer<Start>[] {
    return [];
  }

  failed(): readonly Answer<Start>[] {
    this.#started = false;
    this.#result = this.#exited(this.#program, this.#arguments);
    return [];
  }

  /** Does what is asked for, or says why not. */
  #take<D>(words: readonly string[], host: LiveUpdateHost<D>): string | null {
    const [option, ...rest] = words;
    if (option === '-f' && rest.length === 1) {
      const [file = ''] = rest;
      if (host.refusal(file) !== null) return this.#exited(file, this.#arguments);
      this.#program = file;
      return null;
    }
    if (option === '-a' && rest.length === 0) {
      this.#started = false;
      this.#result = null;
      return null;
    }
    if (option === '-c') {
      const all = [...this.#arguments, ...rest];
      if (!host.accepts(all.join(' '))) return this.#exited(this.#program, all);
      this.#arguments = all;
      return null;
    }
    if (option === '-s') return this.#start(rest, host.seconds());
    return `Unknown arguments: ${words.join(',')}`;
  }

  #start(options: readonly string[], now: number): string | null {
    if (this.#started || this.#result !== null) return null;
    let timeout = TIMEOUT_SECONDS;
    let force = false;
    for (let i = 0; i < options.length; i++) {
      const option = options[i] as string;
      const value = options[i + 1];
      if (option === '-F') force = true;
      else if (option === '-help' || option === '--help') return USAGE;
      else if (option !== '-t')
        return `-s: ${option.startsWith('-') ? `unknown option '${option}'` : option}.\n${USAGE}`;
      else if (value === undefined) return `-s: option '-t' needs an argument.\n${USAGE}`;
      else {
        const seconds = ocamlInteger(value);
        if (seconds === undefined) return `-s: wrong argument '${value}'; option '-t' expects an integer.\n${USAGE}`;
        timeout = seconds;
        i++;
      }
    }
    this.#started = true;
    this.#force = force;
    this.#deadline = now + timeout;
    return null;
  }

  /** What is said of a program that does not understand its arguments, or cannot be run at all. */
  #exited(program: string, options: readonly string[]): string {
    const all = [program, ...RESTART, ...options.filter((option) => !RESTART.includes(option)), '--help'];
    const quoted = all.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return `Command ${quoted} exited with code 2`;
  }
}

function standsInTheWay({ connection, domid, target, transactions, unread }: Busy): string {
  const name = domid === 0 ? `A${connection}` : `D${domid}`;
  const permissions = `${domid}"rw"${target < 0 ? '' : `${target}"rw"`}`;
  return `${name}: ${transactions} tx, out: ${unread}, perm: ${permissions}`;
}

function said(value: string): Reply {
  return { kind: 'text', value };
}
