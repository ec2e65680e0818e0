/**
 * What the catalogue of hazards says of each: where it is from, and what is known of it here.
 *
 * Three lists are catalogued: failures (F1 to F52) that suspend, resume, rings and buses have shown or invite, security
 * rules (S1 to S43) made of advisories, and observations (O1 to O26) on a running Xen. What is known is one of
 *
 *     explored        a world in which a design shows it, a shortest schedule to it, and a world in which another
 *                     design avoids it: every schedule of that one was looked at
 *     tested          a test with that title shows it; it is about one call or one page, not about an order of steps
 *     notReproduced   why not
 *
 * One test goes through the whole catalogue.
 */
import type { Session } from '../../protocol/tpm/session.js';
import type { Explorable } from '../../simulator/explore/explore.js';
import type { OracleName } from '../../simulator/world-state.js';

/** What can be explored, with names for its steps. */
export interface NamedWorld extends Explorable {
  describe(choice: number): string;
}

/** A design in a situation. The session is where the commands of a TPM's user come from. */
export interface Design {
  /** Of what it is made, and what it does. */
  readonly text: string;
  readonly world: (session: Session) => NamedWorld;
}

export interface Explored {
  readonly kind: 'explored';
  /** The oracle that the design that shows it breaks; the only one that is asked. */
  readonly oracle: OracleName;
  readonly shows: Design;
  readonly avoids: Design;
  /** The oracles that the design that avoids it is asked; all when absent. */
  readonly asked?: readonly OracleName[];
}

export interface Tested {
  readonly kind: 'tested';
  /** Path of the file below `test/`, without `.test.ts`. */
  readonly file: string;
  /** The test's title; `...` stands for what differs between several of them. */
  readonly title: string;
}

export interface NotReproduced {
  readonly kind: 'notReproduced';
  readonly reason: string;
}

export interface Hazard {
  /** A letter and a number: `F7`. */
  readonly name: string;
  readonly title: string;
  /** Commit, advisory, message or trace; `derived` where it follows from the sources without having been reported. */
  readonly source: string;
  readonly known: Explored | Tested | NotReproduced;
  /** Recordings of a real Xen that show it, by name. */
  readonly recordings?: readonly string[];
}

export function tested(file: string, title: string): Tested {
  return { kind: 'tested', file, title };
}

export function notReproduced(reason: string): NotReproduced {
  return { kind: 'notReproduced', reason };
}
