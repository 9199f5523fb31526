/* server_answer.h - one answer, or n of them, from tokens to events. Both dialects are written over
 * this.
 *
 *   conversation -> ids -> session(s) -> text -> reader -> content | thinking | calls -> sink
 *
 * With n > 1 the prompt is read once and the session forked; each choice has a thread, and the sink
 * is called under the answer's lock, one event at a time.
 */
#ifndef SERVER_SERVER_ANSWER_H
#define SERVER_SERVER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "primer_chat.h"
#include "server/catalog.h"
#include "server/exchange.h"

enum { ANSWER_CHOICES_MOST = 16, ANSWER_TOP_LOGPROBS_MOST = 20, ANSWER_STOPS_MOST = 64 };

/* What a prompt leaves to its answer of what is thought before it. */
enum answer_thoughts {
    ANSWER_NO_THOUGHTS,    /* nothing: they are over, switched off, or unknown to the format */
    ANSWER_OWN_THOUGHTS,   /* the answer may begin with them */
    ANSWER_BEGUN_THOUGHTS, /* the prompt ends inside */
};

struct answer_request {
    const struct catalog_use *use;
    const int32_t *ids; /* [count] the prompt */
    size_t count;
    primer_session_options
        session; /* as of server_answer_session_options, and what the request changes */
    primer_sampling sampling;
    bool seeded;              /* else each choice draws its own seed */
    size_t max_tokens;        /* 0: until it ends or the context is full */
    const char *const *stops; /* [stop_count]; those of the format are added where `chat` */
    size_t stop_count;
    size_t choices;                /* 0: 1 */
    bool logprobs;                 /* ANSWER_TOKEN events carry log-probabilities */
    size_t top_logprobs;           /* besides the chosen one */
    primer_constraint *constraint; /* behind the thoughts; with `tools` it has them itself */
    bool chat;                     /* the text is taken apart by the format's reader */
    bool tools;                    /* it may hold calls */
    bool required;                 /* it has to be calls: the constraint sees to it */
    enum answer_thoughts thoughts;
    bool special; /* control tokens are part of the text */
    bool ignore_end;
    bool progress;       /* ANSWER_PROGRESS events while the prompt is read */
    double ping_seconds; /* without text, until an ANSWER_PING; 0: 15; below 0: none come */
};

/* What an answer took. Seconds. */
struct answer_usage {
    size_t prompt_tokens, cached_tokens;   /* of the prompt; of these, found computed */
    size_t answer_tokens, thinking_tokens; /* of all choices; of these, thoughts */
    size_t drafted_tokens, accepted_tokens, dropped_tokens;
    double queue_seconds, load_seconds;
    double prompt_seconds, generate_seconds; /* of the slowest choice */
    double first_seconds;                    /* from the request's arrival to the first token */
};

enum answer_event_kind {
    ANSWER_START,    /* once, before anything of any choice: the prompt fits and is being read */
    ANSWER_PROGRESS, /* done of total prompt tokens are computed, `cached` of them were before */
    ANSWER_TOKEN, /* a token was chosen; its text comes in one of the following events, if at all */
    ANSWER_CONTENT,
    ANSWER_THINKING,
    ANSWER_CALL,           /* text: the tool's name; call: which, from 0 */
    ANSWER_CALL_ARGUMENTS, /* text: more of its arguments */
    ANSWER_CALL_END,
    ANSWER_FINISH, /* of one choice */
    ANSWER_PING    /* there was no text for a while: keep proxies awake */
};

struct answer_event {
    enum answer_event_kind kind;
    size_t choice;
    const char *text; /* [length], whole characters where the model writes such; not terminated */
    size_t length, call;
    size_t done, total, cached;    /* ANSWER_PROGRESS */
    const primer_generated *token; /* ANSWER_TOKEN: id; logprob and top where asked for */
    primer_stop_reason reason;     /* ANSWER_FINISH */
    const char *stop;              /* the stop string met, or NULL */
    size_t calls;                  /* ANSWER_FINISH: how many were made */
};
/* False: nobody wants more of it; the answer ends with PRIMER_ECANCELED. */
typedef bool answer_sink(void *context, const struct answer_event *event);

/* The server's own, for `num_ctx` tokens (0: the server's default); never more than the model
 * reaches, so that what a client asks for on the safe side does no harm; `warnings` (an array) gets
 * a text that says so. `context` is always filled. */
primer_status server_answer_session_options(struct exchange *exchange,
                                            const struct catalog_use *use, size_t num_ctx,
                                            json_t *warnings, primer_session_options *options,
                                            primer_error *error);
/* How many tokens such a session holds. */
size_t server_answer_context(const struct catalog_use *use, const primer_session_options *options);

/* A conversation (primer_chat.h's JSON) as ids. A variable enable_thinking of false switches
 * thoughts off, whatever the template makes of it. Errors are 400. */
primer_status server_answer_conversation(struct exchange *exchange, const struct catalog_use *use,
                                         const json_t *conversation, int32_t **ids, size_t *count,
                                         enum answer_thoughts *thoughts, primer_error *error);

/* Blocks until all choices are finished. `usage` is filled as far as it got, also with an error.
 * Errors: 400 exceed_context_size_error with both numbers where the prompt doesn't fit,
 * PRIMER_ECANCELED where the client has gone, the engine's. */
primer_status server_answer_run(struct exchange *exchange, const struct answer_request *request,
                                answer_sink *sink, void *context, struct answer_usage *usage,
                                primer_error *error);

#endif
