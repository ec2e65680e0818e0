/**
 * The nodes of a virtual disk (xen/include/public/io/blkif.h and the block scripts of Xen), beside those that every
 * device has (`DeviceNode` in `xenbus.ts`). Numbers are decimal; only `physical-device` and the nodes of the device's
 * identity are hexadecimal (`physical-device.ts`).
 */

export const BlkifNode = {
  /** Backend, by the toolstack: `r` or `w`. */
  Mode: 'mode',
  /** Backend, by the toolstack: what the block script is to attach. */
  Params: 'params',
  /** Backend, by the toolstack: `phy`, `file` or `tap`. */
  Type: 'type',
  /** Backend, by the toolstack: path of the block script. */
  Script: 'script',
  /** Backend, by the toolstack: `0` keeps the backend from offering discard. */
  DiscardEnable: 'discard-enable',
  /** Backend, by the toolstack: name of the disk in the guest, and `1` for one to boot from or to take out. */
  Dev: 'dev',
  Bootable: 'bootable',
  Removable: 'removable',
  /** Backend, by the block script in the file case: path of the loop device, for the detach. */
  LoopNode: 'node',
  /** Backend, by the block script: why it failed. */
  HotplugError: 'hotplug-error',
  /** Backend, a proposal: `0` from the start, `1` once the backend holds the device open. */
  Opened: 'opened',

  /** Backend: `1` when the operation is understood. */
  FeatureBarrier: 'feature-barrier',
  FeatureFlushCache: 'feature-flush-cache',
  FeatureDiscard: 'feature-discard',
  /** Both: `1` when grants may stay mapped. */
  FeaturePersistent: 'feature-persistent',
  /** Backend: segments an indirect request may have. Missing: no indirect requests. */
  FeatureMaxIndirectSegments: 'feature-max-indirect-segments',

  /** Backend: logarithm of the pages a ring may have; 0 when missing. */
  MaxRingPageOrder: 'max-ring-page-order',
  /** Frontend: the one it took. With 0 the node is `ring-ref`, else `ring-ref0` and so on. */
  RingPageOrder: 'ring-page-order',
  MultiQueueMaxQueues: 'multi-queue-max-queues',
  MultiQueueNumQueues: 'multi-queue-num-queues',

  /** Frontend: `BlkifAbiName`; see `blkifAbiOf` for a missing one. */
  Protocol: 'protocol',
  /** Frontend, by the toolstack: `disk` or `cdrom`. */
  DeviceType: 'device-type',
  /** Frontend, by the toolstack: number of the disk in the guest. */
  VirtualDevice: 'virtual-device',
  /** Frontend, by the toolstack: `0` tells it not to trust the backend. */
  Trusted: 'trusted',

  /** Backend, before Connected: size in sectors of 512 bytes. */
  Sectors: 'sectors',
  /** Backend, before Connected: bytes of a logical block. */
  SectorSize: 'sector-size',
  /** Backend: bytes of a physical block; as `sector-size` when missing. */
  PhysicalSectorSize: 'physical-sector-size',
  /** Backend, before Connected: bits of `VirtualDisk`. */
  Info: 'info',
  /** Backend: what can be discarded, in bytes. */
  DiscardAlignment: 'discard-alignment',
  DiscardGranularity: 'discard-granularity',
  DiscardSecure: 'discard-secure',
} as const;
