/* ollama_request.h - what /api/generate and /api/chat have in common, from the body to the prompt.
 *
 *   ollama_request_open    members and options are read and checked
 *   ollama_request_use     the model is in use; think and the session are settled with it
 *   (the endpoint)         ids [count], the prompt
 *   ollama_request_answer  the answer is written, streamed or whole
 *   ollama_request_close
 */
#ifndef SERVER_OLLAMA_REQUEST_H
#define SERVER_OLLAMA_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/server_answer.h"
#include "server/fields.h"
#include "server/ollama_options.h"
#include "server/state.h"

/* The model's and keep_alive's part, of every call that uses a model. */
struct ollama_target {
    const char *name;   /* as the client wrote it; "" where it named none */
    int64_t keep_alive; /* nanoseconds; -1: the server's */
};

enum ollama_think { OLLAMA_THINK_UNSET, OLLAMA_THINK_OFF, OLLAMA_THINK_ON };

struct ollama_request {
    struct exchange *exchange;
    struct fields fields;
    struct ollama_target target;
    struct ollama_options options;
    json_t *warnings;                /* an array of texts */
    bool stream, truncate, progress; /* truncate: only where it was asked for in so many words */
    enum ollama_think think;
    const char *think_level; /* "low", ..., or NULL */
    json_t *format;          /* borrowed, or NULL */
    json_t *lora;            /* the same: scales of adapters */
    bool logprobs;
    size_t top_logprobs;
    bool shift;

    bool in_use;
    struct catalog_use held;          /* as the catalog gave it */
    struct catalog_use use;           /* the same, by the request's own template where it has one */
    primer_chat_format *format_given; /* of the request's template, or NULL */
    primer_session_options session;
    size_t context; /* tokens that the session holds */
    primer_constraint *constraint;

    int32_t *ids; /* [count] the prompt */
    size_t count;
    enum answer_thoughts thoughts;
    const char *droppable; /* by `truncate`: "messages", "ids of context"; NULL: nothing */
    size_t dropped_messages, dropped_tokens;
};

/* `model` (or `name`) and `keep_alive`. */
primer_status ollama_request_read_target(struct ollama_target *target, struct fields *fields,
                                         primer_error *error);
/* catalog_use for it; the log knows its name from then on. */
primer_status ollama_request_use_target(const struct ollama_target *target,
                                        struct exchange *exchange, struct catalog_use *use,
                                        primer_error *error);

/* An object of a body, its members common to both read. Close it also after an error. */
primer_status ollama_request_open(struct ollama_request *request, struct exchange *exchange,
                                  primer_error *error);
void ollama_request_close(struct ollama_request *request);
/* Warns of members that nobody asked for; then takes the model in use. */
primer_status ollama_request_use(struct ollama_request *request, primer_error *error);
/* The format in which the prompt is written: the model's, or a Go template (""); `think` is checked
 * with it. */
primer_status ollama_request_set_format(struct ollama_request *request, const char *template_text,
                                        primer_error *error);
/* A request without a prompt: the model is loaded, or unloaded where keep_alive is 0. `chat`: the
 * answer has a message in place of a response. */
primer_status ollama_request_load(struct ollama_request *request, bool chat, primer_error *error);
/* What the template may look at: {"enable_thinking", "think", ...}; a new reference. */
json_t *ollama_request_variables(const struct ollama_request *request);
/* 400 with both numbers where the prompt leaves no place for an answer. */
primer_status ollama_request_check_fit(struct ollama_request *request, primer_error *error);

/* What differs in the two answers. */
struct ollama_answer {
    bool chat;          /* a message in place of a response */
    bool parsed;        /* thoughts and calls are told apart; not in raw text */
    bool with_context;  /* the final object holds the ids of prompt and answer */
    const char *choice; /* of tools: "auto", "required" or a name; NULL: none may be called */
    json_t *tools;
};
primer_status ollama_request_answer(struct ollama_request *request,
                                    const struct ollama_answer *answer, primer_error *error);

#endif
