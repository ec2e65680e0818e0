/**
 * The stack of a depth-first search, in one typed array. A frame says where the choices of its state begin, where the
 * next one is, where those end that are to be taken and where all of them end, what to undo to, and in which part of the
 * table its state is.
 */
const FRAME = 8;

export class Frames {
  #data = new Int32Array(FRAME << 10);

  /** `end` is where the choices end that are to be taken, `all` where all end. */
  push(
    depth: number,
    start: number,
    end: number,
    all: number,
    mark: number,
    low: number,
    high: number,
    part: number,
  ): void {
    const at = depth * FRAME;
    if (at === this.#data.length) {
      const larger = new Int32Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    const data = this.#data;
    data[at] = start;
    data[at + 1] = start;
    data[at + 2] = end;
    data[at + 3] = mark;
    data[at + 4] = low;
    data[at + 5] = high;
    data[at + 6] = all;
    data[at + 7] = part;
  }

  /** The choice taken in each frame up to `depth`. */
  path(depth: number, open: Int32Array): number[] {
    return Array.from({ length: depth + 1 }, (_, level) => open[this.next(level) - 1] as number);
  }

  start(depth: number): number {
    return this.#data[depth * FRAME] as number;
  }
  next(depth: number): number {
    return this.#data[depth * FRAME + 1] as number;
  }
  advance(depth: number): void {
    (this.#data[depth * FRAME + 1] as number)++;
  }
  end(depth: number): number {
    return this.#data[depth * FRAME + 2] as number;
  }
  /** All choices of the frame are to be taken. */
  takeAll(depth: number): void {
    this.#data[depth * FRAME + 2] = this.#data[depth * FRAME + 6] as number;
  }
  mark(depth: number): number {
    return this.#data[depth * FRAME + 3] as number;
  }
  setMark(depth: number, mark: number): void {
    this.#data[depth * FRAME + 3] = mark;
  }
  hashLow(depth: number): number {
    return this.#data[depth * FRAME + 4] as number;
  }
  hashHigh(depth: number): number {
    return this.#data[depth * FRAME + 5] as number;
  }
  part(depth: number): number {
    return this.#data[depth * FRAME + 7] as number;
  }
  setPart(depth: number, part: number): void {
    this.#data[depth * FRAME + 7] = part;
  }
}
