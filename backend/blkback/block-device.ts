/**
 * What a blkback asks of the device behind it. Which device that is, and whether it is the right one, is decided in
 * `open`: nothing of the device reaches the frontend before it has returned `opened`.
 */

/** Why a device is not opened: goes to the node `error`, with what was expected and what was found. */
export interface DeviceRefusal {
  readonly kind: 'refused';
  /** Linux error number. */
  readonly errno: number;
  readonly why: string;
}

export type OpenResult =
  | { readonly kind: 'opened' }
  /** The nodes that name it are not there yet; it is asked again when `physical-device` is written. */
  | { readonly kind: 'absent' }
  | DeviceRefusal;

export interface BlockDevice {
  /** Of 512 bytes. Known once it is open. */
  readonly sectors: number;
  readonly sectorSize: number;
  readonly readOnly: boolean;
  /**
   * Opens what the nodes of the backend's directory name. `read` gives a node's value, null when it is not there; all
   * reads of one call belong to one transaction.
   */
  open(read: (node: string) => string | null): OpenResult;
  close(): void;
  /** Copies between the device, from `sector` on, and `length` bytes of memory. */
  read(sector: number, to: number, length: number): void;
  write(sector: number, from: number, length: number): void;
  /** `count` sectors from `sector` on hold nothing any more that is of use. */
  discard(sector: number, count: number): void;
  /** Writes the cache of the device back. */
  flush(): void;
}
