/* json_text.c - see json_text.h. */
#include "server/json_text.h"

#include "base/buffer.h"
#include "base/utf8.h"

/* Appends the bytes, each ill-formed sequence as one U+FFFD. */
static primer_status repair(struct buffer *out, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t run = at;
        uint32_t code_point;
        for (size_t taken; run < length; run += taken) {
            taken = utf8_decode(bytes + run, length - run, &code_point);
            if (taken == 0)
                break;
        }
        FORWARD(buffer_append(out, bytes + at, run - at, NULL));
        at = run;
        if (at < length) {
            FORWARD(buffer_append(out, "\xEF\xBF\xBD", 3, NULL));
            at += utf8_invalid_length(bytes + at, length - at);
        }
    }
    return PRIMER_OK;
}

json_t *json_text(const char *bytes, size_t length)
{
    if (length == 0)
        return json_string("");
    if (utf8_valid(bytes, length))
        return json_stringn_nocheck(bytes, length);
    struct buffer text = {0};
    json_t *value = NULL;
    if (repair(&text, bytes, length) == PRIMER_OK)
        value = json_stringn_nocheck(text.bytes, text.length);
    buffer_free(&text);
    return value;
}
