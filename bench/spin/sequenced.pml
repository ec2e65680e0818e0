/*
 * The sequenced tpmfront and tpmback with suspend, cancelled suspend and migration, as SPIN is given it: the same steps
 * that `explore` interleaves, one d_step each, with the values that decide what a step does, and none of the bytes.
 * bench/spin/README.md says what is the same and what is less.
 *
 *   -DCOMMANDS=n   commands of the session (63)
 *   -DCANCEL       the suspend is cancelled as soon as the guest has suspended
 */
#ifndef COMMANDS
#define COMMANDS 63
#endif

/* States of a device on xenbus; 0 stands for a node that is not there. */
#define GONE 0
#define INITIALISING 1
#define INITWAIT 2
#define INITIALISED 3
#define CONNECTED 4
#define CLOSING 5
#define CLOSED 6

/* control/shutdown */
#define EMPTY 1
#define SUSPEND 2

/* Connection of the frontend. */
#define DETACHED 0
#define PUBLISHING 1
#define READY 2
#define LINKED 3
#define SHUT 4

/* Page of the ring. */
#define IDLE 0
#define SUBMIT 1
#define FINISH 2

/* Request of the user. */
#define NOTHING 0
#define WAITING 1
#define ANSWERED 2

/* Domain. */
#define FREE 0
#define PAUSED 1
#define RUNNING 2
#define SUSPENDED 3

/* Channel of the guest. */
#define UNBOUND 1
#define INTERDOMAIN 2

/* Watch events of a guest: of control/shutdown, and of the backend's state under each of the two domain numbers. */
#define E_SHUTDOWN 3
/* And of a backend: of its own state, and of the frontend's. */
#define E_OWN 1
#define E_FRONT 2

#define NO_NUMBER 255

typedef Page { byte state; byte request; byte response; byte payload; bool answer };

/* What lies in the guest's memory, and is saved and restored with it. */
typedef Memory {
  byte connection; byte xenbus; bool busy; bool submitted; bool held; bool sequenced; byte sequence;
  byte page; bool port; byte command;
  byte transmit; byte connect; byte kernel;
  bool frozen; bool store_suspended; byte watched;
  byte request; byte position; bool done;
  byte issued; byte answered; byte published; bool published_executed;
  Page ring[2]
};

/* The state of a TPM. */
typedef Device { bool busy; bool numbered; byte command; byte sequence; byte ordinal; byte executed; byte executed_sequence;
  byte response; byte answer };

typedef Store { byte shutdown; byte front; byte ring_ref; bool front_feature; byte back; bool back_feature; byte executed;
  bool ready };

typedef Backend { bool known; byte xenbus; bool connected; bool sequenced; byte handle; bool port; byte ordinal;
  byte serve; byte connect; bool pending; bool watches_front };

Memory guest[2];
Memory memory_image;
Device device[2];
Device device_image;
Store store[2];
Backend backend[2];
byte domain[2];
bool cancelled[2];
byte channel[2];
bool pending[2];
chan events[2] = [3] of { byte };
chan backend_events[2] = [2] of { byte };
byte toolstack = 1;

#define G guest[s]
#define D device[s]
#define S store[s]
#define B backend[s]
#define RING G.ring[G.page - 1]
#define MAPPED G.ring[B.handle - 1]
#define EXISTS (domain[s] != FREE)

/* A watch event, unless the same one waits already. */
inline post(queue, event) {
  if
  :: queue??[eval(event)]
  :: else -> queue!event
  fi
}

inline front_changed() {
  if
  :: B.watches_front -> post(backend_events[s], E_FRONT)
  :: else
  fi
}

/* The backend watches its own state; so does the frontend, unless its connection is gone. */
inline back_changed() {
  post(backend_events[s], E_OWN);
  if
  :: G.watched == s + 1 && EXISTS && domain[s] != PAUSED -> post(events[s], s + 1)
  :: else
  fi
}

inline switch_front(state) {
  if
  :: G.xenbus != state && S.front != GONE ->
    S.front = state; G.xenbus = state;
    if
    :: state == INITIALISED -> G.connection = READY
    :: else
    fi;
    front_changed()
  :: else
  fi
}

inline switch_back(state) {
  if
  :: B.xenbus != state -> B.xenbus = state; S.back = state; back_changed()
  :: else
  fi
}

inline clear(ring_page) {
  ring_page.state = IDLE; ring_page.request = 0; ring_page.response = 0; ring_page.payload = 0; ring_page.answer = false
}

inline copy_page(to, from) {
  to.state = from.state; to.request = from.request; to.response = from.response; to.payload = from.payload;
  to.answer = from.answer
}

inline copy_memory(to, from) {
  to.connection = from.connection; to.xenbus = from.xenbus; to.busy = from.busy; to.submitted = from.submitted;
  to.held = from.held; to.sequenced = from.sequenced; to.sequence = from.sequence; to.page = from.page;
  to.port = from.port; to.command = from.command; to.transmit = from.transmit; to.connect = from.connect;
  to.kernel = from.kernel; to.frozen = from.frozen; to.store_suspended = from.store_suspended;
  to.watched = from.watched; to.request = from.request; to.position = from.position; to.done = from.done;
  to.issued = from.issued; to.answered = from.answered; to.published = from.published;
  to.published_executed = from.published_executed;
  copy_page(to.ring[0], from.ring[0]); copy_page(to.ring[1], from.ring[1])
}

inline clear_memory(m) {
  m.connection = 0; m.xenbus = 0; m.busy = 0; m.submitted = 0; m.held = 0; m.sequenced = 0; m.sequence = 0;
  m.page = 0; m.port = 0; m.command = 0; m.transmit = 0; m.connect = 0; m.kernel = 0; m.frozen = 0;
  m.store_suspended = 0; m.watched = 0; m.request = 0; m.position = 0; m.done = 0; m.issued = 0; m.answered = 0;
  m.published = 0; m.published_executed = 0;
  clear(m.ring[0]); clear(m.ring[1])
}

inline copy_device(to, from) {
  to.busy = from.busy; to.numbered = from.numbered; to.command = from.command; to.sequence = from.sequence;
  to.ordinal = from.ordinal; to.executed = from.executed; to.executed_sequence = from.executed_sequence;
  to.response = from.response; to.answer = from.answer
}

inline clear_device(m) {
  m.busy = 0; m.numbered = 0; m.command = 0; m.sequence = 0; m.ordinal = 0; m.executed = 0;
  m.executed_sequence = 0; m.response = 0; m.answer = 0
}

inline clear_backend() {
  B.known = 0; B.xenbus = 0; B.connected = 0; B.sequenced = 0; B.handle = 0; B.port = 0; B.ordinal = 0; B.serve = 0;
  B.connect = 0
}

/* Oracle 2: the response in the page is that of the command that waits, as its device gave it, and comes once. */
inline take_response() {
  if
  :: G.sequenced && RING.response != G.sequence
  :: else ->
    G.busy = false;
    assert(G.answered != G.issued);
    assert(G.published == G.issued && G.published_executed);
    assert(RING.answer && RING.payload == G.issued);
    G.answered = G.issued;
    G.request = ANSWERED
  fi
}

/* What the bus calls when the other end has changed its state. */
inline otherend_changed() {
  if
  :: (S.back == CONNECTED || S.back == INITIALISED) && G.connection == READY ->
    G.sequenced = S.back_feature;
    if
    :: G.sequenced -> assert(S.executed == G.sequence || (G.busy && S.executed + 1 == G.sequence))
    :: else
    fi;
    switch_front(CONNECTED);
    G.connection = LINKED;
    G.held = false;
    if
    :: G.busy -> assert(G.sequenced); G.transmit = 1
    :: else
    fi
  :: (S.back == CLOSING || S.back == CLOSED) && G.connection != SHUT ->
    G.connection = SHUT; switch_front(CLOSED)
  :: else
  fi
}

inline reconnect() {
  G.connection = DETACHED; G.xenbus = INITIALISING; G.watched = 0; G.transmit = 0;
  if
  :: G.page != 0 -> clear(RING)
  :: else
  fi;
  G.submitted = false; G.port = false; G.connect = 1
}

/* A transmission holds a spinlock: nothing else of the guest runs meanwhile. */
#define HERE (domain[s] == RUNNING && G.transmit == 0)

proctype Guest(byte s) {
  byte event;
end:
  do
  /* user */
  :: d_step { HERE && !G.done && !G.frozen && G.request != WAITING && G.connection == LINKED && !G.busy && !G.held ->
      if
      :: G.position == COMMANDS -> G.done = true
      :: else ->
        G.position++; G.request = WAITING; G.issued++;
        if
        :: G.sequenced -> G.sequence++
        :: else -> G.sequence = 0
        fi;
        G.busy = true; G.submitted = false; G.command = G.position; G.transmit = 1
      fi }
  /* tpmfront: transmit */
  :: d_step { domain[s] == RUNNING && G.transmit == 1 ->
      RING.payload = G.command; RING.answer = false;
      if
      :: G.sequenced -> RING.request = G.sequence
      :: else
      fi;
      G.transmit = 2 }
  :: d_step { domain[s] == RUNNING && G.transmit == 2 -> RING.state = SUBMIT; G.submitted = true; G.transmit = 3 }
  :: d_step { domain[s] == RUNNING && G.transmit == 3 ->
      if
      :: channel[s] == INTERDOMAIN -> B.pending = true
      :: else
      fi;
      G.transmit = 0 }
  /* tpmfront: interrupt */
  :: d_step { HERE && G.port && pending[s] ->
      pending[s] = false;
      if
      :: G.busy && G.submitted && RING.state == FINISH -> take_response()
      :: G.busy && G.submitted && RING.state == IDLE -> assert(false)
      :: else
      fi }
  /* xenwatch */
  :: d_step { HERE && G.kernel == 0 && !G.store_suspended && nempty(events[s]) ->
      events[s]?event;
      if
      :: event == E_SHUTDOWN && S.shutdown == SUSPEND -> G.kernel = 1
      :: event == E_SHUTDOWN && S.shutdown != SUSPEND
      :: event != E_SHUTDOWN && event == G.watched -> otherend_changed()
      :: event != E_SHUTDOWN && event != G.watched
      fi;
      event = 0 }
  /* kernel */
  :: d_step { HERE && G.kernel == 1 ->
      if
      :: S.shutdown == SUSPEND -> S.shutdown = EMPTY; post(events[s], E_SHUTDOWN); G.kernel = 2
      :: else -> G.kernel = 0
      fi }
  :: d_step { HERE && G.kernel == 2 -> G.frozen = true; G.kernel = 3 }
  :: d_step { HERE && G.kernel == 3 ->
      if
      :: !G.sequenced -> G.held = true
      :: else
      fi;
      G.kernel = 4 }
  :: d_step { HERE && G.kernel == 4 && G.connect == 0 && (G.sequenced || !G.busy) -> G.store_suspended = true; G.kernel = 5 }
  :: d_step { HERE && G.kernel == 5 -> domain[s] = SUSPENDED; G.kernel = 6 }
  :: d_step { HERE && G.kernel == 6 -> G.kernel = 7 }
  :: d_step { HERE && G.kernel == 7 ->
      G.store_suspended = false;
      if
      :: !cancelled[s] ->
        if
        :: G.watched != 0 -> post(events[s], G.watched)
        :: else
        fi;
        post(events[s], E_SHUTDOWN)
      :: else
      fi;
      G.kernel = 8 }
  :: d_step { HERE && G.kernel == 8 ->
      if
      :: cancelled[s] -> G.held = false
      :: else -> reconnect()
      fi;
      G.kernel = 9 }
  :: d_step { HERE && G.kernel == 9 -> G.frozen = false; G.kernel = 0 }
  /* tpmfront: connect */
  :: d_step { HERE && G.connect == 1 && !G.store_suspended ->
      G.connection = PUBLISHING; G.xenbus = INITIALISING; G.connect = 2 }
  :: d_step { HERE && G.connect == 2 ->
      G.page = 3 - G.page; clear(RING); G.submitted = false; G.port = true; channel[s] = UNBOUND; G.connect = 3 }
  :: d_step { HERE && G.connect == 3 && !G.store_suspended ->
      S.ring_ref = G.page; S.front_feature = true; G.connect = 4 }
  :: d_step { HERE && G.connect == 4 && !G.store_suspended -> switch_front(INITIALISED); G.connect = 5 }
  :: d_step { HERE && G.connect == 5 && !G.store_suspended -> G.watched = s + 1; post(events[s], s + 1); G.connect = 0 }
  od
}

inline disconnect() {
  B.serve = 0; B.connect = 0; B.handle = 0; B.connected = false;
  if
  :: B.port -> channel[s] = UNBOUND; B.port = false; B.pending = false
  :: else
  fi
}

proctype Tpmback(byte s) {
end:
  do
  /* watches */
  :: d_step { nempty(backend_events[s]) ->
      do
      :: nempty(backend_events[s]) -> backend_events[s]?_
      :: empty(backend_events[s]) -> break
      od;
      if
      :: !B.known && S.back == CLOSING -> switch_back(CLOSED)
      :: !B.known && S.back != CLOSING && S.back != GONE && S.back != CLOSED ->
        B.known = true; S.back_feature = true; switch_back(INITWAIT); B.watches_front = true;
        post(backend_events[s], E_FRONT)
      :: !B.known && (S.back == GONE || S.back == CLOSED)
      :: B.known && S.back == GONE -> disconnect(); B.watches_front = false; clear_backend()
      :: B.known && S.back != GONE ->
        if
        :: (S.back == CLOSING && B.xenbus != CLOSING) || S.front == CLOSED || (S.front == GONE && B.connected) ->
          disconnect(); switch_back(CLOSED)
        :: else ->
          if
          :: S.front == CLOSING -> switch_back(CLOSING)
          :: (S.front == INITIALISED || S.front == CONNECTED) && !B.connected && B.connect == 0 && B.xenbus == INITWAIT ->
            B.connect = 1
          :: else
          fi
        fi
      fi }
  /* interrupt */
  :: d_step { B.port && B.pending && B.serve == 0 && B.connect == 0 ->
      B.pending = false;
      if
      :: MAPPED.state == SUBMIT -> B.serve = 1
      :: else
      fi }
  /* serve */
  :: d_step { B.serve == 1 && !D.busy ->
      if
      :: B.handle == 0 || MAPPED.state != SUBMIT -> B.serve = 0
      :: else ->
        B.ordinal = G.issued;
        if
        :: B.sequenced && MAPPED.request == D.executed_sequence -> B.serve = 3
        :: else ->
          assert(!B.sequenced || MAPPED.request == D.executed_sequence + 1);
          D.command = MAPPED.payload; D.sequence = (B.sequenced -> MAPPED.request : 0);
          B.serve = 2
        fi
      fi }
  :: d_step { B.serve == 2 -> D.busy = true; D.numbered = B.sequenced; D.ordinal = B.ordinal; B.serve = 3 }
  :: d_step { B.serve == 3 && !D.busy ->
      if
      :: B.handle == 0 -> B.serve = 0
      :: else ->
        MAPPED.payload = D.response; MAPPED.answer = true;
        if
        :: B.sequenced -> MAPPED.response = D.executed_sequence
        :: else
        fi;
        B.serve = 4
      fi }
  :: d_step { B.serve == 4 ->
      if
      :: B.handle == 0 -> B.serve = 0
      :: else ->
        MAPPED.state = FINISH;
        if
        :: EXISTS -> G.published = B.ordinal; G.published_executed = (D.answer == B.ordinal)
        :: else
        fi;
        B.serve = 5
      fi }
  :: d_step { B.serve == 5 ->
      if
      :: channel[s] == INTERDOMAIN -> pending[s] = true
      :: else
      fi;
      B.serve = 0 }
  /* connect */
  :: d_step { B.connect == 1 ->
      B.sequenced = S.front_feature;
      if
      :: S.ring_ref == 0 -> B.connect = 0
      :: else -> B.handle = S.ring_ref; B.connect = 2
      fi }
  :: d_step { B.connect == 2 ->
      if
      :: channel[s] == UNBOUND -> channel[s] = INTERDOMAIN; B.port = true; B.pending = true; B.connect = 3
      :: else -> B.connect = 0
      fi }
  :: d_step { B.connect == 3 && (!B.sequenced || !D.busy) ->
      if
      :: B.sequenced -> S.executed = D.executed_sequence
      :: else
      fi;
      B.connect = 4 }
  :: d_step { B.connect == 4 -> S.ready = true; B.connect = 5 }
  :: d_step { B.connect == 5 ->
      B.connected = true; switch_back(CONNECTED);
      if
      :: MAPPED.state == FINISH && channel[s] == INTERDOMAIN -> pending[s] = true
      :: else
      fi;
      B.connect = 0 }
  od
}

/* The TPM: effect, number and response in one step. Oracle 1: all that was issued, or all but the last, and in order. */
proctype Tpm(byte s) {
end:
  do
  :: d_step { D.busy ->
      assert(D.command == D.executed + 1);
      D.executed = D.command; D.response = D.command; D.executed_sequence = D.sequence; D.busy = false;
      if
      :: EXISTS -> assert(D.executed == G.issued || D.executed + 1 == G.issued); D.answer = D.ordinal
      :: else
      fi }
  od
}

proctype Toolstack() {
  byte s = 0;
end:
  do
  :: d_step { toolstack == 1 -> S.shutdown = SUSPEND; post(events[0], E_SHUTDOWN); toolstack = 2 }
  :: d_step { toolstack == 2 && S.shutdown == EMPTY -> toolstack = 3 }
#ifdef CANCEL
  :: d_step { toolstack == 3 && domain[0] == SUSPENDED -> toolstack = 4 }
  :: d_step { toolstack == 4 -> cancelled[0] = true; domain[0] = RUNNING; toolstack = 14 }
#else
  :: d_step { toolstack == 3 && domain[0] == SUSPENDED -> toolstack = 4 }
  :: d_step { toolstack == 4 -> copy_memory(memory_image, guest[0]); toolstack = 5 }
  :: d_step { toolstack == 5 && !device[0].busy -> copy_device(device_image, device[0]); toolstack = 6 }
  :: d_step { toolstack == 6 -> domain[1] = PAUSED; store[1].shutdown = EMPTY; toolstack = 7 }
  :: d_step { toolstack == 7 -> copy_memory(guest[1], memory_image); toolstack = 8 }
  :: d_step { toolstack == 8 -> copy_device(device[1], device_image); toolstack = 9 }
  :: d_step { toolstack == 9 ->
      store[1].front = INITIALISING; store[1].back = INITIALISING; backend_events[1]!E_OWN; toolstack = 10 }
  :: d_step { toolstack == 10 && store[1].back == INITWAIT -> toolstack = 11 }
  :: d_step { toolstack == 11 ->
      /* Oracles 4 and 5. */
      assert(device_image.executed == memory_image.published ||
        (device_image.executed == memory_image.published + 1 && device_image.numbered));
      assert(domain[0] != RUNNING);
      domain[1] = RUNNING; clear_memory(memory_image); clear_device(device_image); toolstack = 12 }
  :: d_step { toolstack == 12 ->
      if
      :: S.back != GONE && S.back != CLOSED ->
        S.front = GONE; S.ring_ref = 0; S.front_feature = false; front_changed(); S.back = CLOSING; back_changed()
      :: else
      fi;
      toolstack = 13 }
  :: d_step { toolstack == 13 && (S.back == GONE || S.back == CLOSED) ->
      S.back = GONE; S.back_feature = false; S.executed = NO_NUMBER; S.ready = false; S.shutdown = GONE;
      post(backend_events[0], E_OWN); channel[0] = 0; pending[0] = false;
      do
      :: nempty(events[0]) -> events[0]?_
      :: empty(events[0]) -> break
      od;
      domain[0] = FREE; clear_memory(guest[0]); clear_device(device[0]); toolstack = 14 }
#endif
  /* Oracle 3: where nothing can happen any more, everything is done, and all that was issued was executed. */
  :: timeout ->
    d_step {
      assert(toolstack == 14);
#ifdef CANCEL
      assert(guest[0].done && guest[0].kernel == 0 && device[0].executed == COMMANDS && guest[0].answered == COMMANDS);
#else
      assert(guest[1].done && guest[1].kernel == 0 && device[1].executed == COMMANDS && guest[1].answered == COMMANDS);
#endif
      toolstack = 15 };
    break
  od
}

/* Both ends are connected, and nothing was issued yet. */
init {
  d_step {
    domain[0] = RUNNING; channel[0] = INTERDOMAIN;
    guest[0].connection = LINKED; guest[0].xenbus = CONNECTED; guest[0].sequenced = true; guest[0].page = 1;
    guest[0].port = true; guest[0].watched = 1;
    store[0].shutdown = EMPTY; store[0].front = CONNECTED; store[0].ring_ref = 1; store[0].front_feature = true;
    store[0].back = CONNECTED; store[0].back_feature = true; store[0].ready = true;
    store[1].executed = NO_NUMBER;
    backend[0].known = true; backend[0].xenbus = CONNECTED; backend[0].connected = true; backend[0].sequenced = true;
    backend[0].handle = 1; backend[0].port = true; backend[0].watches_front = true
  }
  atomic {
    run Guest(0); run Guest(1); run Tpmback(0); run Tpmback(1); run Tpm(0); run Tpm(1); run Toolstack()
  }
}
