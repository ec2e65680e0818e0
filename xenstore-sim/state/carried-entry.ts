/**
 * Permission entries as a state stream can carry them.
 */
import type { PermissionEntry } from '../permissions.js';
import { NO_TARGET_DOMAIN } from './records.js';

/** Largest number that a domain can have; the stream has two bytes for it. */
const DOMID_MAX = 0xffff;

/** A number that no domain can have, which a client may write into an entry, becomes one that no domain has. */
export function carriedEntry(entry: PermissionEntry): PermissionEntry {
  return entry.domid < 0 || entry.domid > DOMID_MAX
    ? { access: entry.access, domid: NO_TARGET_DOMAIN, stale: true }
    : entry;
}
