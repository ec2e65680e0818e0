/**
 * How a load or store of a simulated machine ends otherwise than it should.
 */

/** A load or store of a page that the running agent may not touch. */
export class MemoryFault extends Error {
  override readonly name = 'MemoryFault';
  readonly address: number;
  readonly access: 'load' | 'store';
  readonly agents: number;

  constructor(address: number, access: 'load' | 'store', agents: number) {
    super(
      `${access} at 0x${address.toString(16)} by agents 0x${(agents >>> 0).toString(16)}: the page is neither theirs nor mapped`,
    );
    this.address = address;
    this.access = access;
    this.agents = agents;
  }
}

/** Thrown by the store after which the running agent dies. */
export class CrashSignal extends Error {
  override readonly name = 'CrashSignal';
}
