/**
 * The faults there are, by name. Those with a budget strike in an exploration wherever they can (`FaultBudget`); the
 * others are how a plan ends (`Plan.ends`) or how long a command takes.
 */
export interface FaultEntry {
  readonly name: string;
  readonly title: string;
  /** Name in schedules begins with this; null for what belongs to the scenario and is no step of its own. */
  readonly step: string | null;
}

/** Choices that are faults begin with this. */
export const FAULT_PREFIX = 'fault/';

export const FAULTS: readonly FaultEntry[] = [
  {
    name: 'backend-killed',
    title: 'The backend process is killed between any two of its stores, and its supervisor starts it again.',
    step: 'fault/kill tpmback',
  },
  {
    name: 'toolstack-killed',
    title: 'The toolstack dies before any of its steps while the source is suspended; a successor comes.',
    step: 'fault/kill toolstack',
  },
  { name: 'spurious-event', title: 'An event that nobody sent reaches an end.', step: 'fault/spurious event' },
  {
    name: 'both-copies-resumed',
    title: 'The suspended source is let run although the target runs.',
    step: 'fault/resume',
  },
  {
    name: 'volume-made-anew',
    title: 'The volume of a vTPM is removed while nobody has it open, and another one gets its number.',
    step: 'fault/volume of',
  },
  {
    name: 'lost-event',
    title: 'The event that waits for a suspended guest is gone when it goes on.',
    step: 'fault/lose event',
  },
  {
    name: 'xenstored-restarted',
    title: 'A xenstored is restarted with the nodes it had; its clients register their watches again.',
    step: 'fault/restart xenstored',
  },
  { name: 'watches-repeated', title: 'Watches fire although nothing has changed.', step: 'fault/watches of' },
  {
    name: 'stream-cut',
    title: 'The stream of a migration ends early, in it or in the handshake after it.',
    step: 'fault/cut stream',
  },
  {
    name: 'connection-lost',
    title: 'The connection to the target is lost when the stream is complete and nobody runs.',
    step: 'fault/lose connection',
  },
  {
    name: 'stale-checkpoint-restored',
    title: 'The guest is lost, and restored from an older checkpoint; its vTPM too, or not.',
    step: 'fault/restore guest',
  },
  {
    name: 'hostile-peer',
    title: 'A peer stores into a field of the ring page, or writes a node of its own, whatever it likes.',
    step: 'fault/guest1 stores',
  },
  { name: 'slow-command', title: 'A command takes longer than every limit (320 s).', step: null },
  { name: 'cancelled-suspend', title: 'The suspend is given up as soon as the domain has suspended.', step: null },
  { name: 'save-fails', title: 'The image of the domain cannot be written whole.', step: null },
  { name: 'restore-fails', title: 'The target refuses the image after the domain has been saved.', step: null },
];
