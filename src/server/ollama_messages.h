/* ollama_messages.h - Ollama's messages as primer_chat.h's. */
#ifndef SERVER_OLLAMA_MESSAGES_H
#define SERVER_OLLAMA_MESSAGES_H

#include <jansson.h>
#include "server/problem.h"

/* *converted: a new array. Errors are 400 and name the member; images are refused. */
primer_status ollama_messages_read(json_t *messages, json_t *warnings, struct problem *problem,
                                   json_t **converted, primer_error *error);
/* 400 where the member `images` of `object` holds any. */
primer_status ollama_messages_no_images(json_t *images, const char *where, struct problem *problem,
                                        primer_error *error);

#endif
