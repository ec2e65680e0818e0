/**
 * One listener for each `AbortSignal`, whatever number of requests it is for: many requests may share one, and Node
 * warns of a leak when a signal has many listeners.
 */

/** Is told that the signal has fired. */
export interface Abortable {
  onAbort(): void;
}

interface Group {
  readonly members: Set<Abortable>;
  readonly listener: () => void;
}

export class AbortGroups {
  readonly #groups = new Map<AbortSignal, Group>();

  /** @param signal One that has not fired. */
  add(signal: AbortSignal, member: Abortable): void {
    const group = this.#groups.get(signal) ?? this.#open(signal);
    group.members.add(member);
  }

  remove(signal: AbortSignal, member: Abortable): void {
    const group = this.#groups.get(signal);
    if (group === undefined) return;
    group.members.delete(member);
    if (group.members.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener('abort', group.listener);
  }

  #open(signal: AbortSignal): Group {
    const members = new Set<Abortable>();
    const listener = (): void => {
      for (const member of [...members]) member.onAbort();
    };
    const group = { members, listener };
    this.#groups.set(signal, group);
    signal.addEventListener('abort', listener);
    return group;
  }
}
