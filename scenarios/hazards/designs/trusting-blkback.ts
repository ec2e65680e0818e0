/**
 * Backends of a block device that believe their frontend in one thing each. All others of their rules are the careful
 * one's.
 */
import { Blkback, type BlkbackServices } from '../../../backend/blkback/blkback.js';
import { TAKEN_OFFSET, TakenRequest } from '../../../backend/blkback/memory.js';
import { type RequestHost, TakenRequests } from '../../../backend/blkback/requests.js';
import type { MachineMemory } from '../../../hypervisor/machine-memory.js';
import { assert } from '../../../protocol/assert.js';
import {
  BLKIF_ABIS,
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  type BlkifAbi,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  segmentAddress,
} from '../../../protocol/blkif.js';
import { PAGE_SIZE } from '../../../protocol/memory.js';
import { entryAddress } from '../../../protocol/ring.js';
import { BackRing } from '../../../protocol/ring-back.js';

abstract class Trusting extends TakenRequests {
  protected readonly memory: MachineMemory;
  protected readonly host: RequestHost;

  constructor(memory: MachineMemory, host: RequestHost) {
    super(memory, host);
    this.memory = memory;
    this.host = host;
  }

  protected get abi(): BlkifAbi {
    return BLKIF_ABIS[this.host.abi()] as BlkifAbi;
  }

  protected taken(number: number): number {
    return this.host.services.page + TAKEN_OFFSET + number * TakenRequest.size;
  }

  /** Of the private copy. */
  protected entry(number: number): number {
    return this.taken(number) + TakenRequest.offset.entry;
  }

  protected segments(number: number): number {
    return this.memory.read8(this.entry(number) + this.abi.request.offset.nr_segments);
  }
}

/** Looks at the operation where it lies, and then copies the request (of XSA-155 the second patch for blkback). */
class LooksInPlace extends Trusting {
  override take(number: number): void {
    const operation = this.memory.read8(this.host.ring().requestSlot());
    super.take(number);
    const status = this.taken(number) + TakenRequest.offset.status;
    if (operation > BlkifOperation.Indirect) this.memory.write16(status, BlkifStatus.NotSupported);
  }
}

/** Has checked a copy, and takes another when it does what the request says. One request at a time. */
class ReadsAgain extends Trusting {
  override execute(number: number): void {
    const ring = this.host.ring();
    const { shape, requestConsumer } = ring;
    const page = ring.requestSlot() & -PAGE_SIZE;
    this.memory.copy(entryAddress(shape, page, requestConsumer - 1), this.entry(number), shape.entrySize);
    super.execute(number);
  }
}

/** Keeps the segments in an array of eleven, at the end of its last page, and does not ask how many there are. */
class NoLimit extends Trusting {
  override take(number: number): void {
    super.take(number);
    const end = this.host.services.page + 2 * PAGE_SIZE;
    const array = end - BLKIF_MAX_SEGMENTS_PER_REQUEST * BlkifSegment.size;
    this.memory.copy(segmentAddress(this.abi, this.entry(number), 0), array, this.segments(number) * BlkifSegment.size);
    this.memory.clear(array, end - array);
  }
}

/** Holds it for impossible that there are more than eleven. */
class Asserts extends Trusting {
  override take(number: number): void {
    super.take(number);
    assert(this.segments(number) <= BLKIF_MAX_SEGMENTS_PER_REQUEST, 'blkback: too many segments');
  }
}

/** Maps the first page of a read or write, and does not ask whether that went well (CVE-2021-26931). */
class IgnoresTheMap extends Trusting {
  override execute(number: number): void {
    const { host, memory, domain, agent, frontendDomid } = this.host.services;
    const entry = this.entry(number);
    if (memory.read8(entry) <= BlkifOperation.Write && this.segments(number) > 0) {
      const segment = segmentAddress(this.abi, entry, 0);
      const handle = host.grants.map(domain.domid, agent, frontendDomid(), memory.read32(segment));
      // The end of the page, as its beginning is looked at below.
      memory.read32(host.grants.address(handle) + PAGE_SIZE - 4);
      host.grants.unmap(handle);
    }
    super.execute(number);
  }
}

/** Takes what the macro RING_HAS_UNCONSUMED_REQUESTS says there is, and never asks RING_REQUEST_PROD_OVERFLOW. */
class BelievingRing extends BackRing {
  override sampleRequests(): number {
    return this.unconsumedRequests();
  }
}

class BelievesTheProducer extends Blkback {
  override ring(): BackRing {
    const { memory, host } = this.services;
    const sharedAddress = host.grants.address(this.state.handle);
    return new BelievingRing(super.ring().shape, { memory, sharedAddress, privateAddress: this.state.ring });
  }
}

type Create = (services: BlkbackServices) => Blkback;

const withRequests =
  (Requests: typeof TakenRequests): Create =>
  (services) =>
    new Blkback(services, Requests);

/** By the names of their rules. */
export const TRUSTING_BLKBACKS = {
  'looks-in-place': withRequests(LooksInPlace),
  'reads-again': withRequests(ReadsAgain),
  'no-limit': withRequests(NoLimit),
  asserts: withRequests(Asserts),
  'ignores-the-map': withRequests(IgnoresTheMap),
  'believes-the-producer': (services) => new BelievesTheProducer(services),
} as const satisfies Readonly<Record<string, Create>>;

export type TrustingBlkback = keyof typeof TRUSTING_BLKBACKS;
