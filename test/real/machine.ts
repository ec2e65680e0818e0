/**
 * The machine a real daemon believes to run on: domains, their shared pages, and signals. It is the other side of
 * `fakexen/fakexen.c`, which the daemon is preloaded with; the files are described there.
 */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { GuestRing, type SharedPage } from './guest-ring.js';

const PAGE_BYTES = 4096;
const DOMAINS = 64;
const PORT_OF_VIRQ = 7;
const PORT_OF_DOMAIN_0 = 100;

export type DomainState = 'running' | 'shut-down' | 'dying' | 'gone';
const STATE_BYTES: { readonly [state in DomainState]: string } = {
  running: 'r',
  'shut-down': 's',
  dying: 'd',
  gone: '\0',
};

/** What drives the guest's end of a ring. */
export interface RingUser {
  /** Called at each signal: moves bytes; returns whether any. */
  pump(): boolean;
}

export class Machine {
  readonly #folder: string;
  readonly #states: number;
  readonly #pages = new Map<number, number>();
  readonly #rings = new Map<number, GuestRing>();
  readonly #users = new Map<number, RingUser>();
  readonly #server = createServer((socket) => this.#attach(socket));
  /** The daemon's end of all event channels. */
  #daemon: Socket | undefined;
  #unread = Buffer.alloc(0);

  private constructor(folder: string) {
    this.#folder = folder;
    const states = Buffer.alloc(DOMAINS);
    writeFileSync(join(folder, 'domains'), states);
    writeFileSync(join(folder, 'port'), '1');
    this.#states = openSync(join(folder, 'domains'), 'r+');
    this.createDomain(0);
  }

  /** A machine with domain 0 only, that a daemon can attach to through `folder`. */
  static async start(folder: string): Promise<Machine> {
    const machine = new Machine(folder);
    await new Promise<void>((resolve, reject) => {
      machine.#server.once('error', reject);
      machine.#server.listen(join(folder, 'machine'), resolve);
    });
    return machine;
  }

  async stop(): Promise<void> {
    this.#daemon?.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const file of [this.#states, ...this.#pages.values()]) closeSync(file);
  }

  /** A new running domain with a page of zeros. */
  createDomain(domid: number): void {
    const path = join(this.#folder, `page.${domid}`);
    writeFileSync(path, Buffer.alloc(PAGE_BYTES));
    const before = this.#pages.get(domid);
    if (before !== undefined) closeSync(before);
    this.#rings.delete(domid);
    this.#users.delete(domid);
    this.#pages.set(domid, openSync(path, 'r+'));
    writeSync(this.#states, STATE_BYTES.running, domid, 'latin1');
  }

  /** What the toolstack or the guest did; the daemon is told that some domain changed. Who is gone stays gone. */
  setDomain(domid: number, state: DomainState): void {
    const before = Buffer.alloc(1);
    readSync(this.#states, before, 0, 1, domid);
    if (before[0] === 0) return;
    writeSync(this.#states, STATE_BYTES[state], domid, 'latin1');
    this.#signal(PORT_OF_VIRQ);
  }

  /** The guest's side of the ring of domain `domid`, which must exist. */
  ring(domid: number): GuestRing {
    const known = this.#rings.get(domid);
    if (known !== undefined) return known;
    const ring = this.useRing(domid, (page, signal) => new GuestRing(page, signal));
    this.#rings.set(domid, ring);
    return ring;
  }

  /** Lets `make` attach a driver of its own to the ring of domain `domid`, which must exist. */
  useRing<User extends RingUser>(domid: number, make: (page: SharedPage, signal: () => void) => User): User {
    const user = make(this.#page(domid), () => this.#signal(PORT_OF_DOMAIN_0 + domid));
    this.#users.set(domid, user);
    return user;
  }

  /** Lets every guest look at its ring, whether signalled or not. Returns whether anything was moved. */
  pump(): boolean {
    let moved = false;
    for (const user of this.#users.values()) moved = user.pump() || moved;
    return moved;
  }

  #page(domid: number): SharedPage {
    const file = this.#pages.get(domid);
    if (file === undefined) throw new Error(`there is no domain ${domid}`);
    return {
      read: (at, length) => {
        const bytes = Buffer.alloc(length);
        readSync(file, bytes, 0, length, at);
        return bytes;
      },
      write: (at, bytes) => writeSync(file, bytes, 0, bytes.length, at),
    };
  }

  #signal(port: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(port);
    this.#daemon?.write(bytes);
  }

  #attach(socket: Socket): void {
    this.#daemon = socket;
    // A daemon that is ended resets its end.
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      const whole = this.#unread.length - (this.#unread.length % 4);
      for (let at = 0; at < whole; at += 4) this.#users.get(this.#unread.readUInt32LE(at) - PORT_OF_DOMAIN_0)?.pump();
      this.#unread = this.#unread.subarray(whole);
    });
  }
}
