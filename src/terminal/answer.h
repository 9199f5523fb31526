/* answer.h - one answer: the prompt is read, the text streams to standard output, what it cost is
 * kept.
 *
 * Ctrl-C ends the answer; what was written of it stays. What the model thinks before it answers is
 * no part of the answer: it is shown dimmed, or not at all (parameter think).
 */
#ifndef TERMINAL_ANSWER_H
#define TERMINAL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "primer_chat.h"
#include "terminal/parameters.h"

struct answer_request {
    primer_session *session;
    primer_session *draft; /* of a smaller model that guesses ahead; NULL: none */
    primer_sampler *sampler;
    const struct parameters *parameters;
    const primer_chat_format *format; /* for its stop strings and thinking; NULL: none */
    const int32_t *ids;               /* [count] the whole prompt */
    size_t count;
    bool trim;                     /* white space at the answer's beginning is left out */
    primer_constraint *constraint; /* behind what is thought; NULL: none */
};

struct answer {
    struct buffer text; /* as written, with what `trim` left out */
    primer_stop_reason reason;
    const char *stop;     /* the stop string met, or NULL; borrowed from parameters or format */
    double first_seconds; /* from the request to the first token */
    double seconds, prompt_seconds, generate_seconds, cpu_seconds;
    uint64_t prompt_tokens, reused_tokens, restored_tokens, dropped_tokens;
    size_t tokens;                          /* written; the last one need not be computed */
    size_t drafted_tokens, accepted_tokens; /* guessed ahead; and guessed right */
    bool ends_line; /* the last byte on the screen is a newline, or nothing was written */
};

/* A session of a smaller model that guesses ahead for `session`; a NULL model gives NULL.
 * PRIMER_EINVAL: another vocabulary. */
primer_status answer_open_draft(primer_model *model, const primer_session *session,
                                primer_session **draft, primer_error *error);

/* Errors: those of primer_session_sync and primer_generate, or PRIMER_EIO of standard output; the
 * text written so far is in `answer` all the same. PRIMER_ECANCELED: Ctrl-C while the prompt was
 * read. */
primer_status answer_write(const struct answer_request *request, struct answer *answer,
                           primer_error *error);
void answer_free(struct answer *answer);

/* To standard error: what it cost (several lines), and, where the reader should know, why it ended.
 */
void answer_print_statistics(const struct answer *answer, const primer_session *session);
void answer_print_ending(const struct answer *answer, const primer_session *session);

#endif
