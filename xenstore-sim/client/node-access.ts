/**
 * The requests about nodes, which a client and a transaction have in common.
 *
 * Values are bytes: `read` gives a `Uint8Array`, `write` takes one, or a string, which is sent as UTF-8; `readText`
 * reads UTF-8. Paths, names, tokens and permissions are text. A relative path lies below the caller's own
 * `/local/domain/N`. Each method rejects with a `XenstoreError`; `EINVAL`, `EACCES` and `ENOENT` from any of them, and
 * `BAD_PATH`, `TOO_BIG`, `TIMEOUT`, `ABORTED` and `DISCONNECTED` from the client itself.
 */

import type { XsTypeName } from '../../protocol/xs-wire.js';
import type { Permission } from '../permissions.js';
import { ignore } from './callbacks.js';
import { listInParts, parseNames } from './directory.js';
import { hasCode, XenstoreError } from './errors.js';
import type { Ask, RequestOptions } from './pending.js';
import { bytesFrom, bytesOf, parseOk, parsePermissions, pathString, permissionStrings, textFrom } from './text.js';

export abstract class NodeAccess {
  /** Sends a request and reads its reply. */
  protected abstract ask<T>(ask: Ask<T>, options: RequestOptions): Promise<T>;

  /** The value of a node; empty if it has none. */
  async read(path: string, options: RequestOptions = {}): Promise<Uint8Array> {
    return this.#onPath('READ', path, '', bytesFrom, options);
  }

  /** The value of a node as UTF-8; bytes that are not UTF-8 become U+FFFD. */
  async readText(path: string, options: RequestOptions = {}): Promise<string> {
    return this.#onPath('READ', path, '', textFrom, options);
  }

  /** Sets the value of a node; makes it, and its parents, if it is not there. */
  async write(path: string, value: Uint8Array | string, options: RequestOptions = {}): Promise<void> {
    const text = pathString(path, 'WRITE');
    return this.ask({ type: 'WRITE', text, value: bytesOf(value), path, parse: parseOk }, options);
  }

  /** Makes a node, and its parents; does nothing if it is there. */
  async mkdir(path: string, options: RequestOptions = {}): Promise<void> {
    return this.#onPath('MKDIR', path, '', parseOk, options);
  }

  /** Removes a node with all below it. A node that is not there is no error if its parent is. */
  async rm(path: string, options: RequestOptions = {}): Promise<void> {
    return this.#onPath('RM', path, '', parseOk, options);
  }

  /**
   * Names of the children, in the daemon's order: C by age, oxenstored by name.
   *
   * A list that does not fit one reply is fetched in parts, and afresh when it changes meanwhile.
   *
   * @throws XenstoreError `E2BIG` from a daemon that can send neither long replies nor parts; `CONFLICT` when the list
   * changed again and again.
   */
  async directory(path: string, options: RequestOptions = {}): Promise<string[]> {
    try {
      return await this.#onPath('DIRECTORY', path, '', parseNames, options);
    } catch (error) {
      if (!hasCode(error, 'E2BIG') || !error.fromDaemon) throw error;
      return await listInParts(path, error, (offset, parse) =>
        this.#onPath('DIRECTORY_PART', path, `${offset}\0`, parse, options),
      );
    }
  }

  /** Whether the node is there. A node the caller may not read counts as being there if the daemon says `EACCES`. */
  async exists(path: string, options: RequestOptions = {}): Promise<boolean> {
    try {
      await this.#onPath('READ', path, '', ignore, options);
      return true;
    } catch (error) {
      if (!(error instanceof XenstoreError) || !error.fromDaemon) throw error;
      if (error.code === 'EACCES') return true;
      if (error.code === 'ENOENT') return false;
      throw error;
    }
  }

  /** The entries, the owner's first. */
  async getPermissions(path: string, options: RequestOptions = {}): Promise<Permission[]> {
    return this.#onPath('GET_PERMS', path, '', parsePermissions, options);
  }

  /** Sets all entries; the first names the owner, and its letter holds for everybody without an entry of their own. */
  async setPermissions(path: string, permissions: readonly Permission[], options: RequestOptions = {}): Promise<void> {
    const entries = permissionStrings(permissions, 'SET_PERMS', path);
    return this.#onPath('SET_PERMS', path, entries, parseOk, options);
  }

  #onPath<T>(
    type: XsTypeName,
    path: string,
    rest: string,
    parse: (payload: string) => T,
    options: RequestOptions,
  ): Promise<T> {
    return this.ask({ type, text: pathString(path, type) + rest, path, parse }, options);
  }
}
