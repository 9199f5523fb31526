/* many_messages.c - see many_messages.h. */
#include "tests/chat/many_messages.h"

struct buffer many_messages(const char *message, size_t count)
{
    struct buffer json = {0};
    buffer_text(&json, "{\"messages\": [", NULL);
    for (size_t i = 0; i < count; i++)
        buffer_format(&json, NULL, "%s%s", i == 0 ? "" : ",", message);
    buffer_text(&json, "]}", NULL);
    return json;
}
