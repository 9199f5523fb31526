/* data_filter_features.c - one pass over the lines, one over the characters. Declared in
 * data_filter_features.h.
 *
 * Names are counted in a small table of hashes: what has no place there any more counts as one
 * name, so that a gigantic text costs no memory.
 */
#include "data/data_filter_features.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/real.h"

#define NAMES 4096 /* places, a power of two */

enum feature {
    BYTES,
    LINES,
    MEAN_LINE,
    LONGEST_LINE,
    BLANK_LINES,
    COMMENT_LINES,
    QUOTED_LINES,
    IMPORT_LINES,
    DEFINITION_LINES,
    FLOW_LINES,
    RETURN_LINES,
    ASSERT_LINES,
    INDENTATION,
    DIGITS,
    SIGNS,
    QUOTES,
    CAPITALS,
    NAME_ENTROPY,
    NAME_VARIETY,
    NAME_LENGTH,
};

static const char *const names[DATA_FILTER_FEATURES] = {"bytes (log)",
                                                        "lines (log)",
                                                        "mean line",
                                                        "longest line (log)",
                                                        "blank lines",
                                                        "comments",
                                                        "docstrings",
                                                        "imports",
                                                        "definitions",
                                                        "loops and conditions",
                                                        "returns",
                                                        "asserts",
                                                        "indentation",
                                                        "digits",
                                                        "signs",
                                                        "quotes",
                                                        "capitals",
                                                        "entropy of names",
                                                        "variety of names",
                                                        "length of names"};

const char *data_filter_features_name(size_t index)
{
    return index < DATA_FILTER_FEATURES ? names[index] : "";
}

struct counts {
    double lines, longest, blank, comments, quoted, imports, definitions, flow, returns, asserts,
        indentation;
    bool inside; /* a text between three quotes */
    double digits, signs, quotes, capitals;
    double words, letters, different;
    uint32_t table[NAMES];
};

static bool begins(const char *line, size_t length, const char *const *words)
{
    for (; *words != NULL; words++) {
        const size_t size = strlen(*words);
        if (size <= length && memcmp(line, *words, size) == 0)
            return true;
    }
    return false;
}

/* How often three quotes stand in a line. */
static size_t triple_quotes(const char *line, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i + 3 <= length; i++)
        if ((line[i] == '"' || line[i] == '\'') && line[i] == line[i + 1] &&
            line[i] == line[i + 2]) {
            count++;
            i += 2;
        }
    return count;
}

static void count_line(struct counts *counts, const char *line, size_t length)
{
    static const char *const imports[] = {"import ", "from ", NULL};
    static const char *const definitions[] = {"def ", "class ", "async def ", NULL};
    static const char *const flow[] = {"for ", "while ", "if ", "elif ", "else:", "try:", NULL};
    static const char *const returns[] = {"return", "yield", NULL};
    static const char *const asserts[] = {"assert", "self.assert", NULL};
    size_t blanks = 0;
    while (blanks < length && (line[blanks] == ' ' || line[blanks] == '\t'))
        blanks++;
    counts->lines++;
    counts->longest = (double)length > counts->longest ? (double)length : counts->longest;
    const size_t quotes = triple_quotes(line, length);
    const bool inside = counts->inside || quotes > 0;
    counts->inside = counts->inside != (quotes % 2 == 1);
    const char *const text = line + blanks;
    const size_t left = length - blanks;
    if (left == 0 || text[0] == '\r') {
        counts->blank++;
        return;
    }
    counts->indentation += (double)blanks;
    counts->quoted += inside;
    if (inside)
        return;
    counts->comments += text[0] == '#';
    counts->imports += begins(text, left, imports);
    counts->definitions += begins(text, left, definitions);
    counts->flow += begins(text, left, flow);
    counts->returns += begins(text, left, returns);
    counts->asserts += begins(text, left, asserts);
}

static void count_name(struct counts *counts, const char *name, size_t length)
{
    uint32_t *const place = &counts->table[hash_bytes(name, length, 0) & (NAMES - 1)];
    counts->words++;
    counts->letters += (double)length;
    counts->different += *place == 0;
    *place += *place < UINT32_MAX;
}

static void count_characters(struct counts *counts, const char *text, size_t length)
{
    size_t begin = 0;
    bool name = false;
    for (size_t i = 0; i <= length; i++) {
        const unsigned char c = i < length ? (unsigned char)text[i] : ' ';
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c | 32) >= 'a' && (c | 32) <= 'z' && c < 128;
        const bool part = letter || c == '_' || (digit && name);
        if (part && !name)
            begin = i;
        if (name && !part)
            count_name(counts, text + begin, i - begin);
        name = part;
        counts->digits += digit;
        counts->capitals += c >= 'A' && c <= 'Z';
        counts->quotes += c == '"' || c == '\'';
        counts->signs += c > ' ' && c < 127 && !digit && !letter;
    }
}

/* Bits a name, of the names' frequencies. */
static double entropy_of(const struct counts *counts)
{
    double sum = 0;
    for (size_t i = 0; i < NAMES && counts->words > 0; i++)
        if (counts->table[i] > 0) {
            const double share = counts->table[i] / counts->words;
            sum -= share * real_log(share);
        }
    return sum / real_log(2);
}

void data_filter_features(const char *text, size_t length, float *out)
{
    struct counts counts = {0};
    for (size_t at = 0; at < length;) {
        const char *const end = memchr(text + at, '\n', length - at);
        const size_t size = end == NULL ? length - at : (size_t)(end - text) - at;
        count_line(&counts, text + at, size);
        at += size + 1;
    }
    count_characters(&counts, text, length);
    const double bytes = length == 0 ? 1 : (double)length;
    const double lines = counts.lines > 0 ? counts.lines : 1;
    const double full = lines - counts.blank > 0 ? lines - counts.blank : 1;
    const double words = counts.words > 0 ? counts.words : 1;
    const double values[DATA_FILTER_FEATURES] = {
        [BYTES] = real_log(bytes),
        [LINES] = real_log(lines),
        [MEAN_LINE] = bytes / full,
        [LONGEST_LINE] = real_log(1 + counts.longest),
        [BLANK_LINES] = counts.blank / lines,
        [COMMENT_LINES] = counts.comments / full,
        [QUOTED_LINES] = counts.quoted / full,
        [IMPORT_LINES] = counts.imports / full,
        [DEFINITION_LINES] = counts.definitions / full,
        [FLOW_LINES] = counts.flow / full,
        [RETURN_LINES] = counts.returns / full,
        [ASSERT_LINES] = counts.asserts / full,
        [INDENTATION] = counts.indentation / full,
        [DIGITS] = counts.digits / bytes,
        [SIGNS] = counts.signs / bytes,
        [QUOTES] = counts.quotes / bytes,
        [CAPITALS] = counts.capitals / bytes,
        [NAME_ENTROPY] = entropy_of(&counts),
        [NAME_VARIETY] = counts.different / words,
        [NAME_LENGTH] = counts.letters / words,
    };
    for (size_t i = 0; i < DATA_FILTER_FEATURES; i++)
        out[i] = (float)values[i];
}
