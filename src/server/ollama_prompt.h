/* ollama_prompt.h - a request's prompt as ids, in place of those it had. */
#ifndef SERVER_OLLAMA_PROMPT_H
#define SERVER_OLLAMA_PROMPT_H

#include "server/ollama_request.h"

/* A conversation (primer_chat.h's JSON), by the request's format. */
primer_status ollama_prompt_read(struct ollama_request *request, json_t *conversation,
                                 primer_error *error);
/* Text as it is; special tokens in it are meant. */
primer_status ollama_prompt_raw(struct ollama_request *request, const char *text,
                                primer_error *error);
/* What stands before and after a gap, for a model with tokens for that; 400 for others. */
primer_status ollama_prompt_gap(struct ollama_request *request, const char *before,
                                const char *after, primer_error *error);
/* Ids of an earlier answer before the prompt. Where they don't fit and `truncate` is true the
 * oldest are left out. */
primer_status ollama_prompt_prepend(struct ollama_request *request, json_t *context,
                                    primer_error *error);
/* Answers with the prompt's text instead of the model's words. */
primer_status ollama_prompt_show(struct ollama_request *request, primer_error *error);

#endif
