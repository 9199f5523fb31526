/* own_format.h - a format that runs a template, without a model. */
#ifndef TESTS_CHAT_OWN_FORMAT_H
#define TESTS_CHAT_OWN_FORMAT_H

#include "chat/chat_format.h"

/* bos_token is "<s>", eos_token "</s>". NULL, with a message, where the template is refused. */
primer_chat_format *own_format(const char *template, primer_error *error);
/* Of a published template, by its name without ".jinja"; NULL where the folder isn't there. */
primer_chat_format *own_format_published(const char *name);

#endif
