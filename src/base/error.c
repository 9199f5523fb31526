/* error.c - filling a primer_error.
 *
 *   message  | prefix ": " | sentence ... | NUL |      <= 1023 bytes, cut where a character ends
 *
 * Invariants: the message is always NUL-terminated, and it never ends inside a UTF-8 character.
 * Text is formatted into a buffer of its own first, so a caller may pass the old message as an
 * argument.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Copies `text` to the message, cut at the end of a character where it doesn't fit. */
static void set_message(primer_error *error, const char *text, size_t length)
{
    const size_t room = sizeof error->message - 1;
    if (length > room)
        length = utf8_complete(text, room);
    memcpy(error->message, text, length);
    error->message[length] = '\0';
}

/* Formats into `out` and returns the bytes that are there, the NUL not counted. */
__attribute__((format(printf, 3, 0))) static size_t
format_text(char *out, size_t capacity, const char *format, va_list arguments)
{
    const int wanted = vsnprintf(out, capacity, format, arguments);
    if (wanted < 0) {
        out[0] = '\0';
        return 0;
    }
    return (size_t)wanted < capacity ? (size_t)wanted : capacity - 1;
}

primer_status error_set(primer_error *error, primer_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    char text[sizeof error->message + 4]; /* one character longer, so that a cut can be seen */
    va_list arguments;
    va_start(arguments, format);
    const size_t length = format_text(text, sizeof text, format, arguments);
    va_end(arguments);
    error->status = status;
    set_message(error, text, length);
    return status;
}

void error_prefix(primer_error *error, const char *format, ...)
{
    if (error == NULL)
        return;
    char text[2 * sizeof error->message + 8];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(text, sizeof error->message, format, arguments);
    va_end(arguments);
    const size_t old = strlen(error->message);
    memcpy(text + length, ": ", 2);
    memcpy(text + length + 2, error->message, old + 1);
    set_message(error, text, length + 2 + old);
}

char *error_printable(const char *bytes, unsigned long length, char *out, unsigned long capacity)
{
    if (capacity == 0)
        return out;
    size_t from = 0, to = 0;
    while (from < length) {
        uint32_t code_point = 0;
        size_t taken = utf8_decode(bytes + from, length - from, &code_point);
        const bool shown =
            taken != 0 && code_point >= 0x20 && !(code_point >= 0x7f && code_point < 0xa0);
        const size_t wanted = shown ? taken : 1;
        if (wanted > capacity - 1 - to)
            break;
        if (shown)
            memcpy(out + to, bytes + from, taken);
        else
            out[to] = '?';
        to += wanted;
        from += taken != 0 ? taken : utf8_invalid_length(bytes + from, length - from);
    }
    out[to] = '\0';
    return out;
}

const char *primer_status_name(primer_status status)
{
    static const char *const names[] = {
        [PRIMER_OK] = "ok",
        [PRIMER_EINVAL] = "invalid argument",
        [PRIMER_ENOMEM] = "out of memory",
        [PRIMER_EIO] = "input/output error",
        [PRIMER_EFORMAT] = "malformed data",
        [PRIMER_EUNSUPPORTED] = "not supported",
        [PRIMER_ELIMIT] = "limit exceeded",
        [PRIMER_ECANCELED] = "canceled",
        [PRIMER_ENUMERIC] = "numeric failure",
        [PRIMER_EINTERNAL] = "internal error",
    };
    const size_t index = (size_t)status;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown status";
}
