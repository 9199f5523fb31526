/* exchange_internal.h - an exchange's inside: shared by exchange.c (the worker's side) and http.c
 * (the side of the HTTP library's thread).
 *
 *   READING -> WORKING -> ANSWERED              a whole answer
 *                      -> STREAMING -> ended    bytes through `stream`, taken from `sent` on
 *
 * While it is WORKING, and while a stream has nothing to send, the library has the connection
 * suspended; whoever changes that resumes it, under the exchange's lock. Two hold an exchange: the
 * library until it tells that the request is over (then `closed`), the worker until it has ended.
 */
#ifndef SERVER_EXCHANGE_INTERNAL_H
#define SERVER_EXCHANGE_INTERNAL_H

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include "server/exchange.h"
#include "server/http.h"
#include "server/route.h"

enum {
    EXCHANGE_ID_BYTES = 65,
    EXCHANGE_MODEL_BYTES = 128,
    EXCHANGE_HEADERS_MOST = 16,
    EXCHANGE_CLIENT_BYTES = 64,
    EXCHANGE_STREAM_MOST = 256 << 10 /* bytes that wait for a reader */
};

enum exchange_state { EXCHANGE_READING, EXCHANGE_WORKING, EXCHANGE_ANSWERED, EXCHANGE_STREAMING };

struct exchange_header {
    char *name, *value;
};

struct exchange {
    struct http *http;
    const struct route *route; /* NULL: none fits */
    const struct dialect *dialect;
    struct MHD_Connection *connection;
    atomic_uint references;

    /* The request; constant once it is read. */
    char *method, *path, *rest;
    json_t *headers, *query; /* names in small letters to texts */
    char id[EXCHANGE_ID_BYTES], client[EXCHANGE_CLIENT_BYTES];
    struct buffer body;
    uint64_t started;
    bool too_large;  /* the body: the rest of it is thrown away */
    size_t dropped;  /* bytes of it */
    size_t reserved; /* bytes of the body that http counts */

    /* The worker's. */
    json_t *object; /* the body */
    struct problem problem;
    char model[EXCHANGE_MODEL_BYTES], message[256];
    size_t prompt_tokens, answer_tokens;
    double queued;

    pthread_mutex_t lock;
    pthread_cond_t room; /* the reader took something */
    enum exchange_state state;
    bool suspended, closed, ended, stalled;
    int descriptor; /* -1 once closed */
    int status;     /* of HTTP */
    char type[64];
    struct exchange_header extra[EXCHANGE_HEADERS_MOST]; /* headers of the answer */
    size_t extra_count;
    struct buffer answer; /* whole */
    struct buffer stream; /* bytes [sent..length) wait */
    size_t sent;
    uint64_t taken_bytes; /* by the reader, in all */
};

/* NULL: no memory. One reference. */
struct exchange *exchange_create(struct http *http, struct MHD_Connection *connection,
                                 const char *method, const char *path);
/* The last one to drop it counts and logs it. */
void exchange_drop(struct exchange *exchange);
/* Makes an error the answer, in the dialect's shape. */
void exchange_fail(struct exchange *exchange, primer_status status, const primer_error *error);
#endif
