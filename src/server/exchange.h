/* exchange.h - one request and its answer, as an endpoint sees them.
 *
 * An endpoint runs on a worker's thread and is the only one that uses its exchange there. It either
 * answers at once (exchange_answer...), or begins a stream and writes to it. What it returns as an
 * error becomes the answer in its dialect's shape: status and JSON before the first byte, an event
 * of the stream after it. Answering is never the endpoint's last duty: returning PRIMER_OK without
 * an answer gives an empty 200.
 */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "server/problem.h"

struct exchange;
struct server;

typedef primer_status endpoint(struct exchange *exchange, primer_error *error);

/* ---- the request ----------------------------------------------------------------------------- */

struct server *exchange_server(struct exchange *exchange); /* state.h */
const char *exchange_method(const struct exchange *exchange);
const char *exchange_path(const struct exchange *exchange);
/* What stood for the pattern's "*", percent-decoded; "" where there is none. */
const char *exchange_rest(const struct exchange *exchange);
const char *exchange_header(const struct exchange *exchange, const char *name); /* NULL: absent */
const char *exchange_query(const struct exchange *exchange, const char *name);  /* NULL: absent */
const char *exchange_id(const struct exchange *exchange);                       /* x-request-id */
/* The body, read whole; borrowed. */
const char *exchange_body(const struct exchange *exchange, size_t *length);
/* The body as a JSON object, borrowed; 400 where it is none ("missing request body" where
 * empty). */
primer_status exchange_object(struct exchange *exchange, json_t **object, primer_error *error);
struct problem *exchange_problem(struct exchange *exchange);
uint64_t exchange_started(const struct exchange *exchange); /* clock_nanoseconds of its arrival */
double exchange_queued(const struct exchange *exchange); /* seconds that it waited for a worker */
/* For the log and the metrics: which model it was; copied. */
void exchange_set_model(struct exchange *exchange, const char *name);
void exchange_set_usage(struct exchange *exchange, size_t prompt_tokens, size_t answer_tokens);

/* ---- the answer ------------------------------------------------------------------------------ */

/* True once the client has hung up, took nothing for too long, or the server ends: nobody reads
 * what would still be made. Asked at each token. */
bool exchange_gone(struct exchange *exchange);

/* Before the answer begins. Errors: PRIMER_ENOMEM. */
primer_status exchange_set_header(struct exchange *exchange, const char *name, const char *value,
                                  primer_error *error);
primer_status exchange_answer(struct exchange *exchange, int http, const char *type,
                              const char *bytes, size_t length, primer_error *error);
/* Takes over the reference, also when it fails; NULL counts as no memory. */
primer_status exchange_answer_json(struct exchange *exchange, int http, json_t *body,
                                   primer_error *error);

/* A stream: status 200. Each write arrives as it is, or waits while the reader is slow.
 * PRIMER_ECANCELED: exchange_gone. */
primer_status exchange_stream_begin(struct exchange *exchange, const char *type,
                                    primer_error *error);
primer_status exchange_stream_write(struct exchange *exchange, const char *bytes, size_t length,
                                    primer_error *error);
bool exchange_streaming(const struct exchange *exchange); /* a stream has begun */

#endif
