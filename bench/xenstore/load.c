/*
 * The load client of the xenstore benchmark: one process, any number of socket connections, epoll, and for each
 * connection a fixed number of requests under way. The same program drives every daemon.
 *
 *   load SOCKET MODE CLIENTS DEPTH MILLISECONDS [NODES FANOUT FIRST]
 *
 * MODE   setup  creates the nodes the other modes use
 *        read   READ of the connection's own node         write  WRITE of it
 *        tx     TRANSACTION_START, 10 WRITEs, TRANSACTION_END; again from the start after EAGAIN
 *        watch  one connection writes, another watches: from sending the WRITE to the arrival of the event
 *        fill   creates the nodes from FIRST up to NODES
 *        replace  RM of a node, then WRITE of it
 * NODES  read, write and replace take nodes at random from so many that fill has made, FANOUT of them in a directory
 * DEPTH  requests under way at once (tx: within the transaction)
 * MILLISECONDS  when to stop asking; what is under way then is waited for, and counts
 *
 * Prints one line: operations, seconds, commits refused, nanoseconds of median and 99th percentile of one operation,
 * nanoseconds of processor time of the process that listens (from /proc). An operation is a request, a whole transaction, or an event.
 *
 * Requests that are ready together are sent with one call, replies taken with one call; libxenstore uses two and more.
 * Anything unexpected ends the program with a message and status 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ = 2, WATCH = 4, TRANSACTION_START = 6, TRANSACTION_END = 7, WRITE = 11, RM = 13, WATCH_EVENT = 15, ERROR = 16 };
enum { HEADER = 16, PAYLOAD_MAX = 4096, WRITES = 10, DEPTH_MAX = 64, CLIENTS_MAX = 1000, SAMPLES_MAX = 1 << 20, PATIENCE = 60000 };

struct frame {
  uint32_t type, request, transaction, length;
};

enum step { IDLE, STARTING, WRITING, ENDING };

struct client {
  int fd, number;
  uint32_t sent, answered, transaction; /* requests so far; replies come in their order */
  uint64_t when[DEPTH_MAX], began;      /* ring of times by request; start of the transaction */
  enum step step;
  int written; /* WRITEs of this transaction that were sent */
  size_t in, out;
  char removed[200];
  char input[1 << 16], output[1 << 14];
};

static const char *mode;
static int depth, working, stopping, nodes, fanout, next_node;
static uint32_t chance = 1;
static uint64_t deadline, operations, refused, count;
static uint32_t samples[SAMPLES_MAX];

static void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fprintf(stderr, "load %s: ", mode);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Processor time of all threads of the process at the other end of `fd`, in nanoseconds. */
static uint64_t processor_time(int fd) {
  char path[300];
  uint64_t sum = 0;
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length)) die("peer of the socket: %s", strerror(errno));
  snprintf(path, sizeof path, "/proc/%d/task", peer.pid);
  DIR *tasks = opendir(path);
  if (!tasks) die("%s: %s", path, strerror(errno));
  for (struct dirent *entry; (entry = readdir(tasks));) {
    unsigned long long ns = 0;
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", peer.pid, entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fscanf(file, "%llu", &ns) == 1) sum += ns;
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

static int dial(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (strlen(path) >= sizeof address.sun_path) die("%s: path too long for a socket", path);
  strcpy(address.sun_path, path);
  if (fd < 0 || connect(fd, (void *)&address, sizeof address)) die("%s: %s", path, strerror(errno));
  return fd;
}

static void put(struct client *c, uint32_t type, const char *payload, size_t length) {
  struct frame f = {type, c->sent, c->transaction, length};
  if (c->out + HEADER + length > sizeof c->output) die("output buffer full");
  memcpy(c->output + c->out, &f, HEADER);
  memcpy(c->output + c->out + HEADER, payload, length);
  c->out += HEADER + length;
  c->when[c->sent++ % DEPTH_MAX] = now();
}

static void put_write(struct client *c, const char *path, const char *value) {
  char payload[300];
  int length = snprintf(payload, sizeof payload, "%s%c%s", path, 0, value);
  put(c, WRITE, payload, length);
}

static void flush(struct client *c) {
  if (c->out == 0) return;
  if (send(c->fd, c->output, c->out, MSG_NOSIGNAL) != (ssize_t)c->out) die("send: %s", strerror(errno));
  c->out = 0;
}

static void node_of(const struct client *c, int child, char *path) {
  sprintf(path, "/local/domain/0/bench/%d/state-%d", c->number, child);
}

/* One of many nodes: the next one to be made, or any. */
static void any_node(char *path) {
  int node;
  if (!strcmp(mode, "fill")) {
    node = next_node++;
    if (next_node >= nodes) stopping = 1;
  } else {
    chance = chance * 1664525 + 1013904223;
    node = (uint64_t)chance * nodes >> 32;
  }
  sprintf(path, "/local/domain/0/many-%d/%d/state-%d", fanout, node / fanout, node % fanout);
}

static void done(uint64_t began) {
  uint64_t time = now();
  operations++;
  if (time > deadline && strcmp(mode, "fill")) stopping = 1;
  if (count < SAMPLES_MAX) samples[count++] = time - began < UINT32_MAX ? time - began : UINT32_MAX;
}

/* Puts out as many requests as may be under way. */
static void ask(struct client *c) {
  char path[200], value[40];
  if (strcmp(mode, "tx")) {
    for (; !stopping && c->sent - c->answered < (uint32_t)depth;) {
      if (!strcmp(mode, "replace") && c->sent % 2) strcpy(path, c->removed);
      else if (nodes > 0) any_node(path);
      else node_of(c, 0, path);
      if (!strcmp(mode, "replace") && c->sent % 2 == 0) put(c, RM, strcpy(c->removed, path), strlen(path) + 1);
      else if (!strcmp(mode, "read")) put(c, READ, path, strlen(path) + 1);
      else snprintf(value, sizeof value, "value %010u", c->sent), put_write(c, path, value);
    }
    return;
  }
  if (c->step == IDLE && !stopping) {
    c->transaction = 0;
    c->written = 0;
    c->step = STARTING;
    put(c, TRANSACTION_START, "", 1);
  }
  while (c->step == WRITING && c->sent - c->answered < (uint32_t)depth) {
    if (c->written < WRITES) {
      node_of(c, c->written++, path);
      snprintf(value, sizeof value, "value %010u", c->sent);
      put_write(c, path, value);
    } else {
      put(c, TRANSACTION_END, "T", 2);
      c->step = ENDING;
    }
  }
}

static void answer(struct client *c, const struct frame *f, const char *payload) {
  int again = f->type == ERROR && c->step == ENDING && f->length == 7 && !memcmp(payload, "EAGAIN", 7);
  if (f->type == ERROR && !again) die("%.*s for request %u", (int)f->length, payload, f->request);
  if (f->request != c->answered) die("expected the reply to request %u, found %u", c->answered, f->request);
  uint64_t began = c->when[c->answered++ % DEPTH_MAX];
  if (c->step == IDLE) {
    done(began);
  } else if (c->step == STARTING) {
    c->transaction = strtoul(payload, NULL, 10);
    c->step = WRITING;
    c->began = began;
  } else if (f->type == TRANSACTION_END || again) {
    c->step = IDLE;
    if (again) refused++;
    else done(c->began);
  }
}

/* Takes what has arrived. */
static void take(struct client *c, void (*handle)(struct client *, const struct frame *, const char *)) {
  ssize_t got = recv(c->fd, c->input + c->in, sizeof c->input - c->in, 0);
  if (got <= 0) die("the daemon has closed the connection: %s", got ? strerror(errno) : "end of stream");
  c->in += got;
  size_t at = 0;
  while (c->in - at >= HEADER) {
    struct frame f;
    memcpy(&f, c->input + at, HEADER);
    if (f.length > PAYLOAD_MAX) die("payload of %u bytes", f.length);
    if (c->in - at < HEADER + f.length) break;
    handle(c, &f, c->input + at + HEADER);
    at += HEADER + f.length;
  }
  memmove(c->input, c->input + at, c->in - at);
  c->in -= at;
}

static struct client *open_clients(const char *path, int clients, int poll) {
  struct client *all = calloc(clients, sizeof *all);
  for (int i = 0; i < clients; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    all[i].number = i;
    all[i].fd = dial(path);
    if (epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event)) die("epoll: %s", strerror(errno));
  }
  return all;
}

/* Handles events until nothing is under way any more. */
static void run(int poll) {
  struct epoll_event events[128];
  while (working > 0) {
    int ready = epoll_wait(poll, events, 128, PATIENCE);
    if (ready <= 0) die("no reply within %d seconds", PATIENCE / 1000);
    for (int i = 0; i < ready; i++) {
      struct client *c = events[i].data.ptr;
      take(c, answer);
      ask(c);
      flush(c);
      if (stopping && c->sent == c->answered) working--;
    }
  }
}

static int events_seen;
static uint64_t event_time;
static void watched(struct client *c, const struct frame *f, const char *payload) {
  (void)payload;
  if (f->type == ERROR) die("%.*s", (int)f->length, payload);
  if (f->type == WATCH_EVENT) events_seen++, event_time = now();
  else c->answered++;
}

static void await(int poll, struct client *c, int events) {
  struct epoll_event ready[2];
  while (c->sent != c->answered || events_seen < events) {
    int n = epoll_wait(poll, ready, 2, PATIENCE);
    if (n <= 0) die("no event within %d seconds", PATIENCE / 1000);
    for (int i = 0; i < n; i++) take(ready[i].data.ptr, watched);
  }
}

static void watch(int poll, struct client *c) {
  char node[200], payload[300];
  node_of(c, 0, node);
  put(&c[1], WATCH, payload, sprintf(payload, "%s%ctoken", node, 0) + 1);
  flush(&c[1]);
  await(poll, &c[1], 1);
  while (now() < deadline && count < SAMPLES_MAX) {
    events_seen = 0;
    put_write(c, node, "changed");
    uint64_t began = now();
    flush(c);
    await(poll, c, 1);
    samples[count++] = event_time - began;
    operations++;
  }
}

static void setup(int poll, struct client *c, int clients) {
  char path[200];
  for (int i = 0; i < clients; i++) {
    for (int child = 0; child < WRITES; child++) {
      c->number = i;
      node_of(c, child, path);
      put_write(c, path, "value 0123456789");
      flush(c);
      await(poll, c, 0);
    }
  }
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  mode = argc > 2 ? argv[2] : "";
  if (argc != 6 && argc != 9) die("expected SOCKET MODE CLIENTS DEPTH MILLISECONDS [NODES FANOUT FIRST]");
  if (argc == 9) nodes = atoi(argv[6]), fanout = atoi(argv[7]), next_node = atoi(argv[8]);
  int clients = atoi(argv[3]), poll = epoll_create1(0), setting = !strcmp(mode, "setup"), watching = !strcmp(mode, "watch");
  depth = atoi(argv[4]);
  if (clients < 1 || clients > CLIENTS_MAX || depth < 1 || depth > DEPTH_MAX) die("clients or depth out of range");
  struct client *all = open_clients(argv[1], setting ? 1 : watching ? 2 : clients, poll);
  uint64_t processor = processor_time(all->fd), began = now();
  deadline = began + atoll(argv[5]) * 1000000ull;
  if (setting) setup(poll, all, clients);
  else if (watching) watch(poll, all);
  else {
    working = clients;
    for (int i = 0; i < clients; i++) ask(&all[i]), flush(&all[i]);
    run(poll);
  }
  uint64_t ended = now();
  processor = processor_time(all->fd) - processor;
  qsort(samples, count, sizeof *samples, by_size);
  printf("%llu %.6f %llu %u %u %llu\n", (unsigned long long)operations, (ended - began) / 1e9,
         (unsigned long long)refused, count ? samples[count / 2] : 0, count ? samples[count * 99 / 100] : 0,
         (unsigned long long)processor);
  return 0;
}
