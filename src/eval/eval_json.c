/* eval_json.c - marks for what jansson can't hold, and the comparison of results. */
#include "eval/eval_json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#define TOLERANCE 1e-6
#define INT_MARK  "\x01int:"

/* ---- reading --------------------------------------------------------------------------------- */

/* Behind a text's closing quote. */
static size_t skip_text(const char *text, size_t length, size_t at)
{
    for (at++; at < length && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < length ? at + 1 : length;
}

static size_t word_length(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && text[count] != '\0' && strchr(",]}: \t\r\n", text[count]) == NULL)
        count++;
    return count;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

static bool is_large(const char *text, size_t length)
{
    char digits[32];
    const size_t sign = length > 0 && text[0] == '-' ? 1 : 0;
    if (length <= sign || strspn(text + sign, "0123456789") < length - sign)
        return false;
    if (length >= sizeof digits)
        return true;
    memcpy(digits, text, length);
    digits[length] = '\0';
    errno = 0;
    strtoll(digits, NULL, 10);
    return errno == ERANGE;
}

static primer_status append_word(const char *text, size_t length, struct buffer *out,
                                 primer_error *error)
{
    if (is_word(text, length, "NaN"))
        return buffer_text(out, "\"\\u0001float:nan\"", error);
    if (is_word(text, length, "Infinity"))
        return buffer_text(out, "\"\\u0001float:inf\"", error);
    if (is_word(text, length, "-Infinity"))
        return buffer_text(out, "\"\\u0001float:-inf\"", error);
    if (!is_large(text, length))
        return buffer_append(out, text, length, error);
    FORWARD(buffer_text(out, "\"\\u0001int:", error));
    FORWARD(buffer_append(out, text, length, error));
    return buffer_text(out, "\"", error);
}

static primer_status mark(const char *text, size_t length, struct buffer *out, primer_error *error)
{
    for (size_t at = 0; at < length;) {
        const size_t word = word_length(text + at, length - at);
        size_t next = at + 1;
        if (text[at] == '"') {
            next = skip_text(text, length, at);
            FORWARD(buffer_append(out, text + at, next - at, error));
        } else if (word > 0 && strchr("-0123456789NI", text[at]) != NULL) {
            next = at + word;
            FORWARD(append_word(text + at, word, out, error));
        } else {
            FORWARD(buffer_append(out, text + at, 1, error));
        }
        at = next;
    }
    return PRIMER_OK;
}

primer_status eval_json_read(const char *text, size_t length, json_t **value, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer marked = {0};
    json_error_t problem;
    TRY(mark(text, length, &marked, error));
    json_t *const read = json_loadb(marked.bytes == NULL ? "" : marked.bytes, marked.length,
                                    JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (read == NULL)
        FAIL(PRIMER_EFORMAT, "no JSON: %s, at byte %d", problem.text, problem.position);
    *value = read;

cleanup:
    buffer_free(&marked);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------- */

primer_status eval_json_append(const json_t *value, struct buffer *out, primer_error *error)
{
    const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT;
    const size_t length = json_dumpb(value, NULL, 0, flags);
    if (length == 0)
        return memory_failure(error, "JSON", 1);
    FORWARD(buffer_reserve(out, length, error));
    json_dumpb(value, out->bytes + out->length, length, flags);
    out->length += length;
    out->bytes[out->length] = '\0';
    return PRIMER_OK;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool is_large_integer(const json_t *value)
{
    return json_is_string(value) &&
           strncmp(json_string_value(value), INT_MARK, strlen(INT_MARK)) == 0;
}

static double number_of(const json_t *value)
{
    return is_large_integer(value) ? strtod(json_string_value(value) + strlen(INT_MARK), NULL)
                                   : json_number_value(value);
}

static bool is_number(const json_t *value)
{
    return json_is_number(value) || is_large_integer(value);
}

static bool near(double a, double b)
{
    const double size = fmax(1.0, fmax(fabs(a), fabs(b)));
    return fabs(a - b) <= TOLERANCE * size;
}

static bool same_list(const json_t *expected, const json_t *found)
{
    bool same = json_array_size(expected) == json_array_size(found);
    for (size_t i = 0; same && i < json_array_size(expected); i++)
        same = eval_json_same(json_array_get(expected, i), json_array_get(found, i));
    return same;
}

static bool same_object(json_t *expected, const json_t *found)
{
    const char *key;
    json_t *value;
    if (json_object_size(expected) != json_object_size(found))
        return false;
    json_object_foreach(expected, key, value)
    {
        const json_t *const other = json_object_get(found, key);
        if (other == NULL || !eval_json_same(value, other))
            return false;
    }
    return true;
}

bool eval_json_same(const json_t *expected, const json_t *found)
{
    if ((json_is_real(expected) && is_number(found)) ||
        (json_is_real(found) && is_number(expected)))
        return near(number_of(expected), number_of(found));
    if (expected == NULL || found == NULL || json_typeof(expected) != json_typeof(found))
        return false;
    if (json_is_array(expected))
        return same_list(expected, found);
    if (json_is_object(expected))
        return same_object((json_t *)(uintptr_t)expected, found); /* jansson's wish */
    return json_equal(expected, found) != 0;
}
