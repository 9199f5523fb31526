/* ollama_options.h - the member `options` of Ollama's requests: how is sampled, how long an answer
 * and its context may be.
 */
#ifndef SERVER_OLLAMA_OPTIONS_H
#define SERVER_OLLAMA_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "primer.h"
#include "server/problem.h"

struct ollama_options {
    primer_sampling sampling;
    bool seeded;
    size_t max_tokens;  /* 0: until it ends or the context is full */
    const char **stops; /* [stop_count]; the texts are the request's */
    size_t stop_count;
    size_t num_ctx; /* 0: the server's */
    size_t keep;    /* tokens that a shifted context keeps; SIZE_MAX: the whole prompt */
};

/* `object` NULL: only defaults. Notes for the client are appended to `warnings`, an array. Errors
 * are 400 and name the option. */
primer_status ollama_options_read(struct ollama_options *options, json_t *object, json_t *warnings,
                                  struct problem *problem, primer_error *error);
void ollama_options_free(struct ollama_options *options);

#endif
