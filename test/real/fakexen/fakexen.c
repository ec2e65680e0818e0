/*
 * The hypervisor calls that xenstored and oxenstored of Xen 4.17 make, answered by a test program instead of Xen.
 * Preloaded into the unmodified daemons; nothing of it is used by the programs under test otherwise.
 *
 * $FAKEXEN_DIR holds what a hypervisor would know:
 *   domains     one byte a domain: 0 no such domain, 'r' running, 's' shut down, 'd' dying
 *   page.N      the shared page of domain N (xs_wire.h, struct xenstore_domain_interface)
 *   port        the event channel of domain 0's own page, as /proc/xen/xsd_port would show it
 *   machine     a stream socket the test program listens on: every signal, in either direction, is the daemon's local
 *               port in four bytes
 *   run/        stands for /var/run/xenstored
 *
 * It checks nothing: every grant can be mapped, every port is valid. The daemon ends with the program that started it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#define DOMAINS 64
#define PAGE_BYTES 4096
#define PORT_OF_VIRQ 7
#define PORT_OF_DOMAIN_0 100

static int machine = -1;
/* Handles are opaque to the callers; all of them get this one. */
static char handle[64];

static const char *in_directory(const char *name, char *path, size_t size)
{
    const char *directory = getenv("FAKEXEN_DIR");
    snprintf(path, size, "%s/%s", directory ? directory : ".", name);
    return path;
}

static void *next(const char *symbol)
{
    void *found = dlsym(RTLD_NEXT, symbol);
    if (!found) abort();
    return found;
}

__attribute__((constructor)) static void end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Domains */

static int open_really(const char *path, int flags)
{
    int (*real)(const char *, int, ...) = next("open");
    return real(path, flags | O_CLOEXEC);
}

/* The state of the first domain from `first` on; its number replaces `first`. 0 if there is none. */
static char first_domain(uint32_t *first)
{
    char states[DOMAINS] = { 0 }, path[256];
    int file = open_really(in_directory("domains", path, sizeof path), O_RDONLY);
    if (file < 0) return 0;
    ssize_t known = pread(file, states, sizeof states, 0);
    close(file);
    for (uint32_t id = *first; known > 0 && id < (uint32_t)known; id++) {
        if (!states[id]) continue;
        *first = id;
        return states[id];
    }
    return 0;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *builder, unsigned flags)
{
    return (xc_interface *)handle;
}

int xc_interface_close(xc_interface *xch)
{
    return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned int count, xc_dominfo_t *info)
{
    char state = first_domain(&first);
    if (!state) return 0;
    memset(info, 0, sizeof *info);
    info->domid = first;
    info->running = state == 'r';
    info->shutdown = state == 's';
    info->dying = state == 'd';
    return 1;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int count, xc_domaininfo_t *info)
{
    char state = first_domain(&first);
    if (!state) return 0;
    memset(info, 0, sizeof *info);
    info->domain = first;
    info->flags = state == 'r' ? XEN_DOMINF_running : state == 's' ? XEN_DOMINF_shutdown : XEN_DOMINF_dying;
    return 1;
}

/* Shared pages */

static void *map_page(uint32_t domid)
{
    char name[32], path[256];
    snprintf(name, sizeof name, "page.%u", domid);
    int file = open_really(in_directory(name, path, sizeof path), O_RDWR);
    if (file < 0) return NULL;
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return page == MAP_FAILED ? NULL : page;
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t domid, int size, int protection, unsigned long frame)
{
    return map_page(domid);
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned flags)
{
    return (xengnttab_handle *)handle;
}

int xengnttab_close(xengnttab_handle *xgt)
{
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t count)
{
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t reference, int protection)
{
    void *page = map_page(domid);
    if (!page) errno = EINVAL;
    return page;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t count)
{
    return munmap(start, (size_t)count * PAGE_BYTES);
}

/* Event channels */

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    in_directory("machine", address.sun_path, sizeof address.sun_path);
    machine = socket(AF_UNIX, SOCK_STREAM | (flags & XENEVTCHN_NO_CLOEXEC ? 0 : SOCK_CLOEXEC), 0);
    if (machine < 0 || connect(machine, (struct sockaddr *)&address, sizeof address)) return NULL;
    return (xenevtchn_handle *)handle;
}

xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int file, unsigned flags)
{
    machine = file;
    return (xenevtchn_handle *)handle;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    return machine;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote)
{
    uint32_t found = domid;
    if (first_domain(&found) && found == domid) return PORT_OF_DOMAIN_0 + domid;
    errno = ESRCH;
    return -1;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    return PORT_OF_VIRQ;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    return 0;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    return send(machine, &port, sizeof port, MSG_NOSIGNAL) == sizeof port ? 0 : -1;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    evtchn_port_t port;
    /* Nobody is left to serve. */
    if (recv(machine, &port, sizeof port, MSG_WAITALL) != sizeof port) _exit(0);
    return port;
}

/* Files */

/* What the daemon finds in place of `path`. */
static const char *substitute(const char *path, char *buffer, size_t size)
{
    static const char run[] = "/var/run/xenstored";
    if (!strcmp(path, "/proc/xen/xsd_kva")) return in_directory("page.0", buffer, size);
    if (!strcmp(path, "/proc/xen/xsd_port")) return in_directory("port", buffer, size);
    if (strncmp(path, run, sizeof run - 1)) return path;
    in_directory("run", buffer, size);
    strncat(buffer, path + sizeof run - 1, size - strlen(buffer) - 1);
    return buffer;
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = next("open");
    char buffer[256];
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return real(substitute(path, buffer, sizeof buffer), flags, mode);
}

/* oxenstored, where its state goes from one of its lives to the next. */
int open64(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = next("open64");
    char buffer[256];
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return real(substitute(path, buffer, sizeof buffer), flags, mode);
}

int stat64(const char *path, struct stat64 *status)
{
    int (*real)(const char *, struct stat64 *) = next("stat64");
    char buffer[256];
    return real(substitute(path, buffer, sizeof buffer), status);
}

int bind(int file, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = next("bind");
    struct sockaddr_un other = { .sun_family = AF_UNIX };
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    if (address->sa_family != AF_UNIX) return real(file, address, length);
    const char *place = substitute(path, other.sun_path, sizeof other.sun_path);
    if (place == path) return real(file, address, length);
    return real(file, (struct sockaddr *)&other, sizeof other);
}

int unlink(const char *path)
{
    int (*real)(const char *) = next("unlink");
    char buffer[256];
    return real(substitute(path, buffer, sizeof buffer));
}

int mkdir(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t) = next("mkdir");
    char buffer[256];
    return real(substitute(path, buffer, sizeof buffer), mode);
}

int chmod(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t) = next("chmod");
    char buffer[256];
    return real(substitute(path, buffer, sizeof buffer), mode);
}

/* Limits that only root may raise do not matter to a test. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limits)
{
    return 0;
}
