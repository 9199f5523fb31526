/* dialogue.h - a conversation with a model: the session that holds it, the parameters, the last
 * answer.
 *
 * Each turn renders the whole conversation to tokens and hands it to the session, which reuses what
 * it holds. A question that could not be answered (an error, a context that is full) is taken back.
 */
#ifndef TERMINAL_DIALOGUE_H
#define TERMINAL_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include "terminal/answer.h"
#include "terminal/conversation.h"
#include "terminal/parameters.h"

struct dialogue {
    primer_model *model; /* borrowed */
    const primer_chat_format *format;
    const primer_chat_format *own; /* of the model's file, borrowed; NULL: none */
    struct parameters parameters;
    struct conversation conversation;
    primer_session *session;
    primer_session *draft; /* of a smaller model that guesses ahead; NULL: none */
    primer_sampler *sampler;
    primer_constraint *constraint; /* of every answer, borrowed; NULL: none */
    struct answer last;
    bool answered;   /* `last` holds an answer */
    bool statistics; /* are printed after each answer */
    bool leave;      /* /bye was said */
};

/* Takes the parameters over (the caller's are empty afterwards), also when it fails. `draft` may be
 * NULL. */
primer_status dialogue_create(struct dialogue *dialogue, primer_model *model, primer_model *draft,
                              const primer_chat_format *format, struct parameters *parameters,
                              primer_error *error);
void dialogue_free(struct dialogue *dialogue);

/* A format by name, the file's own too; NULL: there is none. */
const primer_chat_format *dialogue_format(const struct dialogue *dialogue, const char *name);

/* Asks, and writes the answer to standard output. */
primer_status dialogue_say(struct dialogue *dialogue, const char *text, primer_error *error);
/* The last question once more. */
primer_status dialogue_again(struct dialogue *dialogue, primer_error *error);
/* Takes the last question and its answer back, from the session too. */
primer_status dialogue_take_back(struct dialogue *dialogue, primer_error *error);
primer_status dialogue_clear(struct dialogue *dialogue, primer_error *error);
/* Sets one parameter from text and makes what depends on it anew; nothing changes on failure. */
primer_status dialogue_set(struct dialogue *dialogue, const struct parameter *parameter,
                           const char *text, primer_error *error);
/* A new session with the parameters as they are. */
primer_status dialogue_renew_session(struct dialogue *dialogue, primer_error *error);
primer_status dialogue_renew_sampler(struct dialogue *dialogue, primer_error *error);

#endif
