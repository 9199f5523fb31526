/* server.c - starting everything in order, waiting, and stopping it in order.
 *
 *   listen -> keys -> catalog (the only model is loaded at once) -> workers -> http -> ready
 *   stop 1: no new connections; answers may finish for --grace seconds, then every client counts
 *           as gone
 *   stop 2: at once
 *
 * Whoever uses the engine looks up once a step. Should one not (a disk that hangs while a model is
 * loaded), the server gives up waiting for it: then nothing is freed that it may use, and the
 * process has to end.
 */
#include "server/server.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/http.h"
#include "server/keep_alive.h"

enum {
    PARALLEL = 4,
    MAX_QUEUE = 512,
    MAX_LOADED = 3,
    CONNECTIONS = 1024,
    OTHER_THREADS = 4, /* of those that load, too */
    OTHER_QUEUE = 1024,
    BODY_MOST = 64 << 20
};
#define STALL_SECONDS   60.0
#define FLUSH_SECONDS   2.0 /* for the last bytes of answers to leave */
#define CANCEL_SECONDS  30.0
#define GIVE_UP_SECONDS 5.0 /* after CANCEL_SECONDS in vain */

/* ---- stopping -------------------------------------------------------------------------------- */

/* One server a process: a signal's handler has nothing else to find it by. */
static atomic_int stop_descriptor = -1;

void server_stop(void)
{
    const int descriptor = atomic_load(&stop_descriptor), former = errno;
    const uint64_t one = 1;
    if (descriptor >= 0 && write(descriptor, &one, sizeof one) < 0)
        errno = 0; /* the counter is full: it has been told often enough */
    errno = former;
}

/* Waits until told so often to stop, at most so long (< 0: for ever); returns how often it was. */
static uint64_t wait_for_stop(int descriptor, double seconds)
{
    uint64_t told = 0;
    struct pollfd state = {.fd = descriptor, .events = POLLIN};
    int ready;
    do
        ready = poll(&state, 1, seconds < 0 ? -1 : (int)(seconds * 1000));
    while (ready < 0 && errno == EINTR);
    if (ready > 0 && read(descriptor, &told, sizeof told) != (ssize_t)sizeof told)
        told = 0;
    return told;
}

/* Answers may finish; a second stop, or the end of the time, makes every client count as gone. */
static void wind_down(struct http *http, int descriptor, uint64_t told, double grace)
{
    const uint64_t start = clock_nanoseconds();
    while (told < 2 && !http_drain(http, 0.05) && clock_seconds_since(start) < grace)
        told += wait_for_stop(descriptor, 0);
    atomic_store(&http->stopping, true);
    if (http_drain(http, FLUSH_SECONDS))
        return;
    patience_shut(http->patience); /* who doesn't read what was sent isn't waited for */
    http_drain(http, CANCEL_SECONDS);
}

/* ---- options --------------------------------------------------------------------------------- */

static primer_status fill_options(const struct server_options *given, struct server_options *o,
                                  primer_error *error)
{
    *o = *given;
    o->parallel = o->parallel == 0 ? PARALLEL : o->parallel;
    o->max_queue = o->max_queue == 0 ? MAX_QUEUE : o->max_queue;
    o->max_loaded = o->max_loaded == 0 ? MAX_LOADED : o->max_loaded;
    o->connections = o->connections == 0 ? CONNECTIONS : o->connections;
    o->body_most = o->body_most == 0 ? BODY_MOST : o->body_most;
    o->stall_seconds = o->stall_seconds <= 0 ? STALL_SECONDS : o->stall_seconds;
    o->keep_alive = o->keep_alive == NULL ? "5m" : o->keep_alive;
    if (keep_alive_option(o->keep_alive, &o->keep_alive_nanoseconds, error) != PRIMER_OK) {
        error_prefix(error, "keep-alive");
        return PRIMER_EINVAL;
    }
    return PRIMER_OK;
}

static primer_status open_sockets(const struct server_options *o, struct listen *listen,
                                  primer_error *error)
{
    FORWARD(listen_inherit(listen, o->listen_fds, o->listen_pid, error));
    if (listen->count == 0)
        FORWARD(listen_open(listen, o->host, o->port, SERVER_PORT, error));
    if (listen_loopback_only(listen) || o->key_file != NULL || o->insecure)
        return PRIMER_OK;
    const char *address = listen->sockets[0].address;
    for (size_t i = 0; i < listen->count; i++)
        if (!listen->sockets[i].loopback)
            address = listen->sockets[i].address;
    error_set(error, PRIMER_EINVAL,
              "%s can be reached by other machines: name a file of keys (--api-key-file FILE), or "
              "say that anybody may ask (--insecure)",
              address);
    listen_close(listen);
    return PRIMER_EINVAL;
}

/* ---- running --------------------------------------------------------------------------------- */

void server_load(struct server *server, size_t *waiting, size_t *running)
{
    workers_count(server->answers, waiting, running);
}

/* Whether the only model can be opened is better known now than at the first request. */
static primer_status load_first(struct server *server, primer_error *error)
{
    struct catalog_use use;
    if (catalog_at(server->catalog, 0) == NULL)
        return error_set(error, PRIMER_EINVAL, "no model was named: primer serve FILE.gguf");
    if (catalog_at(server->catalog, 1) != NULL)
        return PRIMER_OK;
    FORWARD(catalog_use(server->catalog, NULL, NULL, NULL, NULL, &use, error));
    catalog_end_use(server->catalog, &use, CATALOG_KEEP_DEFAULT);
    return PRIMER_OK;
}

static void tell_ready(struct server *server, const struct listen *listen, server_ready *ready,
                       void *context)
{
    enum { NAMES_MOST = 64 };
    const char *addresses[LISTEN_MOST], *names[NAMES_MOST];
    size_t count = 0;
    for (size_t i = 0; i < listen->count; i++)
        addresses[i] = listen->sockets[i].address;
    for (; count < NAMES_MOST && catalog_at(server->catalog, count) != NULL; count++)
        names[count] = catalog_at(server->catalog, count)->name;
    if (ready != NULL)
        ready(context, addresses, listen->count, names, count);
}

/* ---- all of it ------------------------------------------------------------------------------- */

struct parts {
    struct server server;
    struct http http;
    struct listen listen;
    int descriptor; /* is told to stop; -1: none */
};

static primer_status make_parts(struct parts **parts, primer_error *error)
{
    struct parts *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the server", sizeof *made);
    made->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made->descriptor < 0) {
        memory_free(made);
        return error_set(error, PRIMER_EIO, "eventfd: %s", strerror(errno));
    }
    made->server.started = clock_wall_seconds();
    made->http.server = &made->server;
    *parts = made;
    return PRIMER_OK;
}

static primer_status start(const struct server_options *options, struct parts *p,
                           primer_error *error)
{
    struct server *server = &p->server;
    struct server_options *o = &server->options;
    FORWARD(fill_options(options, o, error));
    FORWARD(open_sockets(o, &p->listen, error));
    FORWARD(security_create(o->key_file, o->origins, listen_loopback_only(&p->listen),
                            &p->http.security, error));
    FORWARD(metrics_create(&server->metrics, error));
    FORWARD(access_log_create(o->access_log, &p->http.log, error));
    FORWARD(catalog_create(o, &server->catalog, error));
    FORWARD(load_first(server, error));
    FORWARD(workers_create(o->parallel, o->max_queue, exchange_run, exchange_run_gone,
                           &server->answers, error));
    FORWARD(workers_create(OTHER_THREADS, OTHER_QUEUE, exchange_run, exchange_run_gone,
                           &server->loaders, error));
    FORWARD(workers_create(OTHER_THREADS, OTHER_QUEUE, exchange_run, exchange_run_gone,
                           &server->others, error));
    FORWARD(patience_create(&p->http.patience, error));
    return http_start(&p->http, &p->listen, error);
}

/* False: somebody still uses them. */
static bool free_parts(struct parts *p)
{
    struct server *server = &p->server;
    atomic_store(&stop_descriptor, -1);
    atomic_store(&p->http.stopping, true);
    /* Open connections bring requests until http_stop: they are refused, not queued. */
    if (!workers_end(server->answers, GIVE_UP_SECONDS) ||
        !workers_end(server->loaders, GIVE_UP_SECONDS) ||
        !workers_end(server->others, GIVE_UP_SECONDS))
        return false;
    http_drain(&p->http, FLUSH_SECONDS);
    http_stop(&p->http);
    workers_free(server->answers);
    workers_free(server->loaders);
    workers_free(server->others);
    patience_free(p->http.patience);
    catalog_free(server->catalog);
    access_log_free(p->http.log);
    security_free(p->http.security);
    metrics_free(server->metrics);
    listen_close(&p->listen);
    close(p->descriptor);
    memory_free(p);
    return true;
}

primer_status server_run(const struct server_options *options, server_ready *ready, void *context,
                         primer_error *error)
{
    struct parts *parts = NULL;
    FORWARD(make_parts(&parts, error));
    atomic_store(&stop_descriptor, parts->descriptor);
    const primer_status status = start(options, parts, error);
    if (status == PRIMER_OK) {
        tell_ready(&parts->server, &parts->listen, ready, context);
        const uint64_t told = wait_for_stop(parts->descriptor, -1);
        http_quiesce(&parts->http);
        wind_down(&parts->http, parts->descriptor, told, parts->server.options.grace_seconds);
    }
    if (!free_parts(parts))
        return error_set(error, PRIMER_ECANCELED, "an answer did not end; it was left behind");
    return status;
}
