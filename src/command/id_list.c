/* id_list.c - numbers between commas, blanks and brackets.
 *
 *   list = [ "[" ] { number separators } [ "]" ]
 */
#include "command/id_list.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static primer_status unexpected(const char *text, size_t at, size_t length, primer_error *error)
{
    char shown[32];
    size_t end = at;
    while (end < length && end - at < 12 && !is_blank(text[end]) && text[end] != ',')
        end++;
    if (at >= length)
        return error_set(error, PRIMER_EFORMAT,
                         "ids: the list ends at byte %zu, expected a number or \"]\"", at);
    return error_set(
        error, PRIMER_EFORMAT, "ids: found \"%s\" at byte %zu, expected a number from 0 to %d",
        error_printable(text + at, end > at ? end - at : 1, shown, sizeof shown), at, INT32_MAX);
}

static bool read_number(const char *text, size_t length, size_t *at, int32_t *id)
{
    int64_t value = 0;
    const size_t begin = *at;
    for (; *at < length && text[*at] >= '0' && text[*at] <= '9'; ++*at) {
        value = value * 10 + (text[*at] - '0');
        if (value > INT32_MAX)
            return false;
    }
    *id = (int32_t)value;
    return *at > begin;
}

static void skip_blanks(const char *text, size_t length, size_t *at)
{
    while (*at < length && is_blank(text[*at]))
        ++*at;
}

static primer_status append(int32_t **ids, size_t *count, size_t *capacity, int32_t id,
                            primer_error *error)
{
    if (*count == *capacity) {
        const size_t wanted = *capacity * 2 + 64;
        int32_t *grown = memory_resize(*ids, wanted, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "a list of ids", wanted * sizeof *grown);
        *ids = grown;
        *capacity = wanted;
    }
    (*ids)[(*count)++] = id;
    return PRIMER_OK;
}

/* Numbers up to the end or a "]"; a comma must be followed by a number. */
static primer_status read_numbers(const char *text, size_t length, size_t *at, int32_t **ids,
                                  size_t *count, primer_error *error)
{
    size_t capacity = 0;
    bool comma = false;
    for (;;) {
        skip_blanks(text, length, at);
        if (!comma && (*at == length || text[*at] == ']'))
            return PRIMER_OK;
        int32_t id = 0;
        const size_t begin = *at;
        if (!read_number(text, length, at, &id))
            return unexpected(text, begin, length, error);
        FORWARD(append(ids, count, &capacity, id, error));
        skip_blanks(text, length, at);
        comma = *at < length && text[*at] == ',';
        *at += comma ? 1 : 0;
    }
}

primer_status id_list_parse(const char *text, size_t length, int32_t **ids, size_t *count,
                            primer_error *error)
{
    primer_status status = PRIMER_OK;
    int32_t *found = NULL;
    size_t at = 0, total = 0;
    skip_blanks(text, length, &at);
    const bool bracket = at < length && text[at] == '[';
    at += bracket ? 1 : 0;
    TRY(read_numbers(text, length, &at, &found, &total, error));
    if (bracket && at == length) {
        status = unexpected(text, at, length, error);
        goto cleanup;
    }
    at += bracket ? 1 : 0;
    skip_blanks(text, length, &at);
    if (at < length) {
        status = unexpected(text, at, length, error);
        goto cleanup;
    }
    *ids = found;
    *count = total;
    return PRIMER_OK;

cleanup:
    memory_free(found);
    return status;
}
