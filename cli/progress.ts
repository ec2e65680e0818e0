/**
 * One line on standard error that says how far the work is, where somebody is looking.
 */
import type { Terminal } from './terminal.js';

const CLEAR_LINE = '\r\u001b[2K';

export class ProgressLine {
  readonly #terminal: Terminal;
  #shown = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    if (!this.#terminal.progress) return;
    this.#shown = true;
    // A line that wraps could not be cleared.
    this.#terminal.err(CLEAR_LINE + text.slice(0, this.#terminal.columns - 1));
  }

  clear(): void {
    if (this.#shown) this.#terminal.err(CLEAR_LINE);
    this.#shown = false;
  }
}
