/* openai_request.h - what OpenAI's two calls that make text have in common: members, defaults,
 * limits.
 *
 * Members of other servers that clients know are taken too (top_k, min_p, num_ctx, keep_alive,
 * grammar ...). Unknown ones are named in the answer's `warnings`.
 */
#ifndef SERVER_OPENAI_REQUEST_H
#define SERVER_OPENAI_REQUEST_H

#include "server/server_answer.h"
#include "server/fields.h"

struct openai_request {
    struct exchange *exchange;
    struct fields fields;
    struct catalog_use use;
    char name[128]; /* of the model, as the client wrote it: what the answer repeats */
    int64_t keep_alive;
    bool stream, include_usage, progress;
    int64_t max_tokens; /* as asked for; -1: no limit was named */
    const char **stops; /* [stop_count] */
    primer_logit_bias *bias;
    primer_constraint *constraint;
    struct answer_request answer; /* but for the prompt */
    json_t *warnings;             /* an array */
    char id[40];                  /* "chatcmpl-..." */
    int64_t created;
};

/* Reads what both calls share and takes a model in use. `prefix` is the id's. */
primer_status openai_request_open(struct openai_request *request, struct exchange *exchange,
                                  const char *prefix, primer_error *error);
/* After all members were asked for: refuses what doesn't go together, before anything is answered,
 * and names the members that nobody knows. */
primer_status openai_request_warn(struct openai_request *request, primer_error *error);
void openai_request_close(struct openai_request *request);

#endif
