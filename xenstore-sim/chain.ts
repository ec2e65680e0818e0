/**
 * Persistent lists that only grow: adding an item shares everything that was there before.
 */
export interface Chain<T> {
  readonly item: T;
  readonly earlier: Chain<T> | null;
  readonly count: number;
}

export function append<T>(chain: Chain<T> | null, ...items: readonly T[]): Chain<T> | null {
  let longer = chain;
  for (const item of items) longer = { item, earlier: longer, count: (longer?.count ?? 0) + 1 };
  return longer;
}

/** The items, oldest first. */
export function toArray<T>(chain: Chain<T> | null): T[] {
  const items: T[] = [];
  for (let at = chain; at !== null; at = at.earlier) items.push(at.item);
  return items.reverse();
}
