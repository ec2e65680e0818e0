/**
 * The requests that a blkback has taken off the ring, and what it does with each:
 *
 *     execute -> respond -> notify
 *
 * The entry was copied once, when it was taken; nothing the guest does to the ring afterwards changes what is done.
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import {
  BLKIF_ABIS,
  BLKIF_SECTOR_SIZE,
  type BlkifAbi,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  segmentAddress,
  writeBlkifResponse,
} from '../../protocol/blkif.js';
import { type BlkifDisk, checkRequest } from '../../protocol/blkif-check.js';
import type { BackRing } from '../../protocol/ring-back.js';
import type { BlkbackServices } from './blkback.js';
import { TAKEN_MAX, TAKEN_OFFSET, TakenRequest } from './memory.js';

export interface RequestHost {
  readonly services: BlkbackServices;
  readonly ring: () => BackRing;
  /** Its ABI, by the place in `BLKIF_ABIS`. */
  readonly abi: () => number;
  /** Whether the device was opened for writing. */
  readonly writable: () => boolean;
  readonly port: () => number;
  /** A request has been answered. */
  readonly onDone: () => void;
}

const io = (number: number) =>
  task<TakenRequests>(`io${number}`, {
    execute: (requests) => requests.execute(number),
    respond: (requests) => requests.respond(number),
    notify: (requests) => requests.notify(number),
  });

export class TakenRequests {
  readonly tasks: readonly Task<TakenRequests>[];
  readonly #memory: MachineMemory;
  readonly #host: RequestHost;
  readonly #taken;
  /** One for each ABI. */
  readonly #requests: readonly ReturnType<BlkifAbi['request']['view']>[];
  readonly #discards: readonly ReturnType<BlkifAbi['discard']['view']>[];
  readonly #segment;

  constructor(memory: MachineMemory, host: RequestHost) {
    this.#memory = memory;
    this.#host = host;
    this.#taken = TakenRequest.view(memory);
    this.#requests = BLKIF_ABIS.map(({ request }) => request.view(memory));
    this.#discards = BLKIF_ABIS.map(({ discard }) => discard.view(memory));
    this.#segment = BlkifSegment.view(memory);
    this.tasks = Array.from(
      { length: TAKEN_MAX },
      (_, number) => new Task(memory, io(number), this, this.#address(number) + TakenRequest.offset.io),
    );
  }

  /** Number of a place for a request, or -1. */
  findFree(): number {
    const { depth } = this.#host.services.rules;
    for (let number = 0; number < depth; number++) if (!this.#at(number).used) return number;
    return -1;
  }

  /** Whether anything is under way. */
  get busy(): boolean {
    return this.tasks.some(({ running }) => running);
  }

  /** Takes the next request off the ring. What is wrong with it is answered, not done. */
  take(number: number): void {
    const { services, ring } = this.#host;
    const here = ring();
    const taken = this.#at(number);
    const fault = checkRequest(
      this.#memory,
      this.#abi,
      { from: here.requestSlot(), to: taken.entry },
      this.#disk(services),
    );
    here.consumeRequest();
    taken.used = true;
    taken.status = fault === null ? BlkifStatus.Okay : fault.status;
    (this.tasks[number] as Task<TakenRequests>).start(fault === null ? 'execute' : 'respond');
  }

  execute(number: number): void {
    const { services } = this.#host;
    const { entry } = this.#at(number);
    const request = this.#request(entry);
    if (request.operation === BlkifOperation.Discard) {
      // Where other requests have their number of segments, this one has a flag.
      const { sector_number: sector, nr_sectors: count } = this.#discard(entry);
      services.device.discard(sector, count);
    } else if (request.nr_segments > 0 && !this.#transfer(number)) this.#at(number).status = BlkifStatus.Error;
    if (request.operation === BlkifOperation.FlushDiskcache) services.device.flush();
  }

  respond(number: number): void {
    const { ring } = this.#host;
    const taken = this.#at(number);
    const here = ring();
    const status = ((taken.status << 16) >> 16) as BlkifStatus;
    writeBlkifResponse(this.#memory, this.#abi, { request: taken.entry, to: here.responseSlot(), status });
    here.commitResponse();
    taken.published_from = here.publish();
  }

  notify(number: number): typeof DONE {
    const { services, ring, port, onDone } = this.#host;
    if (ring().shouldNotify(this.#at(number).published_from)) services.host.events.send(services.domain, port());
    // Its task is at rest from here on, for those who ask whether anything is under way.
    this.#memory.clear(this.#address(number), TakenRequest.size);
    onDone();
    return DONE;
  }

  /** Maps each page, copies, and unmaps it. False when the guest has not granted one of them. */
  #transfer(number: number): boolean {
    const { services } = this.#host;
    const { host, domain, agent, device, probe, slot } = services;
    const entry = this.#at(number).entry;
    const { operation, nr_segments: count, sector_number } = this.#request(entry);
    let sector = sector_number;
    for (let index = 0; index < count; index++) {
      const segment = this.#segment.at(segmentAddress(this.#abi, entry, index));
      const { gref, first_sect: first, last_sect: last } = segment;
      const handle = host.grants.map(domain.domid, agent, services.frontendDomid(), gref);
      if (handle <= 0) return false;
      const address = host.grants.address(handle) + first * BLKIF_SECTOR_SIZE;
      const length = (last - first + 1) * BLKIF_SECTOR_SIZE;
      if (operation === BlkifOperation.Read) device.read(sector, address, length);
      else {
        device.write(sector, address, length);
        probe.written(slot, sector);
      }
      host.grants.unmap(handle);
      sector += last - first + 1;
    }
    return true;
  }

  #disk({ device }: BlkbackServices): BlkifDisk {
    return {
      sectors: device.sectors,
      writable: this.#host.writable(),
      sectorSize: device.sectorSize,
      flush: true,
      discard: true,
    };
  }

  get #abi(): BlkifAbi {
    return BLKIF_ABIS[this.#host.abi()] as BlkifAbi;
  }

  #request(entry: number): ReturnType<BlkifAbi['request']['view']> {
    return (this.#requests[this.#host.abi()] as ReturnType<BlkifAbi['request']['view']>).at(entry);
  }

  #discard(entry: number): ReturnType<BlkifAbi['discard']['view']> {
    return (this.#discards[this.#host.abi()] as ReturnType<BlkifAbi['discard']['view']>).at(entry);
  }

  #address(number: number): number {
    return this.#host.services.page + TAKEN_OFFSET + number * TakenRequest.size;
  }

  #at(number: number): ReturnType<typeof TakenRequest.view> {
    return this.#taken.at(this.#address(number));
  }
}
