/**
 * The sequenced protocol: every command carries a number, the vTPM keeps the number and the response of the last one
 * it executed with its own state, and after a reconnect the driver asks before it acts. See docs/sequenced.md.
 *
 * It needs no suspend hook: wherever the command in flight is when the domain is saved, the number in the driver's
 * memory and the number in the device's state tell what became of it.
 *
 *     kept by the vTPM      the driver's command    then
 *     = its number          was executed            fetch the kept response (the backend gives it without executing)
 *     = the one before      was never executed      submit it
 *     anything else         is not of this device   refuse, and say so
 *
 * Where the backend does not offer the extension, the driver is a plain v2 one, with none of these guarantees: then
 * it waits for the response before a suspend, as `quiesce` does.
 */
import { bool, u32 } from '../../protocol/layout.js';
import {
  nextSequence,
  parseSequence,
  SEQUENCE_NONE,
  SEQUENCE_TRAILER_OFFSET,
  SequenceNode,
  SequenceTrailer,
} from '../../protocol/tpmif-sequence.js';
import { checkLength } from '../../protocol/tpmif-v2.js';
import { XenbusState } from '../../protocol/xenbus.js';
import type { GuestServices } from './tpmfront.js';
import { Connection, EINVAL, EIO, V2Tpmfront } from './v2.js';

const EXTRA = {
  /** Number of the command taken last. */
  sequence: u32,
  /** Both ends speak the extension on the present ring. */
  sequenced: bool,
  /** The device is not this guest's: until it is connected to its own, every command fails. */
  refused: bool,
} as const;

export class SequencedTpmfront extends V2Tpmfront<typeof EXTRA> {
  readonly name = 'sequenced';
  readonly #trailer;

  constructor(services: GuestServices) {
    super(services, 'sequenced', EXTRA);
    this.#trailer = SequenceTrailer.view(services.memory);
  }

  override accepts(): boolean {
    return this.state.refused ? !this.state.busy : super.accepts();
  }

  override submit(command: number): void {
    const { state, services } = this;
    if (state.refused) {
      services.fail(EIO);
      return;
    }
    // A command that is too long is never sent, so it must not take a number.
    if (!checkLength(services.commands.at(command).length, 0, this.reserved)) {
      services.fail(EINVAL);
      return;
    }
    // A plain backend numbers nothing, and its device forgets the number with the next command: so does this end.
    state.sequence = state.sequenced ? nextSequence(state.sequence, services.sequenceBits) : SEQUENCE_NONE;
    super.submit(command);
  }

  override suspend(): void {
    if (!this.state.sequenced) this.state.held = true;
  }

  override suspended(): boolean {
    return super.suspended() && (this.state.sequenced || !this.state.busy);
  }

  override suspendCancelled(): void {
    this.state.held = false;
  }

  protected override publishMore(): void {
    this.services.store.write(this.own(SequenceNode.Feature), '1');
  }

  /** Asks the device which command it executed last, before anything is sent to it. */
  protected override admits(): boolean {
    const { state, services } = this;
    state.sequenced = services.store.read(this.otherend(SequenceNode.Feature)) === '1';
    state.refused = false;
    if (!state.sequenced) return true;
    const { sequenceBits } = services;
    const executed = parseSequence(services.store.read(this.otherend(SequenceNode.Executed)), sequenceBits);
    const wasExecuted = executed === state.sequence;
    const neverExecuted = state.busy && executed !== null && nextSequence(executed, sequenceBits) === state.sequence;
    state.refused = !wasExecuted && !neverExecuted;
    if (!state.refused) return true;
    this.#refuse(executed);
    return false;
  }

  protected override connected(): void {
    this.state.held = false;
    if (!this.state.busy) return;
    // Executed or not, the request goes into the page: the backend answers a number it has executed from what is kept.
    if (this.state.sequenced) this.transmitTask.start();
    // The command was left in flight to a backend with the extension, and this one cannot tell what became of it.
    else this.giveUp(EIO);
  }

  override fill(): void {
    super.fill();
    if (this.state.sequenced) this.#trailerOfRing().request_sequence = this.state.sequence;
  }

  protected override get reserved(): number {
    return this.state.sequenced ? SequenceTrailer.size : 0;
  }

  protected override takeResponse(): void {
    // A response with another number is not for this command: it is left alone.
    if (this.state.sequenced && this.#trailerOfRing().response_sequence !== this.state.sequence) return;
    super.takeResponse();
  }

  /** The device has executed something this driver never sent, or lacks what it did send: it is not this guest's. */
  #refuse(executed: number | null): void {
    const { state, services } = this;
    state.connection = Connection.Closed;
    services.store.write(
      this.own(SequenceNode.Error),
      `expected a vTPM that has executed command ${state.sequence} or the one before, found ${executed ?? 'no number'}`,
    );
    this.switchState(XenbusState.Closing);
    if (state.busy) this.giveUp(EIO);
  }

  #trailerOfRing(): ReturnType<typeof SequenceTrailer.view> {
    return this.#trailer.at(this.ring().base + SEQUENCE_TRAILER_OFFSET);
  }
}
