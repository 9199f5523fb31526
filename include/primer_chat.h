/* primer_chat.h - conversations as a model expects them.
 *
 * A named format is how one family writes turns: what stands before and after each role's text, and
 * the strings after which an answer is over. A model's file may carry a template of its own, a
 * program in Jinja, which is a format too. Marks become special tokens; what people wrote never
 * does.
 */
#ifndef PRIMER_CHAT_H
#define PRIMER_CHAT_H

#include "primer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct primer_message {
    const char *role; /* "system", "user", "assistant" */
    const char *content;
} primer_message;

typedef struct primer_chat_format primer_chat_format;

/* phi-qa, phi-chat, llama2, mistral, chatml, plain; NULL: no such name. */
const primer_chat_format *primer_chat_format_named(const char *name);
const primer_chat_format *primer_chat_format_at(size_t index); /* NULL past the last */
const char *primer_chat_format_name(const primer_chat_format *format);
const char *primer_chat_format_summary(const primer_chat_format *format);
/* What fits the model: by its own template where that is one of the named, else by its
 * architecture. *understood is false where the file carries a template that is not one of these. */
const primer_chat_format *primer_chat_format_of(const primer_model *model, bool *understood);
/* What the model's file says itself, by running the template in it: a format named "own". NULL where
 * the file carries none; an error where it can't be run. Free it after whatever uses it. */
primer_status primer_chat_format_own(const primer_model *model, primer_chat_format **format,
                                     primer_error *error);
void primer_chat_format_free(
    primer_chat_format *format); /* only what primer_chat_format_own gave */
/* [count] strings that end an answer; borrowed for the format's life. */
const char *const *primer_chat_format_stops(const primer_chat_format *format, size_t *count);

/* The conversation as text (marks written out), and as tokens; `answer` opens the assistant's turn.
 */
primer_status primer_chat_text(const primer_chat_format *format, const primer_message *messages,
                               size_t count, bool answer, char **text, size_t *length,
                               primer_error *error);
primer_status primer_chat_tokens(const primer_model *model, const primer_chat_format *format,
                                 const primer_message *messages, size_t count, bool answer,
                                 int32_t **ids, size_t *id_count, primer_error *error);

#ifdef __cplusplus
}
#endif
#endif
