/* exchange.c - the worker's side of a request: what was asked, the answer, the stream. */
#include "server/exchange_internal.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/json_body.h"
#include "server/json_dump.h"

/* ---- making and giving back ------------------------------------------------------------------ */

static enum MHD_Result copy_value(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    char small[128];
    const size_t length = strlen(name);
    if (length >= sizeof small)
        return MHD_YES; /* no name that is asked for */
    for (size_t i = 0; i <= length; i++)
        small[i] = (char)tolower((unsigned char)name[i]);
    const char *text = value == NULL ? "" : value;
    json_object_set_new_nocheck(context, small, json_stringn_nocheck(text, strlen(text)));
    return MHD_YES;
}

static bool usable_id(const char *id)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._:-";
    return id != NULL && *id != '\0' && strlen(id) < EXCHANGE_ID_BYTES &&
           strspn(id, allowed) == strlen(id);
}

static void choose_id(struct exchange *e)
{
    const char *given = exchange_header(e, "x-request-id");
    if (usable_id(given)) {
        strcpy(e->id, given);
        return;
    }
    uint64_t number = e->started;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number ^= (uint64_t)(uintptr_t)e;
    snprintf(e->id, sizeof e->id, "req-%016llx", (unsigned long long)number);
}

static void note_client(struct exchange *e)
{
    char port[8];
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(e->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const socklen_t size = info != NULL && info->client_addr->sa_family == AF_INET6
                               ? sizeof(struct sockaddr_in6)
                               : sizeof(struct sockaddr_in);
    if (info == NULL || getnameinfo(info->client_addr, size, e->client, sizeof e->client, port,
                                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(e->client, sizeof e->client, "unknown");
    info = MHD_get_connection_info(e->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    e->descriptor = info == NULL ? -1 : (int)info->connect_fd;
}

static void destroy(struct exchange *e)
{
    memory_free(e->method);
    memory_free(e->path);
    memory_free(e->rest);
    json_decref(e->headers);
    json_decref(e->query);
    json_decref(e->object);
    buffer_free(&e->body);
    buffer_free(&e->answer);
    buffer_free(&e->stream);
    for (size_t i = 0; i < e->extra_count; i++) {
        memory_free(e->extra[i].name);
        memory_free(e->extra[i].value);
    }
    atomic_fetch_sub(&e->http->body_bytes, e->reserved);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->room);
    memory_free(e);
}

struct exchange *exchange_create(struct http *http, struct MHD_Connection *connection,
                                 const char *method, const char *path)
{
    struct exchange *e = memory_allocate(1, sizeof *e);
    if (e == NULL)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->room, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_init(&e->references, 1);
    e->http = http;
    e->connection = connection;
    e->started = clock_nanoseconds();
    e->status = 200;
    e->dialect = dialect_of_path(path);
    e->method = memory_copy_text(method);
    e->path = memory_copy_text(path);
    e->headers = json_object();
    e->query = json_object();
    if (e->method == NULL || e->path == NULL || e->headers == NULL || e->query == NULL) {
        destroy(e);
        return NULL;
    }
    MHD_get_connection_values(connection, MHD_HEADER_KIND, copy_value, e->headers);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, copy_value, e->query);
    choose_id(e);
    note_client(e);
    return e;
}

static void record(struct exchange *e)
{
    const struct server_options *options = &e->http->server->options;
    const double seconds = clock_seconds_since(e->started);
    const struct access_line line = {.id = e->id,
                                     .client = e->client,
                                     .method = e->method,
                                     .path = e->path,
                                     .model = e->model,
                                     .http = e->status,
                                     .request_bytes = e->body.length,
                                     .answer_bytes = e->taken_bytes,
                                     .prompt_tokens = e->prompt_tokens,
                                     .answer_tokens = e->answer_tokens,
                                     .queue_seconds = e->queued,
                                     .seconds = seconds,
                                     .problem = e->message,
                                     .body = options->log_prompts ? e->body.bytes : NULL};
    metrics_request(e->http->server->metrics, e->route == NULL ? "none" : e->route->pattern,
                    e->status, e->model, seconds);
    access_log_write(e->http->log, &line);
}

void exchange_drop(struct exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->references, 1) != 1)
        return;
    struct http *http = exchange->http;
    record(exchange);
    destroy(exchange);
    atomic_fetch_sub(&http->exchanges, 1);
}

/* ---- the request ----------------------------------------------------------------------------- */

struct server *exchange_server(struct exchange *exchange)
{
    return exchange->http->server;
}

const char *exchange_method(const struct exchange *exchange)
{
    return exchange->method;
}

const char *exchange_path(const struct exchange *exchange)
{
    return exchange->path;
}

const char *exchange_rest(const struct exchange *exchange)
{
    return exchange->rest == NULL ? "" : exchange->rest;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return json_string_value(json_object_get(exchange->headers, name));
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
    return json_string_value(json_object_get(exchange->query, name));
}

const char *exchange_id(const struct exchange *exchange)
{
    return exchange->id;
}

const char *exchange_body(const struct exchange *exchange, size_t *length)
{
    *length = exchange->body.length;
    return exchange->body.bytes == NULL ? "" : exchange->body.bytes;
}

struct problem *exchange_problem(struct exchange *exchange)
{
    return &exchange->problem;
}

uint64_t exchange_started(const struct exchange *exchange)
{
    return exchange->started;
}

double exchange_queued(const struct exchange *exchange)
{
    return exchange->queued;
}

void exchange_set_model(struct exchange *exchange, const char *name)
{
    snprintf(exchange->model, sizeof exchange->model, "%s", name);
}

void exchange_set_usage(struct exchange *exchange, size_t prompt_tokens, size_t answer_tokens)
{
    pthread_mutex_lock(&exchange->lock); /* one request's answers may run side by side */
    exchange->prompt_tokens = prompt_tokens;
    exchange->answer_tokens = answer_tokens;
    pthread_mutex_unlock(&exchange->lock);
}

static primer_status parse(struct exchange *e, primer_error *error)
{
    json_t *value = NULL;
    primer_error inner = {0};
    const primer_status status = json_body_parse(e->body.bytes, e->body.length, &value, &inner);
    if (status == PRIMER_ENOMEM)
        return error_set(error, status, "%s", inner.message);
    if (status != PRIMER_OK)
        return problem_set(&e->problem, 400, NULL, NULL, status, error, "the request body %s",
                           inner.message);
    if (!json_is_object(value)) {
        json_decref(value);
        return problem_set(&e->problem, 400, NULL, NULL, PRIMER_EFORMAT, error,
                           "the request body is an array, expected an object");
    }
    e->object = value;
    return PRIMER_OK;
}

primer_status exchange_object(struct exchange *exchange, json_t **object, primer_error *error)
{
    if (exchange->body.length == 0)
        return problem_set(&exchange->problem, 400, NULL, NULL, PRIMER_EINVAL, error,
                           "missing request body");
    if (exchange->object == NULL)
        FORWARD(parse(exchange, error));
    *object = exchange->object;
    return PRIMER_OK;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Under the lock: lets the library go on with the connection. */
static void resume(struct exchange *e)
{
    if (e->suspended) {
        e->suspended = false;
        MHD_resume_connection(e->connection);
    }
}

/* Under the lock. */
static bool hung_up(struct exchange *e)
{
    if (e->closed || e->stalled || e->descriptor < 0)
        return true;
    struct pollfd state = {.fd = e->descriptor, .events = POLLRDHUP};
    return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool exchange_gone(struct exchange *exchange)
{
    if (atomic_load(&exchange->http->stopping))
        return true;
    pthread_mutex_lock(&exchange->lock);
    const bool gone = hung_up(exchange);
    pthread_mutex_unlock(&exchange->lock);
    return gone;
}

bool exchange_run_gone(void *context)
{
    return exchange_gone(context);
}

primer_status exchange_set_header(struct exchange *exchange, const char *name, const char *value,
                                  primer_error *error)
{
    char *name_copy = memory_copy_text(name), *value_copy = memory_copy_text(value);
    if (exchange->extra_count == EXCHANGE_HEADERS_MOST || name_copy == NULL || value_copy == NULL) {
        memory_free(name_copy);
        memory_free(value_copy);
        return memory_failure(error, "a header", strlen(value));
    }
    exchange->extra[exchange->extra_count++] = (struct exchange_header){name_copy, value_copy};
    return PRIMER_OK;
}

primer_status exchange_answer(struct exchange *exchange, int http, const char *type,
                              const char *bytes, size_t length, primer_error *error)
{
    pthread_mutex_lock(&exchange->lock);
    buffer_clear(&exchange->answer);
    const primer_status status = buffer_append(&exchange->answer, bytes, length, error);
    if (status == PRIMER_OK) {
        exchange->status = http;
        snprintf(exchange->type, sizeof exchange->type, "%s", type);
    }
    pthread_mutex_unlock(&exchange->lock);
    return status;
}

primer_status exchange_answer_json(struct exchange *exchange, int http, json_t *body,
                                   primer_error *error)
{
    struct buffer text = {0};
    primer_status status;
    if (body == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for an answer");
    TRY(json_dump_append(&text, body, error));
    status = exchange_answer(exchange, http, "application/json; charset=utf-8", text.bytes,
                             text.length, error);

cleanup:
    json_decref(body);
    buffer_free(&text);
    return status;
}

primer_status exchange_stream_begin(struct exchange *exchange, const char *type,
                                    primer_error *error)
{
    FORWARD(exchange_set_header(exchange, "Cache-Control", "no-cache", error));
    FORWARD(exchange_set_header(exchange, "X-Accel-Buffering", "no", error));
    pthread_mutex_lock(&exchange->lock);
    exchange->status = 200;
    snprintf(exchange->type, sizeof exchange->type, "%s", type);
    exchange->state = EXCHANGE_STREAMING;
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
    return PRIMER_OK;
}

bool exchange_streaming(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_STREAMING; /* only the worker itself changes it */
}

/* Under the lock: waits until the reader has taken what is too much, or took nothing for too
 * long. */
static bool wait_for_room(struct exchange *e)
{
    const double patience = e->http->server->options.stall_seconds;
    while (e->stream.length - e->sent >= EXCHANGE_STREAM_MOST) {
        const uint64_t before = e->taken_bytes;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)patience + 1;
        int problem = 0;
        while (e->taken_bytes == before && !e->closed && problem == 0 &&
               !atomic_load(&e->http->stopping))
            problem = pthread_cond_timedwait(&e->room, &e->lock, &until);
        if (e->closed || atomic_load(&e->http->stopping))
            return false;
        if (problem != 0 && e->taken_bytes == before) {
            e->stalled = true;
            shutdown(e->descriptor, SHUT_RDWR);
            return false;
        }
    }
    return !e->closed && !e->stalled;
}

/* Under the lock. */
static primer_status add(struct exchange *e, const char *bytes, size_t length, primer_error *error)
{
    if (e->sent == e->stream.length) {
        buffer_clear(&e->stream);
        e->sent = 0;
    } else if (e->sent > EXCHANGE_STREAM_MOST) {
        memmove(e->stream.bytes, e->stream.bytes + e->sent, e->stream.length - e->sent);
        e->stream.length -= e->sent;
        e->sent = 0;
    }
    const primer_status status = buffer_append(&e->stream, bytes, length, error);
    resume(e);
    return status;
}

primer_status exchange_stream_write(struct exchange *exchange, const char *bytes, size_t length,
                                    primer_error *error)
{
    primer_status status;
    pthread_mutex_lock(&exchange->lock);
    if (wait_for_room(exchange))
        status = add(exchange, bytes, length, error);
    else
        status = error_set(error, PRIMER_ECANCELED,
                           exchange->stalled ? "the client took nothing for too long"
                                             : "the client has gone");
    pthread_mutex_unlock(&exchange->lock);
    return status;
}

/* ---- errors, and the end --------------------------------------------------------------------- */

/* A client that is gone reads nothing; one that is still there when the server stops is told. */
static void settle_problem(struct exchange *e, primer_status *status, primer_error *told)
{
    if (*status == PRIMER_ECANCELED && atomic_load(&e->http->stopping)) {
        e->problem = (struct problem){0};
        *status = problem_set(&e->problem, 503, NULL, NULL, PRIMER_EIO, told,
                              "the server is being stopped");
    }
    problem_complete(&e->problem, *status);
}

void exchange_fail(struct exchange *exchange, primer_status status, const primer_error *error)
{
    struct exchange *e = exchange;
    primer_error told = *error;
    struct buffer text = {0};
    settle_problem(e, &status, &told);
    error_printable(told.message, strlen(told.message), e->message, sizeof e->message);
    if (exchange_streaming(e)) {
        pthread_mutex_lock(&e->lock);
        if (e->dialect->error_event(&e->problem, told.message, &text, NULL) == PRIMER_OK &&
            !e->closed)
            add(e, text.bytes, text.length, NULL);
        pthread_mutex_unlock(&e->lock);
    } else {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", e->problem.retry_after);
        if (e->problem.retry_after != 0)
            exchange_set_header(e, "Retry-After", seconds, NULL);
        if (e->dialect->error_body(&e->problem, told.message, &text, NULL) != PRIMER_OK)
            buffer_clear(&text);
        exchange_answer(e, e->problem.http, "application/json; charset=utf-8",
                        text.bytes == NULL ? "" : text.bytes, text.length, NULL);
        e->status = e->problem.http;
    }
    buffer_free(&text);
}

void exchange_run(void *context)
{
    struct exchange *e = context;
    primer_error error = {0};
    e->queued = clock_seconds_since(e->started);
    primer_status status = exchange_gone(e)
                               ? error_set(&error, PRIMER_ECANCELED, "the client has gone")
                               : e->route->run(e, &error);
    if (status != PRIMER_OK)
        exchange_fail(e, status, &error);
    pthread_mutex_lock(&e->lock);
    e->ended = true;
    if (e->state == EXCHANGE_WORKING)
        e->state = EXCHANGE_ANSWERED;
    resume(e);
    pthread_mutex_unlock(&e->lock);
    exchange_drop(e);
}
