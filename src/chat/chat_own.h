/* chat_own.h - conversations written by a model's own template. */
#ifndef CHAT_CHAT_OWN_H
#define CHAT_CHAT_OWN_H

#include "chat/chat_format.h"
#include "chat/chat_json.h"

/* Made fit, and repaired where the template refuses it (PRIMER_EINVAL with its words). */
primer_status chat_own_text(const primer_chat_format *format,
                            const struct chat_conversation *conversation, bool answer, char **text,
                            size_t *length, primer_error *error);
primer_status chat_own_tokens(const primer_model *model, const primer_chat_format *format,
                              const struct chat_conversation *conversation, bool answer,
                              int32_t **ids, size_t *id_count, primer_error *error);
/* As it is. */
primer_status chat_own_render(const primer_chat_format *format,
                              const struct chat_conversation *conversation, bool answer,
                              const struct jinja_limits *limits, struct jinja_output *output,
                              primer_error *error);

/* Finds out the traits (chat_probe.c). PRIMER_EUNSUPPORTED, or the template's own refusal, where it
 * can't write the simplest conversations. */
primer_status chat_probe(primer_chat_format *format, const char *text, primer_error *error);

#endif
