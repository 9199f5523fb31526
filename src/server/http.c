/* http.c - the HTTP library's side: headers, bodies, and sending.
 *
 * The access handler is called for a request when its headers are there, for each piece of its
 * body, when all of it has come, and once more when the connection is resumed. A request that is
 * refused still has its body read (and dropped) up to the limit, so that the client reads the
 * reason rather than a connection that breaks.
 */
#include "server/exchange_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/microhttpd_late.h"

enum {
    HEADER_SECONDS = 30,  /* for a request's headers */
    IDLE_SECONDS = 120,   /* between two requests of a connection, the next's headers included */
    BODY_SECONDS = 30,    /* for a body, and */
    BODY_RATE = 16 << 10, /* bytes that must come each second on the average */
    BODY_SECONDS_MOST = 600,
    CONNECTION_MEMORY = 64 << 10, /* bytes of headers, and of what is sent at a time */
    STREAM_BLOCK = 16 << 10,
    BODIES_AT_ONCE = 4 /* times the limit of one: bodies of all requests together */
};

/* ---- refusing before anything is done -------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void refuse(struct exchange *e, int http,
                                                         const char *code, const char *format, ...)
{
    primer_error error = {0};
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    e->problem = (struct problem){0};
    problem_set(&e->problem, http, code, NULL, PRIMER_EINVAL, &error, "%s", sentence);
    exchange_fail(e, PRIMER_EINVAL, &error);
    e->state = EXCHANGE_ANSWERED;
}

/* Names of headers, by commas. */
static bool plain_names(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_, ";
    return strlen(text) < 2048 && strspn(text, allowed) == strlen(text);
}

static void answer_preflight(struct exchange *e, const char *allowed)
{
    const char *headers = exchange_header(e, "access-control-request-headers");
    char methods[64];
    snprintf(methods, sizeof methods, "%s, OPTIONS", allowed);
    exchange_set_header(e, "Allow", methods, NULL);
    if (exchange_header(e, "origin") != NULL) {
        exchange_set_header(e, "Access-Control-Allow-Methods", methods, NULL);
        exchange_set_header(e, "Access-Control-Max-Age", "86400", NULL);
        if (headers != NULL && plain_names(headers))
            exchange_set_header(e, "Access-Control-Allow-Headers", headers, NULL);
    }
    exchange_answer(e, 204, "", "", 0, NULL);
    e->state = EXCHANGE_ANSWERED;
}

static bool origin_refused(struct exchange *e)
{
    const char *origin = exchange_header(e, "origin");
    if (origin == NULL)
        return false;
    if (!security_origin_allowed(e->http->security, origin, exchange_header(e, "host"))) {
        char shown[128];
        refuse(e, 403, "origin_not_allowed",
               "pages of \"%s\" may not ask this server; --origins lists those that may",
               error_printable(origin, strlen(origin), shown, sizeof shown));
        return true;
    }
    exchange_set_header(e, "Access-Control-Allow-Origin", origin, NULL);
    exchange_set_header(e, "Access-Control-Expose-Headers", "x-request-id", NULL);
    exchange_set_header(e, "Vary", "Origin", NULL);
    return false;
}

static void find_route(struct exchange *e)
{
    const char *rest = NULL;
    char allowed[48], shown[128];
    e->route = route_find(e->method, e->path, &rest, allowed, sizeof allowed);
    error_printable(e->path, strlen(e->path), shown, sizeof shown);
    if (e->route != NULL) {
        e->rest = memory_copy_text(rest);
    } else if (allowed[0] == '\0') {
        refuse(e, 404, NULL, "there is nothing at %s", shown);
    } else if (strcmp(e->method, "OPTIONS") == 0) {
        answer_preflight(e, allowed);
    } else {
        exchange_set_header(e, "Allow", allowed, NULL);
        refuse(e, 405, NULL, "%s doesn't take %.16s, but %s", shown, e->method, allowed);
    }
}

static size_t announced_length(const struct exchange *e)
{
    const char *text = exchange_header(e, "content-length");
    return text == NULL ? 0 : (size_t)strtoull(text, NULL, 10);
}

static enum MHD_Result count_hosts(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind, (void)value;
    size_t *const count = context;
    *count += strcasecmp(name, "host") == 0;
    return MHD_YES;
}

/* Everything that can be said by the headers alone. */
static void examine(struct exchange *e)
{
    const struct security *security = e->http->security;
    const char *host = exchange_header(e, "host");
    size_t hosts = 0;
    MHD_get_connection_values(e->connection, MHD_HEADER_KIND, count_hosts, &hosts);
    if (hosts > 1) { /* RFC 9112, section 3.2: which one is meant is anybody's guess */
        refuse(e, 400, NULL, "Host is there %zu times, expected once", hosts);
        return;
    }
    if (!security_host_allowed(security, host)) {
        char shown[128];
        refuse(e, 403, "host_not_allowed",
               "Host is \"%s\", expected a local name or address: this server listens to its own "
               "machine only",
               error_printable(host, strlen(host), shown, sizeof shown));
        return;
    }
    if (origin_refused(e))
        return;
    find_route(e);
    if (e->state != EXCHANGE_READING)
        return;
    if ((e->route->flags & ROUTE_OPEN) == 0 &&
        !security_key_valid(security, exchange_header(e, "authorization"),
                            exchange_header(e, "x-api-key"))) {
        exchange_set_header(e, "WWW-Authenticate", "Bearer", NULL);
        refuse(e, 401, "invalid_api_key",
               "a key is needed, as \"Authorization: Bearer KEY\" or \"x-api-key: KEY\"");
    }
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void refuse_large(struct exchange *e)
{
    const size_t most = e->http->server->options.body_most;
    e->too_large = true;
    refuse(e, 413, NULL, "the request body is larger than %zu bytes", most);
}

/* Takes a piece of a body; false: the connection is to be closed. */
static bool take_piece(struct exchange *e, const char *bytes, size_t length)
{
    struct http *http = e->http;
    const size_t most = http->server->options.body_most;
    if (e->state == EXCHANGE_READING && length > most - e->body.length)
        refuse_large(e);
    if (e->state == EXCHANGE_READING &&
        atomic_load(&http->body_bytes) + length > BODIES_AT_ONCE * most)
        refuse(e, 503, NULL, "the requests that are being read are too large together");
    if (e->state != EXCHANGE_READING || strcmp(e->route->method, "GET") == 0) {
        e->dropped += length; /* nobody will look at it */
        return e->dropped <= most;
    }
    if (buffer_append(&e->body, bytes, length, NULL) != PRIMER_OK) {
        refuse(e, 503, NULL, "no memory for the request body");
        return true;
    }
    atomic_fetch_add(&http->body_bytes, length);
    e->reserved += length;
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

static ssize_t read_stream(void *context, uint64_t position, char *out, size_t most)
{
    (void)position;
    struct exchange *e = context;
    ssize_t result = 0;
    pthread_mutex_lock(&e->lock);
    const size_t waiting = e->stream.length - e->sent, taken = waiting < most ? waiting : most;
    if (taken > 0) {
        memcpy(out, e->stream.bytes + e->sent, taken);
        e->sent += taken;
        e->taken_bytes += taken;
        result = (ssize_t)taken;
        pthread_cond_signal(&e->room);
    } else if (e->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        e->suspended = true;
        MHD_suspend_connection(e->connection);
    }
    pthread_mutex_unlock(&e->lock);
    return result;
}

static struct MHD_Response *compose(struct exchange *e)
{
    struct MHD_Response *response;
    if (e->state == EXCHANGE_STREAMING)
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, e, NULL);
    else
        response = MHD_create_response_from_buffer(e->answer.length,
                                                   e->answer.bytes == NULL ? "" : e->answer.bytes,
                                                   MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return NULL;
    if (e->type[0] != '\0')
        MHD_add_response_header(response, "Content-Type", e->type);
    MHD_add_response_header(response, "x-request-id", e->id);
    for (size_t i = 0; i < e->extra_count; i++)
        MHD_add_response_header(response, e->extra[i].name, e->extra[i].value);
    return response;
}

/* Without the lock, which the library's own is taken before when it reads a stream: what is looked
 * at here doesn't change once there is an answer, or a stream has begun. */
static enum MHD_Result send_answer(struct exchange *e)
{
    struct MHD_Response *response = compose(e);
    if (response == NULL)
        return MHD_NO;
    if (e->state == EXCHANGE_ANSWERED)
        e->taken_bytes = e->answer.length;
    const enum MHD_Result result = MHD_queue_response(e->connection, (unsigned)e->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- what the library calls ------------------------------------------------------------------ */

static struct patience_place *place_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, const char *path,
                             const char *method, void **context)
{
    struct exchange *e = exchange_create(http, connection, method, path);
    if (e == NULL)
        return MHD_NO;
    *context = e;
    atomic_fetch_add(&http->exchanges, 1);
    examine(e);
    const size_t length = announced_length(e);
    if (length > http->server->options.body_most) {
        if (e->state == EXCHANGE_READING)
            refuse_large(e);
        return send_answer(e); /* without reading any of it */
    }
    const bool chunked = exchange_header(e, "transfer-encoding") != NULL;
    const size_t expected = chunked ? http->server->options.body_most : length;
    const double seconds = BODY_SECONDS + (double)expected / BODY_RATE;
    patience_give(http->patience, place_of(connection),
                  seconds < BODY_SECONDS_MOST ? seconds : BODY_SECONDS_MOST);
    return MHD_YES;
}

/* The request is complete: a worker takes it. */
static enum MHD_Result hand_over(struct exchange *e)
{
    const struct server *server = e->http->server;
    struct workers *workers = (e->route->flags & ROUTE_ANSWERS) != 0 ? server->answers
                              : (e->route->flags & ROUTE_LOADS) != 0 ? server->loaders
                                                                     : server->others;
    pthread_mutex_lock(&e->lock);
    e->state = EXCHANGE_WORKING;
    e->suspended = true;
    MHD_suspend_connection(e->connection);
    pthread_mutex_unlock(&e->lock);
    atomic_fetch_add(&e->references, 1);
    if (workers_submit(workers, e))
        return MHD_YES;
    pthread_mutex_lock(&e->lock);
    e->suspended = false;
    MHD_resume_connection(e->connection);
    pthread_mutex_unlock(&e->lock);
    refuse(e, 503, NULL, "too many requests are waiting already; please try again");
    exchange_drop(e);
    return MHD_YES; /* comes again, being resumed */
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_length, void **state)
{
    (void)version;
    struct http *http = context;
    struct exchange *e = *state;
    if (e == NULL)
        return begin(http, connection, path, method, state);
    if (*upload_length > 0) {
        const bool going_on = take_piece(e, upload, *upload_length);
        *upload_length = 0;
        return going_on ? MHD_YES : MHD_NO;
    }
    if (e->state == EXCHANGE_READING) {
        patience_give(http->patience, place_of(connection), 0);
        return hand_over(e);
    }
    pthread_mutex_lock(&e->lock);
    const bool early = e->state == EXCHANGE_WORKING;
    if (early) { /* resumed for nothing */
        e->suspended = true;
        MHD_suspend_connection(connection);
    }
    pthread_mutex_unlock(&e->lock);
    return early ? MHD_YES : send_answer(e);
}

static void complete(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode reason)
{
    (void)reason;
    struct http *http = context;
    struct exchange *e = *state;
    patience_give(http->patience, place_of(connection), IDLE_SECONDS);
    if (e == NULL)
        return;
    *state = NULL;
    pthread_mutex_lock(&e->lock);
    e->closed = true;
    e->descriptor = -1;
    pthread_cond_signal(&e->room);
    pthread_mutex_unlock(&e->lock);
    exchange_drop(e);
}

static void notice(void *context, struct MHD_Connection *connection, void **place,
                   enum MHD_ConnectionNotificationCode code)
{
    struct http *http = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        patience_close(http->patience, *place);
        *place = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *place = info == NULL ? NULL : patience_open(http->patience, (int)info->connect_fd);
    patience_give(http->patience, *place, HEADER_SECONDS);
}

/* Of a path or a query's part, in place; %00, which would cut it short, stays as it is written. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    char *out = text;
    for (const char *in = text; *in != '\0';) {
        const int high = *in == '%' ? hex_digit(in[1]) : -1, low = high < 0 ? -1 : hex_digit(in[2]);
        const bool escaped = low >= 0 && high + low > 0;
        *out++ = escaped ? (char)(high << 4 | low) : *in;
        in += escaped ? 3 : 1;
    }
    *out = '\0';
    return (size_t)(out - text);
}

__attribute__((format(printf, 2, 0))) static void log_library(void *context, const char *format,
                                                              va_list arguments)
{
    (void)context;
    char message[512];
    if (vsnprintf(message, sizeof message, format, arguments) > 0)
        log_message(LOG_DEBUG, "http: %.*s", (int)strcspn(message, "\n"), message);
}

/* ---- starting and stopping ------------------------------------------------------------------- */

primer_status http_start(struct http *http, struct listen *listen, primer_error *error)
{
    const struct server_options *options = &http->server->options;
    /* Not epoll: the library uses it edge-triggered, and where a request's last bytes and the end
     * of its connection come together it never hears of the latter. */
    const unsigned flags =
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    FORWARD(microhttpd_late_load(error));
    for (size_t i = 0; i < listen->count; i++) {
        struct MHD_Daemon *daemon = MHD_start_daemon(
            flags, 0, NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
            MHD_OPTION_LISTEN_SOCKET, listen->sockets[i].descriptor, MHD_OPTION_CONNECTION_LIMIT,
            (unsigned)options->connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
            MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, complete,
            http, MHD_OPTION_NOTIFY_CONNECTION, notice, http, MHD_OPTION_END);
        if (daemon == NULL)
            return error_set(error, PRIMER_EIO, "%s: the HTTP library could not start: %s",
                             listen->sockets[i].address, strerror(errno));
        listen->sockets[i].descriptor = -1; /* the library closes it */
        http->daemons[http->daemon_count++] = daemon;
    }
    return PRIMER_OK;
}

void http_quiesce(struct http *http)
{
    for (size_t i = 0; i < http->daemon_count; i++) {
        const MHD_socket socket = MHD_quiesce_daemon(http->daemons[i]);
        if (socket != MHD_INVALID_SOCKET)
            close(socket);
    }
    patience_end(http->patience);
}

bool http_drain(struct http *http, double seconds)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    const uint64_t start = clock_nanoseconds();
    while (atomic_load(&http->exchanges) > 0) {
        if (clock_seconds_since(start) > seconds)
            return false;
        nanosleep(&moment, NULL);
    }
    return true;
}

void http_stop(struct http *http)
{
    for (size_t i = 0; i < http->daemon_count; i++)
        MHD_stop_daemon(http->daemons[i]);
    http->daemon_count = 0;
}
