/* data_overlap_text.c - texts of records, folded texts, words. Declared in data_overlap_text.h. */
#include "data/data_overlap_text.h"

#include <jansson.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

/* ---- texts ----------------------------------------------------------------------------------- */

static primer_status append_string(const json_t *value, const char *field, struct buffer *text,
                                   primer_error *error)
{
    char shown[64];
    if (json_is_string(value))
        return buffer_append(text, json_string_value(value), json_string_length(value), error);
    error_printable(field, strlen(field), shown, sizeof shown);
    return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a text, found %s", shown,
                     value == NULL           ? "nothing"
                     : json_is_null(value)   ? "null"
                     : json_is_array(value)  ? "a list"
                     : json_is_object(value) ? "an object"
                                             : "a number or a truth value");
}

static primer_status append_messages(const json_t *messages, struct buffer *text,
                                     primer_error *error)
{
    if (!json_is_array(messages))
        return error_set(error, PRIMER_EFORMAT, "\"messages\": expected a list");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *const content = json_object_get(json_array_get(messages, i), "content");
        if (json_is_null(content)) /* of a message that only calls tools */
            continue;
        FORWARD(append_string(content, "content", text, error));
        FORWARD(buffer_text(text, "\n", error));
    }
    return PRIMER_OK;
}

static primer_status append_text(const json_t *object, const char *field, struct buffer *text,
                                 primer_error *error)
{
    if (!json_is_object(object))
        return error_set(error, PRIMER_EFORMAT, "expected an object");
    if (field != NULL)
        return append_string(json_object_get(object, field), field, text, error);
    const json_t *const whole = json_object_get(object, "text");
    const json_t *const messages = json_object_get(object, "messages");
    const json_t *const prompt = json_object_get(object, "prompt");
    const json_t *const completion = json_object_get(object, "completion");
    if (whole != NULL)
        return append_string(whole, "text", text, error);
    if (prompt != NULL && completion != NULL) {
        FORWARD(append_string(prompt, "prompt", text, error));
        return append_string(completion, "completion", text, error);
    }
    if (messages != NULL)
        return append_messages(messages, text, error);
    return error_set(error, PRIMER_EFORMAT,
                     "expected a field \"text\", or \"prompt\" and \"completion\", or "
                     "\"messages\"; another is chosen with --field");
}

primer_status data_overlap_text_of_json(const char *json, size_t length, const char *field,
                                        const char *path, uint64_t line, struct buffer *text,
                                        primer_error *error)
{
    json_error_t problem;
    json_t *const object = json_loadb(json, length, JSON_ALLOW_NUL, &problem);
    if (object == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return memory_failure(error, "a line of JSON", length);
    if (object == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s:%llu: no JSON object: column %d: %s", path,
                         (unsigned long long)line, problem.column, problem.text);
    const primer_status status = append_text(object, field, text, error);
    if (status != PRIMER_OK)
        error_prefix(error, "%s:%llu", path, (unsigned long long)line);
    json_decref(object);
    return status;
}

/* ---- folding --------------------------------------------------------------------------------- */

static bool is_blank(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

/* Runs of letters whose small form stands at a fixed distance, or right behind the capital. */
static uint32_t small_letter(uint32_t c)
{
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) ||
        (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if ((c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) ||
        (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c + (c & 1);
    return c;
}

primer_status data_overlap_text_fold(const char *text, size_t length, struct buffer *folded,
                                     primer_error *error)
{
    /* A small letter never takes more bytes than its capital. */
    buffer_clear(folded);
    FORWARD(buffer_reserve(folded, length + 1, error));
    char *const out = folded->bytes;
    size_t filled = 0;
    bool blank = false;
    for (size_t at = 0; at < length;) {
        uint32_t c = (unsigned char)text[at];
        size_t step = 1;
        if (c >= 0x80 && (step = utf8_decode(text + at, length - at, &c)) == 0) {
            step = 1; /* not UTF-8: kept as it is */
            c = 0;
        }
        if ((c != 0 || text[at] == 0) && is_blank(c)) {
            blank = true;
        } else {
            if (blank && filled > 0)
                out[filled++] = ' ';
            blank = false;
            if (c >= 'A' && c <= 'Z')
                out[filled++] = (char)(c + 32);
            else if (step > 1)
                filled += utf8_encode(small_letter(c), out + filled);
            else
                out[filled++] = text[at];
        }
        at += step;
    }
    folded->length = filled;
    out[filled] = '\0';
    return PRIMER_OK;
}

static bool in_word(unsigned char c, enum data_overlap_words kind)
{
    return (c >= 'a' && c <= 'z') || c >= 0x80 ||
           (kind == DATA_OVERLAP_ALL && ((c >= '0' && c <= '9') || c == '_'));
}

bool data_overlap_text_word(const struct buffer *folded, enum data_overlap_words kind, size_t *at,
                            struct data_overlap_word *word)
{
    const unsigned char *const bytes = (const unsigned char *)folded->bytes;
    size_t begin = *at;
    while (begin < folded->length && !in_word(bytes[begin], kind))
        begin++;
    size_t end = begin;
    while (end < folded->length && in_word(bytes[end], kind))
        end++;
    *at = end;
    *word = (struct data_overlap_word){begin, end - begin};
    return end > begin;
}
