/* synth_word.c - forms of English words: the third person, the -ing form, small numbers.
 *
 * Only the first word changes, and those joined to it by "and" or "or" at once ("find and return").
 */
#include "data/synth.h"

#include <ctype.h>
#include <string.h>

/* Verbs that double their last letter, and those that follow no rule. */
static const char *const doubled[] = {
    "get",   "put",    "cut",  "swap",    "sum", "map",  "flip", "strip", "chop", "drop",
    "split", "trim",   "pop",  "zip",     "set", "skip", "run",  "let",   "sub",  "plan",
    "stop",  "begin",  "wrap", "flatmap", "tag", "pad",  "clip", "snap",  "cap",  "slip",
    "unzip", "format", "scan", "fit",     "hit", "omit", NULL};
static const struct {
    const char *plain, *third, *gerund;
} irregular[] = {{"be", "is", "being"},
                 {"have", "has", "having"},
                 {"do", "does", "doing"},
                 {"go", "goes", "going"},
                 {"is", "is", "being"}};

static bool is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static bool vowel(char c)
{
    return strchr("aeiou", c) != NULL;
}

static bool ends(const char *text, size_t length, const char *ending)
{
    const size_t size = strlen(ending);
    return length >= size && memcmp(text + length - size, ending, size) == 0;
}

static primer_status third(const char *word, size_t length, struct buffer *out, primer_error *error)
{
    for (size_t i = 0; i < sizeof irregular / sizeof irregular[0]; i++)
        if (is(word, length, irregular[i].plain))
            return buffer_text(out, irregular[i].third, error);
    if (length > 1 && word[length - 1] == 'y' && !vowel(word[length - 2])) {
        FORWARD(buffer_append(out, word, length - 1, error));
        return buffer_text(out, "ies", error);
    }
    FORWARD(buffer_append(out, word, length, error));
    const bool hissing = ends(word, length, "s") || ends(word, length, "sh") ||
                         ends(word, length, "ch") || ends(word, length, "x") ||
                         ends(word, length, "z");
    return buffer_text(out, hissing ? "es" : "s", error);
}

static primer_status gerund(const char *word, size_t length, struct buffer *out,
                            primer_error *error)
{
    for (size_t i = 0; i < sizeof irregular / sizeof irregular[0]; i++)
        if (is(word, length, irregular[i].plain))
            return buffer_text(out, irregular[i].gerund, error);
    bool doubles = false;
    for (size_t i = 0; doubled[i] != NULL; i++)
        doubles = doubles || is(word, length, doubled[i]);
    const bool silent = length > 2 && word[length - 1] == 'e' && !ends(word, length, "ee") &&
                        !ends(word, length, "oe") && !ends(word, length, "ye");
    FORWARD(buffer_append(out, word, silent ? length - 1 : length, error));
    if (doubles)
        FORWARD(buffer_append(out, &word[length - 1], 1, error));
    return buffer_text(out, "ing", error);
}

static primer_status inflect(const char *text, size_t length,
                             primer_status (*form)(const char *, size_t, struct buffer *,
                                                   primer_error *),
                             struct buffer *out, primer_error *error)
{
    size_t at = 0;
    for (;;) {
        size_t end = at;
        while (end < length && (isalnum((unsigned char)text[end]) || text[end] == '-'))
            end++;
        if (end == at)
            break;
        /* Of "right-align" what is behind the hyphen changes. */
        for (size_t i = at; i < end; i++) {
            if (text[i] != '-')
                continue;
            FORWARD(buffer_append(out, text + at, i + 1 - at, error));
            at = i + 1;
        }
        FORWARD(form(text + at, end - at, out, error));
        const size_t left = length - end;
        const char *const rest = text + end;
        const size_t joint = left > 5 && memcmp(rest, " and ", 5) == 0  ? 5
                             : left > 4 && memcmp(rest, " or ", 4) == 0 ? 4
                                                                        : 0;
        at = end;
        if (joint == 0)
            break;
        FORWARD(buffer_append(out, rest, joint, error));
        at += joint;
    }
    return buffer_append(out, text + at, length - at, error);
}

primer_status synth_word_third(const char *text, size_t length, struct buffer *out,
                               primer_error *error)
{
    return inflect(text, length, third, out, error);
}

primer_status synth_word_gerund(const char *text, size_t length, struct buffer *out,
                                primer_error *error)
{
    return inflect(text, length, gerund, out, error);
}

const char *synth_word_number(long long number)
{
    static const char *const words[] = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
                                        "seven", "eight", "nine", "ten",   "eleven", "twelve"};
    return number >= 0 && number <= 12 ? words[number] : NULL;
}
