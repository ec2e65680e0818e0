/** Which bytes have been loaded in the present step, to find the first that is loaded a second time. */
export class LoadedOnce {
  /** Address of the first byte that was loaded twice in this step, or 0. */
  address = 0;
  /** For each byte, the number of the step in which it was loaded last. */
  readonly #loaded: Int32Array;
  #step = 0;

  /** `size`: bytes of the memory. */
  constructor(size: number) {
    this.#loaded = new Int32Array(size);
  }

  /** A step begins. */
  begin(): void {
    this.address = 0;
    this.#step = (this.#step + 1) | 0;
  }

  load(address: number, size: number): void {
    for (let byte = address; byte < address + size; byte++) {
      if (this.#loaded[byte] === this.#step && this.address === 0) this.address = byte;
      this.#loaded[byte] = this.#step;
    }
  }
}
