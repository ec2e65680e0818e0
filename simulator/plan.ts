/**
 * What the toolstack is told to do in a scenario, and how it ends.
 */
export interface Plan {
  readonly operation:
    | 'none'
    /** Save on one host, restore on another, end the source. */
    | 'migrate'
    /** Save and restore on one host; the source's devices are removed before the restore begins. */
    | 'save-restore'
    /** Save and go on. */
    | 'checkpoint';
  readonly ends:
    | 'completes'
    /** Given up as soon as the domain has suspended. */
    | 'cancelled'
    /** The target's disk is full. */
    | 'save-fails'
    /** The target refuses the image; the source goes on. */
    | 'restore-fails';
  /** The vTPM is drained before the domain's memory is copied. */
  readonly drain: boolean;
  /** Whether the toolstack gives up after 60 s without an acknowledgement or a suspend. */
  readonly timeouts: boolean;
  /**
   * What becomes of the state of the vTPM in a migration. Xen's packaged vTPM is a domain of its own that no save
   * image includes: then it is `left-behind`, and the target gets a vTPM that is new. `moves` when absent.
   */
  readonly vtpmState?: 'moves' | 'left-behind';
  /**
   * What a toolstack does with a suspended source that shall go on where it is: it resumes it in place, or tells its
   * guest that it runs in a new domain (libxl for some time in 2021), or leaves it suspended (xend in 2006). `resumes`
   * when absent.
   */
  readonly giveUp?: 'resumes' | 'as-new-domain' | 'leaves-suspended';
}

/** libxl's limits for the acknowledgement and for the suspend, in milliseconds each. */
export const ACKNOWLEDGE_MILLISECONDS = 60_000;
export const SUSPEND_MILLISECONDS = 60_000;
