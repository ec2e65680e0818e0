/*
 * A program as others write them, on libxenstore: tree, permissions, watches, transactions. It prints what it sees, and
 * no numbers that differ from one correct store to another.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *error_name(void)
{
    switch (errno) {
    case EACCES: return "EACCES";
    case EAGAIN: return "EAGAIN";
    case EBUSY: return "EBUSY";
    case EEXIST: return "EEXIST";
    case EINVAL: return "EINVAL";
    case ENOENT: return "ENOENT";
    case ENOSPC: return "ENOSPC";
    case E2BIG: return "E2BIG";
    default: return strerror(errno);
    }
}

static void result(const char *what, bool done)
{
    printf("%s: %s\n", what, done ? "done" : error_name());
}

static void show_value(struct xs_handle *store, xs_transaction_t transaction, const char *path)
{
    unsigned int length;
    char *value = xs_read(store, transaction, path, &length);
    if (value) printf("%s = \"%s\" (%u bytes)\n", path, value, length);
    else printf("%s: %s\n", path, error_name());
    free(value);
}

/* Sorted: the order of names is up to the store. */
static void show_names(struct xs_handle *store, const char *path)
{
    unsigned int count;
    char **names = xs_directory(store, XBT_NULL, path, &count);
    if (!names) {
        printf("%s: %s\n", path, error_name());
        return;
    }
    qsort(names, count, sizeof *names, by_name);
    printf("%s holds %u:", path, count);
    for (unsigned int i = 0; i < count && i < 4; i++) printf(" %s", names[i]);
    printf("%s\n", count > 4 ? " ..." : "");
    free(names);
}

static void show_permissions(struct xs_handle *store, const char *path)
{
    unsigned int count;
    struct xs_permissions *list = xs_get_permissions(store, XBT_NULL, path, &count);
    if (!list) {
        printf("%s: %s\n", path, error_name());
        return;
    }
    printf("%s may be used by", path);
    for (unsigned int i = 0; i < count; i++) printf(" %c%u", "nrwb"[list[i].perms & 3], list[i].id);
    printf("\n");
    free(list);
}

/* The next event of `store`, or the lack of one. */
static void show_event(struct xs_handle *store)
{
    unsigned int count;
    struct pollfd ready = { .fd = xs_fileno(store), .events = POLLIN };
    if (poll(&ready, 1, 2000) != 1) {
        printf("no event\n");
        return;
    }
    char **event = xs_read_watch(store, &count);
    if (event) printf("event %s, token %s\n", event[XS_WATCH_PATH], event[XS_WATCH_TOKEN]);
    else printf("no event: %s\n", error_name());
    free(event);
}

static void tree(struct xs_handle *store)
{
    char path[64], value[8];
    result("write", xs_write(store, XBT_NULL, "/lib/a/b", "one", 3));
    result("write bytes", xs_write(store, XBT_NULL, "/lib/bytes", "x\0y", 3));
    result("make", xs_mkdir(store, XBT_NULL, "/lib/made"));
    result("make again", xs_mkdir(store, XBT_NULL, "/lib/made"));
    show_value(store, XBT_NULL, "/lib/a/b");
    show_value(store, XBT_NULL, "/lib/bytes");
    show_value(store, XBT_NULL, "/lib/none");
    show_value(store, XBT_NULL, "/lib/bad path");
    show_names(store, "/lib");
    result("remove", xs_rm(store, XBT_NULL, "/lib/a"));
    result("remove what is not there", xs_rm(store, XBT_NULL, "/lib/a"));
    result("remove below nothing", xs_rm(store, XBT_NULL, "/lib/none/x"));
    show_names(store, "/lib");
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "/lib/many/%02d", i);
        snprintf(value, sizeof value, "%d", i);
        if (!xs_write(store, XBT_NULL, path, value, strlen(value))) printf("%s: %s\n", path, error_name());
    }
    show_names(store, "/lib/many");
    char *home = xs_get_domain_path(store, 7);
    printf("home of 7: %s\n", home ? home : error_name());
    free(home);
    printf("7 introduced: %d\n", xs_is_domain_introduced(store, 7));
}

static void permissions(struct xs_handle *store)
{
    struct xs_permissions list[] = {
        { .id = 0, .perms = XS_PERM_NONE },
        { .id = 0, .perms = XS_PERM_READ | XS_PERM_WRITE },
        { .id = 0, .perms = XS_PERM_READ },
    };
    show_permissions(store, "/lib/made");
    result("share", xs_set_permissions(store, XBT_NULL, "/lib/made", list, 3));
    show_permissions(store, "/lib/made");
    result("share nothing", xs_set_permissions(store, XBT_NULL, "/lib/none", list, 1));
    result("make below", xs_mkdir(store, XBT_NULL, "/lib/made/child"));
    show_permissions(store, "/lib/made/child");
}

static void transactions(struct xs_handle *store, struct xs_handle *other)
{
    bool done;
    xs_transaction_t transaction = xs_transaction_start(store);
    result("write inside", xs_write(store, transaction, "/lib/t", "inside", 6));
    show_value(other, XBT_NULL, "/lib/t");
    show_value(store, transaction, "/lib/t");
    done = xs_transaction_end(store, transaction, false);
    result("commit", done);
    show_value(other, XBT_NULL, "/lib/t");

    transaction = xs_transaction_start(store);
    result("write inside", xs_write(store, transaction, "/lib/t", "dropped", 7));
    result("abort", xs_transaction_end(store, transaction, true));
    show_value(other, XBT_NULL, "/lib/t");

    /* Two who count up the same node: one of them must try again. */
    int attempts = 0;
    do {
        transaction = xs_transaction_start(store);
        show_value(store, transaction, "/lib/t");
        if (attempts++ == 0) result("write outside", xs_write(other, XBT_NULL, "/lib/t", "outside", 7));
        result("write inside", xs_write(store, transaction, "/lib/t", "again", 5));
        done = xs_transaction_end(store, transaction, false);
        result("commit", done);
    } while (!done && errno == EAGAIN && attempts < 5);
    show_value(other, XBT_NULL, "/lib/t");
    result("commit twice", xs_transaction_end(store, transaction, false) || errno == ENOENT || errno == EIO);
}

static void watches(struct xs_handle *store, struct xs_handle *other)
{
    result("watch", xs_watch(store, "/lib/w", "first"));
    show_event(store);
    result("watch twice", xs_watch(store, "/lib/w", "first"));
    result("write below", xs_write(other, XBT_NULL, "/lib/w/x", "1", 1));
    show_event(store);
    result("write beside", xs_write(other, XBT_NULL, "/lib/wide", "1", 1));
    result("remove below", xs_rm(other, XBT_NULL, "/lib/w/x"));
    show_event(store);
    result("write of its own", xs_write(store, XBT_NULL, "/lib/w", "2", 1));
    show_event(store);

    xs_transaction_t transaction = xs_transaction_start(other);
    result("write inside", xs_write(other, transaction, "/lib/w/y", "3", 1));
    result("abort", xs_transaction_end(other, transaction, true));
    transaction = xs_transaction_start(other);
    result("write inside", xs_write(other, transaction, "/lib/w/z", "4", 1));
    result("commit", xs_transaction_end(other, transaction, false));
    show_event(store);

    result("watch what never happens", xs_watch(store, "@releaseDomain", "second"));
    show_event(store);
    result("unwatch", xs_unwatch(store, "/lib/w", "first"));
    result("unwatch twice", xs_unwatch(store, "/lib/w", "first"));
    result("write unseen", xs_write(other, XBT_NULL, "/lib/w/x", "5", 1));
    char **event = xs_check_watch(store);
    printf("events left: %s\n", event ? event[XS_WATCH_PATH] : error_name());
    free(event);
}

int main(void)
{
    struct xs_handle *store = xs_open(0), *other = xs_open(0);
    if (!store || !other) {
        perror("xs_open");
        return 1;
    }
    tree(store);
    permissions(store);
    transactions(store, other);
    watches(store, other);
    xs_close(store);
    xs_close(other);
    return 0;
}
