/* scan.c - the pattern families of GPT-2 and Llama-3 without a regular expression engine.
 *
 * The alternatives are tried in the pattern's order, so each function reads like its pattern. Case
 * differences of contractions are ASCII's alone (no U+017F for s). Sources: GPT-2's encoder.py
 * (Radford et al. 2019), Llama-3's and Qwen-2's tokenizer.json.
 */
#include "tokenizer/scan.h"

#include <stdbool.h>

static size_t run_of(const struct unicode_class_map *map, const char *text, size_t length,
                     size_t at, unsigned class)
{
    size_t width;
    while (unicode_class_at(map, text, length, at, &width) == class)
        at += width;
    return at;
}

/* The length of 's 't 'm 'd 're 've 'll at text[at], or 0. */
static size_t contraction(const char *text, size_t length, size_t at, unsigned char case_bit)
{
    if (text[at] != '\'' || length - at < 2)
        return 0;
    const unsigned char first = (unsigned char)text[at + 1] | case_bit;
    if (first == 's' || first == 't' || first == 'm' || first == 'd')
        return 2;
    if (length - at < 3)
        return 0;
    const unsigned char second = (unsigned char)text[at + 2] | case_bit;
    const bool known = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                       (first == 'l' && second == 'l');
    return known ? 3 : 0;
}

/* \s+(?!\S)|\s+ on the white space from `at`: all of it before the end of the text, else all but
 * its last character, else that one. */
static size_t white_space(const struct unicode_class_map *map, const char *text, size_t length,
                          size_t at)
{
    size_t end = at, last = at, width;
    unsigned class;
    while ((class = unicode_class_at(map, text, length, end, &width)) == UNICODE_SPACE) {
        last = end;
        end += width;
    }
    return class == UNICODE_END || class == UNICODE_INVALID || last == at ? end : last;
}

size_t scan_gpt2(const struct unicode_class_map *map, const char *text, size_t length, size_t at)
{
    const size_t short_form = contraction(text, length, at, 0);
    if (short_form > 0)
        return at + short_form;
    size_t width, start = at;
    unsigned class = unicode_class_at(map, text, length, at, &width);
    if (text[at] == ' ') {
        const unsigned next = unicode_class_at(map, text, length, at + 1, &width);
        if (next <= UNICODE_NUMBER) {
            class = next;
            start = at + 1;
        }
    }
    if (class == UNICODE_SPACE)
        return white_space(map, text, length, at);
    return run_of(map, text, length, start, class);
}

static size_t line_ends(const char *text, size_t length, size_t at)
{
    while (at < length && (text[at] == '\r' || text[at] == '\n'))
        at++;
    return at;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t white_space_by_line(const struct unicode_class_map *map, const char *text,
                                  size_t length, size_t at)
{
    size_t width, line = at;
    for (size_t end = at; unicode_class_at(map, text, length, end, &width) == UNICODE_SPACE;
         end += width) {
        if (text[end] == '\r' || text[end] == '\n')
            line = end + 1;
    }
    return line > at ? line : white_space(map, text, length, at);
}

static size_t scan_modern(const struct unicode_class_map *map, const char *text, size_t length,
                          size_t at, size_t digits)
{
    const size_t short_form = contraction(text, length, at, 0x20);
    if (short_form > 0)
        return at + short_form;
    size_t width, next_width;
    unsigned class = unicode_class_at(map, text, length, at, &width);
    const unsigned next = unicode_class_at(map, text, length, at + width, &next_width);
    if (class == UNICODE_LETTER)
        return run_of(map, text, length, at, UNICODE_LETTER);
    const bool line_end = text[at] == '\r' || text[at] == '\n';
    if (next == UNICODE_LETTER && !line_end && class != UNICODE_NUMBER && class != UNICODE_INVALID)
        return run_of(map, text, length, at + width, UNICODE_LETTER);
    if (class == UNICODE_NUMBER) {
        size_t end = at;
        for (size_t i = 0; i < digits; i++, end += width) {
            if (unicode_class_at(map, text, length, end, &width) != UNICODE_NUMBER)
                break;
        }
        return end;
    }
    if (class == UNICODE_OTHER || (text[at] == ' ' && next == UNICODE_OTHER))
        return line_ends(text, length,
                         run_of(map, text, length, at + (text[at] == ' '), UNICODE_OTHER));
    if (class == UNICODE_SPACE)
        return white_space_by_line(map, text, length, at);
    return run_of(map, text, length, at, class);
}

size_t scan_llama3(const struct unicode_class_map *map, const char *text, size_t length, size_t at)
{
    return scan_modern(map, text, length, at, 3);
}

size_t scan_qwen2(const struct unicode_class_map *map, const char *text, size_t length, size_t at)
{
    return scan_modern(map, text, length, at, 1);
}

size_t scan_numbers(const struct unicode_class_map *map, const char *text, size_t length, size_t at)
{
    size_t width;
    const unsigned first = unicode_class_at(map, text, length, at, &width);
    if (first == UNICODE_NUMBER)
        return at + width;
    const bool valid = first != UNICODE_INVALID;
    for (unsigned class = first; class != UNICODE_END && class != UNICODE_NUMBER;
         class = unicode_class_at(map, text, length, at, &width)) {
        if ((class != UNICODE_INVALID) != valid)
            break;
        at += width;
    }
    return at;
}
