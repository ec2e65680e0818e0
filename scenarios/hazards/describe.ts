/**
 * A hazard as data and as text.
 */
import type { Hazard } from './hazard.js';
import { scheduleOf } from './schedules.js';

/** What `quiesce list hazards --json` prints of each. */
export interface HazardRecord {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly known: Hazard['known']['kind'];
  /** Where `known` is `explored`: the oracle that fails, the two designs, and the steps of a shortest schedule. */
  readonly oracle?: string;
  readonly shows?: string;
  readonly avoids?: string;
  readonly schedule?: readonly string[];
  /** Where it is `tested`: file and title of the test. */
  readonly test?: string;
  readonly testTitle?: string;
  /** Where it is `notReproduced`. */
  readonly reason?: string;
  /** Recordings of a real Xen that show it. */
  readonly recordings: readonly string[];
}

export function recordOf({ name, title, source, known, recordings = [] }: Hazard): HazardRecord {
  const head = { name, title, source, known: known.kind };
  switch (known.kind) {
    case 'explored': {
      const { oracle, shows, avoids } = known;
      return { ...head, oracle, shows: shows.text, avoids: avoids.text, schedule: scheduleOf(name), recordings };
    }
    case 'tested':
      return { ...head, test: testFile(known.file), testTitle: known.title, recordings };
    case 'notReproduced':
      return { ...head, reason: known.reason, recordings };
  }
}

/** What is known of it, line by line. */
export function knownLines(hazard: Hazard): readonly string[] {
  const { known, recordings = [] } = hazard;
  const recorded = recordings.length === 0 ? [] : [`recorded: ${recordings.join(', ')}`];
  switch (known.kind) {
    case 'explored':
      return [
        `${known.oracle} fails in ${scheduleOf(hazard.name).length} steps: ${known.shows.text}`,
        `holds: ${known.avoids.text}`,
        ...recorded,
      ];
    case 'tested':
      return [`tested: ${testFile(known.file)}`, ...recorded];
    case 'notReproduced':
      return [`not reproduced: ${known.reason}`, ...recorded];
  }
}

export function testFile(file: string): string {
  return `test/${file}.test.ts`;
}
