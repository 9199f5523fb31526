/* server_collect.h - events put together to whole answers, for those who don't want a stream.
 *
 *   server_answer_run(exchange, &request, server_collect_sink, &collected, &usage, error)
 */
#ifndef SERVER_SERVER_COLLECT_H
#define SERVER_SERVER_COLLECT_H

#include "base/buffer.h"
#include "server/server_answer.h"

struct collected_call {
    struct buffer name, arguments;
};

struct collected_token {
    int32_t id;
    double logprob;
    primer_token_probability *top; /* [top_count] */
    size_t top_count;
};

struct collected_choice {
    struct buffer content, thinking;
    struct collected_call *calls; /* [call_count] */
    size_t call_count;
    struct collected_token *tokens; /* [token_count] */
    size_t token_count, token_capacity;
    primer_stop_reason reason;
    const char *stop;
};

struct collected {
    struct collected_choice choices[ANSWER_CHOICES_MOST];
    bool keep_tokens;          /* set before: ids and log-probabilities are wanted */
    primer_status status;      /* PRIMER_ENOMEM where something could not be kept */
    struct exchange *exchange; /* not NULL: asked whether the client is still there */
};

answer_sink server_collect_sink; /* its context is a struct collected, zeroed before */
void server_collect_free(struct collected *collected);

#endif
