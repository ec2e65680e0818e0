/**
 * Frees its ring page at suspend and takes it again when the suspend is cancelled, on a kernel that poisons free pages
 * and looks at the poison when it takes one.
 */
import type { GuestServices } from '../../../frontend/tpmfront/tpmfront.js';
import { Connection, V2Tpmfront } from '../../../frontend/tpmfront/v2.js';
import { assert } from '../../../protocol/assert.js';
import { bool, u8 } from '../../../protocol/layout.js';

const POISON = 0xaa;
/** Payload of the page, where a response goes. */
const PAYLOAD = 8;

const EXTRA = {
  /** The ring page lies in the kernel's list of free pages. */
  freed: bool,
  /** Byte of poison at the place of a response. */
  poison: u8,
} as const;

export class FreesAtSuspendTpmfront extends V2Tpmfront<typeof EXTRA> {
  readonly name: string;
  readonly #deferred: boolean;

  /** `deferred`: a page is freed only when ending the access succeeds. */
  constructor(services: GuestServices, deferred: boolean) {
    super(services, deferred ? 'defers-free' : 'careless', EXTRA);
    this.name = deferred ? 'defers-free' : 'careless';
    this.#deferred = deferred;
  }

  override suspend(): void {
    const { services, state } = this;
    const ended = services.host.grants.endAccess(services.domain, state.ring_ref);
    if (!ended && this.#deferred) return;
    this.memory.write8(this.#page() + PAYLOAD, POISON);
    state.freed = true;
    state.connection = Connection.Closed;
  }

  override suspendCancelled(): void {
    const { state } = this;
    if (!state.freed) return;
    const found = this.memory.read8(this.#page() + PAYLOAD);
    assert(
      found === POISON,
      `free page ${state.ring_pfn} was written to: found 0x${found.toString(16)} in place of the poison`,
    );
    state.freed = false;
    state.connection = Connection.Connected;
  }

  #page(): number {
    return this.services.domain.page(this.state.ring_pfn);
  }
}
