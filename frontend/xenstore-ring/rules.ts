/**
 * What a guest does about its store connection when it is suspended and resumed.
 *
 * `LINUX` keeps every rule of drivers/xen/xenbus (since 2007). `RESENDS` keeps another way that also works. Each of the
 * others leaves out one rule, and `test/xenstore-ring/` shows the schedule that breaks it.
 */
export interface XsRules {
  readonly name: string;
  /** A suspend waits until no request and no transaction is open (xs_suspend_enter). */
  readonly waitsForReplies: boolean;
  /** A suspend waits until the message that is being read is read whole (xs_response_mutex). */
  readonly waitsForMessage: boolean;
  /** In a new domain, reading begins behind what the old daemon left in the ring (xb_init_comms). */
  readonly dropsLeftovers: boolean;
  /** In a new domain, every watch is registered again (xs_resume). */
  readonly registersWatches: boolean;
  /**
   * In a new domain, before anybody else runs, leftovers are dropped, half a message is forgotten, and requests without a
   * reply are sent again from their first byte. Leftovers dropped any later may be the first new replies.
   */
  readonly sendsAgain: boolean;
  /** In a new domain, the daemon is asked for an empty ring, if it offers that (`connection`, server feature bit 0). */
  readonly reconnects: boolean;
  /** An event goes out only where the daemon may be waiting for one (Linux since 4.11), not after every chunk. */
  readonly notifiesSparingly: boolean;
}

export const LINUX: XsRules = {
  name: 'linux',
  waitsForReplies: true,
  waitsForMessage: true,
  dropsLeftovers: true,
  registersWatches: true,
  sendsAgain: false,
  reconnects: false,
  notifiesSparingly: true,
};

/**
 * Suspends at any byte. A request may then be executed twice, once by each daemon, and one inside a transaction fails
 * with EAGAIN, because the transaction is gone. Against a daemon that leaves the indices alone at INTRODUCE it has to
 * reconnect: half a request may lie in the ring.
 */
export const RESENDS: XsRules = {
  ...LINUX,
  name: 'resends',
  waitsForReplies: false,
  waitsForMessage: false,
  dropsLeftovers: false,
  sendsAgain: true,
  reconnects: true,
};

export const BROKEN: readonly XsRules[] = [
  { ...LINUX, name: 'suspends-with-open-requests', waitsForReplies: false },
  { ...LINUX, name: 'suspends-inside-a-message', waitsForMessage: false },
  { ...LINUX, name: 'keeps-leftovers', dropsLeftovers: false },
  { ...LINUX, name: 'forgets-watches', registersWatches: false },
  { ...RESENDS, name: 'drops-new-replies', dropsLeftovers: true },
];
