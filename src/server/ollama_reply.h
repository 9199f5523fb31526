/* ollama_reply.h - an answer's events as Ollama's objects: one a line while they come, or one in
 * all. */
#ifndef SERVER_OLLAMA_REPLY_H
#define SERVER_OLLAMA_REPLY_H

#include "server/ollama_request.h"

#define OLLAMA_JSON_TYPE   "application/json; charset=utf-8"
#define OLLAMA_STREAM_TYPE "application/x-ndjson"

/* Runs the answer and sends all of it. */
primer_status ollama_reply_run(struct ollama_request *request, const struct ollama_answer *answer,
                               const struct answer_request *prompt, primer_error *error);
/* The answer to a request without a prompt. */
primer_status ollama_reply_loaded(struct ollama_request *request, bool chat, bool unloaded,
                                  primer_error *error);
/* ,"NAME":N, left out where N is 0: clients take what is missing for 0. */
primer_status ollama_reply_count(struct buffer *out, const char *name, int64_t number,
                                 primer_error *error);

#endif
