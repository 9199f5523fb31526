/* server.c - starting everything in order, waiting, and stopping it in order.
 *
 *   listen -> keys -> catalog (the only model is loaded at once) -> workers -> http -> ready
 *   stop 1: no new connections; answers may finish for --grace seconds, then every client counts
 *           as gone
 *   stop 2: at once
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
    OTHER_THREADS = 4,
    OTHER_QUEUE = 1024,
    BODY_MOST = 64 << 20
};
#define STALL_SECONDS  60.0
#define FLUSH_SECONDS  2.0 /* for the last bytes of answers to leave */
#define CANCEL_SECONDS 30.0

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
    if (!http_drain(http, CANCEL_SECONDS))
        log_message(LOG_WARN, "some answers could not be ended");
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

static primer_status start_workers(struct server *server, primer_error *error)
{
    FORWARD(workers_create(server->options.parallel, server->options.max_queue, exchange_run,
                           exchange_run_gone, &server->answers, error));
    return workers_create(OTHER_THREADS, OTHER_QUEUE, exchange_run, exchange_run_gone,
                          &server->others, error);
}

primer_status server_run(const struct server_options *options, server_ready *ready, void *context,
                         primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct server server = {.started = clock_wall_seconds()};
    struct listen listen = {.count = 0};
    struct http http = {.server = &server};
    const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return error_set(error, PRIMER_EIO, "eventfd: %s", strerror(errno));
    atomic_store(&stop_descriptor, descriptor);
    TRY(fill_options(options, &server.options, error));
    TRY(open_sockets(&server.options, &listen, error));
    TRY(security_create(server.options.key_file, server.options.origins,
                        listen_loopback_only(&listen), &http.security, error));
    TRY(metrics_create(&server.metrics, error));
    TRY(access_log_create(server.options.access_log, &http.log, error));
    TRY(catalog_create(&server.options, &server.catalog, error));
    TRY(load_first(&server, error));
    TRY(start_workers(&server, error));
    TRY(patience_create(&http.patience, error));
    TRY(http_start(&http, &listen, error));
    tell_ready(&server, &listen, ready, context);
    const uint64_t told = wait_for_stop(descriptor, -1);
    http_quiesce(&http);
    wind_down(&http, descriptor, told, server.options.grace_seconds);

cleanup:
    atomic_store(&http.stopping, true);
    /* Open connections bring requests until http_stop: they are refused, not queued. */
    workers_end(server.answers);
    workers_end(server.others);
    http_drain(&http, FLUSH_SECONDS);
    http_stop(&http);
    workers_free(server.answers);
    workers_free(server.others);
    patience_free(http.patience);
    catalog_free(server.catalog);
    access_log_free(http.log);
    security_free(http.security);
    metrics_free(server.metrics);
    listen_close(&listen);
    atomic_store(&stop_descriptor, -1);
    close(descriptor);
    return status;
}
