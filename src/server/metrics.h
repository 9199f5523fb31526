/* metrics.h - counters and histograms in Prometheus' text format (version 0.0.4), base units.
 *
 * One lock for all of it: what is counted is counted once per request or per token.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stddef.h>
#include "base/buffer.h"
#include "server/server_answer.h"

struct metrics;
struct server;

primer_status metrics_create(struct metrics **metrics, primer_error *error);
void metrics_free(struct metrics *metrics);

void metrics_request(struct metrics *metrics, const char *route, int http, const char *model,
                     double seconds);
void metrics_answer(struct metrics *metrics, const char *model, const struct answer_usage *usage);
void metrics_between_tokens(struct metrics *metrics, const char *model, double seconds);
void metrics_truncated(struct metrics *metrics, const char *model, size_t messages, size_t tokens);

/* Everything, with what the catalog and the models say. */
primer_status metrics_write(struct server *server, struct buffer *out, primer_error *error);

#endif
