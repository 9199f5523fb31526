/* synth_noise.c - typed as people type. Declared in synth_lesson.h.
 *
 * A word that is touched has four letters or more, no digit, underscore or quote beside it, and is
 * no name of the function or its arguments. Texts that hold code are left alone.
 */
#include "data/synth_lesson.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A word of what was drawn: a person's name, a thing that is counted. */
static bool is_drawn(const struct synth *synth, const char *word, size_t length)
{
    for (size_t i = 0; i < synth->draw_count; i++) {
        const struct synth_binding *const draw = &synth->draws[i];
        const char *const text = draw->kind == SYNTH_ROW    ? draw->block->fields[draw->row].text
                                 : draw->kind == SYNTH_TEXT ? draw->text
                                                            : "";
        for (const char *at = text; *at != '\0'; at++)
            if (strncasecmp(at, word, length) == 0)
                return true;
    }
    return false;
}

/* A name in the code. */
static bool is_told(const struct synth *synth, const char *word, size_t length)
{
    for (int which = 0; which < 2; which++) {
        const struct synth_function *const function = &synth->functions[which];
        if (function->block == NULL)
            continue;
        if (strlen(function->name) == length && memcmp(function->name, word, length) == 0)
            return true;
        for (size_t i = 0; i < function->argument_count; i++)
            if (strlen(function->arguments[i].name) == length &&
                memcmp(function->arguments[i].name, word, length) == 0)
                return true;
    }
    return false;
}

static bool is_name(const struct synth *synth, const char *word, size_t length)
{
    return is_told(synth, word, length) || is_drawn(synth, word, length);
}

static bool sticks(char c)
{
    return isalnum((unsigned char)c) || strchr("_'\"`()[]{}=.<>", c) != NULL || (c & 0x80) != 0;
}

/* The i-th word that may be touched, or how many there are. */
static size_t find_word(const struct synth *synth, const struct buffer *text, size_t wanted,
                        size_t *begin, size_t *length)
{
    size_t found = 0;
    for (size_t i = 0; i < text->length;) {
        size_t end = i;
        while (end < text->length && isalpha((unsigned char)text->bytes[end]))
            end++;
        const bool apart =
            (i == 0 || !sticks(text->bytes[i - 1])) &&
            (end == text->length || !sticks(text->bytes[end]) || text->bytes[end] == '.');
        if (end - i >= 4 && apart && !is_name(synth, text->bytes + i, end - i)) {
            if (found++ == wanted) {
                *begin = i;
                *length = end - i;
                return found;
            }
        }
        i = end == i ? i + 1 : end;
    }
    return found;
}

/* Swaps two letters, drops one, or doubles one; never the first. */
static primer_status slip(struct synth *synth, struct buffer *text, primer_error *error)
{
    size_t begin = 0, length = 0;
    const size_t words = find_word(synth, text, SIZE_MAX, &begin, &length);
    if (words == 0)
        return PRIMER_OK;
    find_word(synth, text, (size_t)random_below(&synth->random, words), &begin, &length);
    const size_t at = begin + 1 + (size_t)random_below(&synth->random, length - 2);
    char *const bytes = text->bytes;
    switch (random_below(&synth->random, 3)) {
    case 0: {
        const char c = bytes[at];
        bytes[at] = bytes[at + 1];
        bytes[at + 1] = c;
        return PRIMER_OK;
    }
    case 1:
        memmove(bytes + at, bytes + at + 1, text->length - at);
        text->length--;
        return PRIMER_OK;
    default:
        FORWARD(buffer_append(text, "", 1, error));
        text->length--;
        FORWARD(buffer_append(text, " ", 1, error));
        memmove(text->bytes + at + 1, text->bytes + at, text->length - 1 - at);
        return PRIMER_OK;
    }
}

/* Is there a quote here that begins what is quoted, or ends it? The one of "don't" isn't. */
static bool turns_quote(const struct buffer *text, size_t i, char open)
{
    const char c = text->bytes[i];
    if (open != '\0' && c != open)
        return false;
    if (c != '\'')
        return c == '"' || c == '`';
    return open == '\0' ? i == 0 || !isalnum((unsigned char)text->bytes[i - 1])
                        : !isalnum((unsigned char)text->bytes[i + 1]);
}

/* All but what is quoted and the names in the code. */
static void lower(struct synth *synth, struct buffer *text)
{
    char open = '\0';
    for (size_t i = 0; i < text->length;) {
        size_t end = i;
        while (end < text->length && isalnum((unsigned char)text->bytes[end]))
            end++;
        if (end == i) {
            if (turns_quote(text, i, open))
                open = open == '\0' ? text->bytes[i] : '\0';
            i++;
            continue;
        }
        const bool kept = open != '\0' || is_told(synth, text->bytes + i, end - i);
        for (; i < end; i++)
            if (!kept)
                text->bytes[i] = (char)tolower((unsigned char)text->bytes[i]);
    }
}

static void drop_end(struct buffer *text)
{
    if (text->length > 1 && strchr(".?!", text->bytes[text->length - 1]) != NULL)
        text->bytes[--text->length] = '\0';
}

primer_status synth_noise_apply(struct synth *synth, struct buffer *text, primer_error *error)
{
    if (text->length == 0 || strstr(text->bytes, "def ") != NULL ||
        strstr(text->bytes, "```") != NULL)
        return PRIMER_OK;
    if (random_below(&synth->random, 4) == 0)
        drop_end(text);
    if (random_below(&synth->random, 4) == 0)
        lower(synth, text);
    if (random_below(&synth->random, 8) == 0) {
        FORWARD(slip(synth, text, error));
        if (text->length > 60 && random_below(&synth->random, 3) == 0)
            FORWARD(slip(synth, text, error));
    }
    return PRIMER_OK;
}
