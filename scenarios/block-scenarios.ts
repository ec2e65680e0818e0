/** The rows of `block-data.ts` as scenarios that can be named: `block-data/` and the row's name, with - for blanks. */
import type { BlockWorldOptions } from '../simulator/block-data/world.js';
import { BLOCK_ROWS, type BlockRow } from './block-data.js';

const PREFIX = 'block-data/';

export interface BlockScenario {
  readonly name: string;
  readonly title: string;
  readonly options: BlockWorldOptions;
  readonly row: BlockRow;
}

export const BLOCK_SCENARIOS: readonly BlockScenario[] = BLOCK_ROWS.map((row) => ({
  name: PREFIX + row.name.replaceAll(' ', '-'),
  title: titleOf(row),
  options: row.options,
  row,
}));

/** Whether a name is meant to be one of these scenarios, though there may be none of that name. */
export function isBlockName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** What must come of it, and why. */
function titleOf({ oracle, or, why }: BlockRow): string {
  const verdict = oracle === null ? 'Holds' : `Fails (${oracle}${or === undefined ? '' : ` or ${or}`})`;
  return `${verdict}: ${why}.`;
}
