/** What a blkback asks of the device behind it, once that is open (`backend/device-opening/`). */
export interface BlockDevice {
  /** Of 512 bytes. */
  readonly sectors: number;
  readonly sectorSize: number;
  /** Copies between the device, from `sector` on, and `length` bytes of memory. */
  read(sector: number, to: number, length: number): void;
  write(sector: number, from: number, length: number): void;
  /** `count` sectors from `sector` on hold nothing any more that is of use. */
  discard(sector: number, count: number): void;
  /** Writes the cache of the device back. */
  flush(): void;
}
