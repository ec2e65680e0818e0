/**
 * Puts into later commands what a TPM answered now, wherever the recording has what a TPM answered then: wrapped keys,
 * saved contexts, tickets, signatures, digests, cipher texts. Random values of 16 bytes occur by accident nowhere else.
 */
const WINDOW = 16;

interface AnswerPair {
  readonly recorded: Buffer;
  readonly found: Buffer;
}

interface Place {
  readonly pair: AnswerPair;
  readonly at: number;
}

export class Substitution {
  readonly #places = new Map<string, Place>();

  /** The answers to one command; ignored where their lengths differ. */
  learn(recordedAnswer: Uint8Array, foundAnswer: Uint8Array): void {
    const pair: AnswerPair = { recorded: Buffer.from(recordedAnswer), found: Buffer.from(foundAnswer) };
    if (recordedAnswer.length !== foundAnswer.length || pair.recorded.equals(pair.found)) return;
    for (let at = 0; at + WINDOW <= pair.recorded.length; at++)
      this.#places.set(window(pair.recorded, at), { pair, at });
  }

  /** A copy of `command` with everything replaced. */
  apply(command: Uint8Array): Buffer {
    const source = Buffer.from(command);
    const result = Buffer.from(command);
    for (let i = 0; i + WINDOW <= source.length; ) {
      const place = this.#places.get(window(source, i));
      if (place === undefined) {
        i++;
        continue;
      }
      const { pair, at } = place;
      let length = WINDOW;
      while (i + length < source.length && pair.recorded[at + length] === source[i + length]) length++;
      pair.found.copy(result, i, at, at + length);
      i += length;
    }
    return result;
  }
}

function window(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, at + WINDOW);
}
