/* many_messages.h - conversations of one message again and again. */
#ifndef TESTS_CHAT_MANY_MESSAGES_H
#define TESTS_CHAT_MANY_MESSAGES_H

#include "base/buffer.h"

/* {"messages": [MESSAGE, ... so many times]}; to be freed by buffer_free. */
struct buffer many_messages(const char *message, size_t count);

#endif
