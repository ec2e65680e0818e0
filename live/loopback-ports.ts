/**
 * Ports to listen on that stay ours to listen on again.
 *
 * A port that the kernel picks (port 0) lies among those that it also gives to connections that go out, as their own end
 * (ip(7), ip_local_port_range). While a part that was killed is started again, anybody's connection may get its port, even
 * the one of a client that tries to reach it. Outside that range a port is taken only by who asks for it by number.
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** Linux's default. */
const USUAL_RANGE = '32768 60999';
/** Below are ports with names. */
const FIRST = 10_000;
/** The next one is a port too. */
const LAST = 65_534;

/** A port at random that the kernel gives to nobody unasked; 0, for its own choice, where it gives all of them. */
export function drawPort(range: string = readRange()): number {
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number);
  // The pair of the one below the range would lie in it.
  const below = Math.max(0, first - 1 - FIRST);
  const above = Math.max(0, LAST - last);
  if (below + above === 0) return 0;
  const drawn = randomInt(below + above);
  return drawn < below ? FIRST + drawn : last + 1 + drawn - below;
}

function readRange(): string {
  try {
    return readFileSync(RANGE_FILE, 'latin1');
  } catch {
    return USUAL_RANGE;
  }
}
