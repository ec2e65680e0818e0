/**
 * The requests about domains, features, quotas and the daemon itself. All but `getDomainPath` and the caller's own
 * features are for privileged callers; a guest gets `EACCES` (from oxenstored, for `control`, an OK without effect).
 */
import { ignore } from './callbacks.js';
import { NodeAccess } from './node-access.js';
import type { Ask, RequestOptions } from './pending.js';
import { domidString, numberString, parseNumber, parseOk, parseText, parseTrueOrFalse, terminated } from './text.js';

/** What to introduce a domain with. */
export interface Introduction {
  readonly domid: number;
  /** Frame number of the ring page. C xenstored ignores it and takes grant reference 1. */
  readonly frame: number;
  /** Event channel of the domain, above 0. */
  readonly eventChannel: number;
}

export abstract class DomainAccess extends NodeAccess {
  /** Connects the daemon with the ring of a domain. */
  async introduce({ domid, frame, eventChannel }: Introduction, options: RequestOptions = {}): Promise<void> {
    const type = 'INTRODUCE';
    const numbers = numberString(frame, 'frame number', type) + numberString(eventChannel, 'event channel', type);
    return this.ask({ type, text: domidString(domid, type) + numbers, parse: parseOk }, options);
  }

  /** Ends the connection with a domain. */
  async release(domid: number, options: RequestOptions = {}): Promise<void> {
    return this.ask({ type: 'RELEASE', text: domidString(domid, 'RELEASE'), parse: parseOk }, options);
  }

  /** Makes the daemon report the domain's next shutdown again. */
  async resume(domid: number, options: RequestOptions = {}): Promise<void> {
    return this.ask({ type: 'RESUME', text: domidString(domid, 'RESUME'), parse: parseOk }, options);
  }

  /** Gives a device model domain the rights of its target. */
  async setTarget(domid: number, target: number, options: RequestOptions = {}): Promise<void> {
    const type = 'SET_TARGET';
    return this.ask({ type, text: domidString(domid, type) + domidString(target, type), parse: parseOk }, options);
  }

  async isDomainIntroduced(domid: number, options: RequestOptions = {}): Promise<boolean> {
    const type = 'IS_DOMAIN_INTRODUCED';
    return this.ask({ type, text: domidString(domid, type), parse: parseTrueOrFalse }, options);
  }

  /** `/local/domain/N`. */
  async getDomainPath(domid: number, options: RequestOptions = {}): Promise<string> {
    const type = 'GET_DOMAIN_PATH';
    return this.ask({ type, text: domidString(domid, type), parse: parseText }, options);
  }

  /** Sends a command to the daemon itself; the answer is text for people, or `OK`. */
  async control(command: readonly [string, ...string[]], options: RequestOptions = {}): Promise<string> {
    const type = 'CONTROL';
    const text = command.map((word) => terminated(word, 'word of a command', type)).join('');
    return this.ask({ type, text, parse: parseText }, options);
  }

  /** Feature bits as in the ring page (Xen 4.21): 2 error field, 4 watch depth, 8 all-domains permission. Default: the caller's own. */
  async getFeature(domid?: number, options: RequestOptions = {}): Promise<number> {
    const type = 'GET_FEATURE';
    const text = domid === undefined ? '' : domidString(domid, type);
    return this.#askPerhapsEmpty({ type, text, parse: parseNumber }, options);
  }

  /** Chooses the features of a domain that is not introduced yet (Xen 4.21). */
  async setFeature(domid: number, features: number, options: RequestOptions = {}): Promise<void> {
    const type = 'SET_FEATURE';
    const text = domidString(domid, type) + numberString(features, 'set of features', type);
    return this.ask({ type, text, parse: parseOk }, options);
  }

  /** Names of the quotas the daemon knows (Xen 4.22). */
  async getQuotaNames(options: RequestOptions = {}): Promise<string[]> {
    const parse = (payload: string): string[] =>
      parseText(payload)
        .split(' ')
        .filter((name) => name !== '');
    return this.#askPerhapsEmpty({ type: 'GET_QUOTA', text: '', parse }, options);
  }

  /** A quota of a domain; without one, what new domains get (Xen 4.22). 0: no limit. */
  async getQuota(name: string, domid?: number, options: RequestOptions = {}): Promise<number> {
    const type = 'GET_QUOTA';
    const domain = domid === undefined ? '' : domidString(domid, type);
    return this.ask({ type, text: domain + terminated(name, 'name of a quota', type), parse: parseNumber }, options);
  }

  /** Sets a quota of a domain; without one, what new domains get (Xen 4.22). 0: no limit. */
  async setQuota(name: string, value: number, domid?: number, options: RequestOptions = {}): Promise<void> {
    const type = 'SET_QUOTA';
    const domain = domid === undefined ? '' : domidString(domid, type);
    const text = domain + terminated(name, 'name of a quota', type) + numberString(value, 'quota', type);
    return this.ask({ type, text, parse: parseOk }, options);
  }

  /**
   * The two questions of which the empty payload is the only form. oxenstored 4.17 leaves a request with an empty
   * payload alone until more bytes come; so another request, allowed to everybody, goes right behind it.
   */
  #askPerhapsEmpty<T>(ask: Ask<T>, options: RequestOptions): Promise<T> {
    const answer = this.ask(ask, options);
    if (ask.text === '') this.getDomainPath(0).catch(ignore);
    return answer;
  }
}
