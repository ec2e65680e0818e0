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
  type BlkifAbi,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  segmentAddress,
  writeBlkifResponse,
} from '../../protocol/blkif.js';
import { type BlkifDisk, type BlkifTransfer, checkRequest, checkSegments } from '../../protocol/blkif-check.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { BackRing } from '../../protocol/ring-back.js';
import type { BlkbackServices } from './blkback.js';
import { MAX_INDIRECT_SEGMENTS, TAKEN_MAX, TAKEN_OFFSET, TakenRequest } from './memory.js';
import { fetchSegments, transfer } from './transfer.js';

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
    execute: { when: (requests) => requests.mayExecute(number), run: (requests) => requests.execute(number) },
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
  readonly #indirects: readonly ReturnType<BlkifAbi['indirect']['view']>[];

  constructor(memory: MachineMemory, host: RequestHost) {
    this.#memory = memory;
    this.#host = host;
    this.#taken = TakenRequest.view(memory);
    this.#requests = BLKIF_ABIS.map(({ request }) => request.view(memory));
    this.#discards = BLKIF_ABIS.map(({ discard }) => discard.view(memory));
    this.#indirects = BLKIF_ABIS.map(({ indirect }) => indirect.view(memory));
    this.tasks = Array.from(
      { length: TAKEN_MAX },
      (_, number) => new Task(memory, io(number), this, this.#address(number) + TakenRequest.offset.io),
    );
  }

  /** Number of a place for a request, or -1. While a barrier is under way there is none. */
  findFree(): number {
    const { depth } = this.#host.services.rules;
    for (let number = 0; number < depth; number++) if (this.#isBarrier(number)) return -1;
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
    let status = fault === null ? BlkifStatus.Okay : fault.status;
    const { operation } = this.#request(taken.entry);
    if (fault === null && operation === BlkifOperation.Indirect) status = this.#fetch(number);
    this.#at(number).status = status;
    (this.tasks[number] as Task<TakenRequests>).start(status === BlkifStatus.Okay ? 'execute' : 'respond');
  }

  /** A barrier comes after all that was taken before it. */
  mayExecute(number: number): boolean {
    if (!this.#isBarrier(number)) return true;
    return this.tasks.every(({ running }, other) => other === number || !running);
  }

  execute(number: number): void {
    const { services } = this.#host;
    const { entry } = this.#at(number);
    const { operation } = this.#request(entry);
    if (operation === BlkifOperation.Discard) {
      // Where other requests have their number of segments, this one has a flag.
      const { sector_number: sector, nr_sectors: count } = this.#discard(entry);
      services.device.discard(sector, count);
      return;
    }
    const wanted = operation === BlkifOperation.Indirect ? this.#indirect(entry).indirect_op : operation;
    const direction = wanted === BlkifOperation.Read ? 'read' : 'write';
    if (!transfer(services, direction, this.#transferOf(number))) this.#at(number).status = BlkifStatus.Error;
    if (operation === BlkifOperation.WriteBarrier || operation === BlkifOperation.FlushDiskcache)
      services.device.flush();
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
    this.#memory.clear(this.#segmentsAt(number), MAX_INDIRECT_SEGMENTS * BlkifSegment.size);
    onDone();
    return DONE;
  }

  /** What a read or write of any kind is to transfer. */
  #transferOf(number: number): BlkifTransfer {
    const { entry } = this.#at(number);
    const { operation, sector_number: sector, nr_segments } = this.#request(entry);
    if (operation !== BlkifOperation.Indirect)
      return { segments: segmentAddress(this.#abi, entry, 0), count: nr_segments, sector };
    const indirect = this.#indirect(entry);
    return { segments: this.#segmentsAt(number), count: indirect.nr_segments, sector: indirect.sector_number };
  }

  /** Of an indirect request the segments are fetched and checked after the request itself. */
  #fetch(number: number): BlkifStatus {
    const { services } = this.#host;
    const { nr_segments: count, indirect_grefs: grefs } = this.#indirect(this.#at(number).entry);
    if (!fetchSegments(services, { grefs, count, to: this.#segmentsAt(number) })) return BlkifStatus.Error;
    return checkSegments(this.#memory, this.#transferOf(number), this.#disk(services))?.status ?? BlkifStatus.Okay;
  }

  /** Whether a barrier is under way: nothing is done beside it. */
  #isBarrier(number: number): boolean {
    const { used, entry } = this.#at(number);
    return used && this.#request(entry).operation === BlkifOperation.WriteBarrier;
  }

  #disk({ device }: BlkbackServices): BlkifDisk {
    return {
      sectors: device.sectors,
      writable: this.#host.writable(),
      sectorSize: device.sectorSize,
      barrier: true,
      flush: true,
      discard: true,
      maxIndirectSegments: MAX_INDIRECT_SEGMENTS,
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

  #indirect(entry: number): ReturnType<BlkifAbi['indirect']['view']> {
    return (this.#indirects[this.#host.abi()] as ReturnType<BlkifAbi['indirect']['view']>).at(entry);
  }

  /** Where the segments of an indirect request are kept. */
  #segmentsAt(number: number): number {
    return this.#host.services.page + PAGE_SIZE + number * MAX_INDIRECT_SEGMENTS * BlkifSegment.size;
  }

  #address(number: number): number {
    return this.#host.services.page + TAKEN_OFFSET + number * TakenRequest.size;
  }

  #at(number: number): ReturnType<typeof TakenRequest.view> {
    return this.#taken.at(this.#address(number));
  }
}
