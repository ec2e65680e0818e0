/**
 * What a reduction must know of a world: its actors, where each of their tasks stands, and in which code each load and
 * store is made.
 */

/** Told, while a world looks for its choices, of what the loads that follow decide. */
export interface GuardWatch {
  /** Whether the group has anything to offer at all. */
  group(group: number): void;
  /** Whether the actor can act. */
  guard(actor: number): void;
  /** How often the actor could be killed inside its next step. */
  kill(actor: number): void;
}

/** A world whose steps can be told apart. The actors are numbered from 0. */
export interface StepSpace {
  readonly actorCount: number;
  readonly groupCount: number;
  /** The actor that lets time pass, which can act only where no other but a lazy one can; -1 for none. */
  readonly time: number;
  /** The choices that were enumerated last are not all there are: the world itself knows that they are enough. */
  readonly restricted: boolean;
  /** While set, it is told. */
  watch: GuardWatch | null;
  /** While true, who stands before the same as before need not be asked again whether it can act. */
  remembering?: boolean;
  /** Group of the actor, or -1. */
  groupOf(actor: number): number;
  /** The word that holds the position of the actor's task, or -1 where it has one step only. */
  positionWord(actor: number): number;
  /** Whether time may pass, and the end be judged, while the actor can act. */
  isLazy(actor: number): boolean;
  actorOf(choice: number): number;
  /** Whether the choice is a kill inside the actor's step. */
  isKill(choice: number): boolean;
}
