/**
 * The cases of `check`: a verdict is good when it is the expected one, whether that is to hold or to fail.
 */

import { loadSession } from '../../library/sessions.js';
import { namesOf } from '../../simulator/verdict.js';
import { raceAgrees } from '../check-identity.js';
import { compare } from '../check-report.js';
import type { TimedIdentityVerdict } from '../explore-identity.js';
import { type Extent, resolvePairing } from '../pairing-options.js';
import type { TimedVerdict } from '../timed-verdict.js';
import { type CiCase, caseOf, identityCase } from './case.js';

export function checkCases(
  verdicts: readonly TimedVerdict[],
  identity: readonly TimedIdentityVerdict[],
  session: string,
  extent: Extent,
): readonly CiCase[] {
  const loaded = loadSession(session);
  return [
    ...verdicts.map((verdict) => {
      const pairing = { ...resolvePairing(verdict), session: loaded };
      const { agrees, expected } = compare(verdict);
      return judged(caseOf(pairing, namesOf(pairing, extent), verdict), agrees, nameOf(expected?.oracle));
    }),
    ...identity.map((verdict) => judged(identityCase(verdict), raceAgrees(verdict), 'another verdict')),
  ];
}

function judged(found: CiCase, agrees: boolean, expected: string): CiCase {
  if (found.outcome === 'undecided') return found;
  if (agrees) return { ...found, outcome: 'passes' };
  return { ...found, outcome: 'fails', summary: `expected ${expected}, found: ${found.summary}` };
}

function nameOf(oracle: string | null | undefined): string {
  if (oracle === undefined) return 'nothing';
  return oracle === null ? 'that it holds' : `that ${oracle} fails`;
}
