/* fuzz_regex.c - any bytes as a regular expression, up to the first 0, and those behind it as a
 * text: the expression is refused with a message, or means what PCRE2 takes it to mean.
 *
 *   text      gets the verdict that PCRE2 gives it
 *   an answer that follows the same bytes as choices of tokens, and then makes for an end, is
 *             accepted byte by byte, and PCRE2 matches it
 *
 * PCRE2 is asked as ECMA 262 would be (\u, \x, empty classes; anchored at both ends; $ at the very
 * end). What still means something else there is left out: \v, POSIX's names in brackets, and []
 * with a quantifier (there it fails even where it may be left out); and of texts those with a
 * character that `.`, \s or \p (whose tables are another Unicode's) might see differently.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/utf8.h"
#include "follow.h"
#include "fuzz_driver.h"

enum { MATCH_LIMIT = 50000, DEPTH_LIMIT = 5000, HEAP_LIMIT = 16384 /* KiB */ };

/* An expression may take CONSTRAINT_SCRATCH, and its network as much again. */
const size_t fuzz_growth = (size_t)768 << 20;

struct text {
    const char *bytes;
    size_t length;
};

enum verdict { REFUSES, MATCHES, NO_VERDICT };

/* ---- where both mean the same ---------------------------------------------------------------- */

static bool has(struct text text, const char *piece)
{
    return text.length > 0 && memmem(text.bytes, text.length, piece, strlen(piece)) != NULL;
}

/* [:word:] [.x.] [=x=] */
static bool has_bracketed_name(struct text pattern)
{
    static const char *const opening[] = {"[:", "[.", "[="}, *const closing[] = {":]", ".]", "=]"};
    for (size_t i = 0; i < 3; i++) {
        const char *const at =
            pattern.length > 0 ? memmem(pattern.bytes, pattern.length, opening[i], 2) : NULL;
        const size_t left = at == NULL ? 0 : pattern.length - (size_t)(at + 2 - pattern.bytes);
        if (at != NULL && has((struct text){at + 2, left}, closing[i]))
            return true;
    }
    return false;
}

static bool is_common(struct text pattern)
{
    const bool repeated = has(pattern, "[]?") || has(pattern, "[]*") || has(pattern, "[]{");
    return !has(pattern, "\\v") && !repeated && !has_bracketed_name(pattern);
}

/* Whether no character of the text could be seen differently. */
static bool is_seen_alike(struct text pattern, struct text text)
{
    const bool dots = has(pattern, ".");
    const bool spaces = has(pattern, "\\s") || has(pattern, "\\S");
    const bool properties = has(pattern, "\\p") || has(pattern, "\\P");
    for (size_t at = 0, bytes; at < text.length; at += bytes) {
        uint32_t c = 0;
        bytes = utf8_decode(text.bytes + at, text.length - at, &c);
        if (bytes == 0)
            return true; /* refused by both */
        if ((dots && (c == 0x0B || c == 0x0C || c == 0x85)) || (spaces && c >= 0xA0) ||
            (properties && c >= 0x370))
            return false;
    }
    return true;
}

/* ---- PCRE2 ----------------------------------------------------------------------------------- */

/* NULL: it doesn't take the expression. */
static pcre2_code *compile(struct text pattern)
{
    const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_ALT_BSUX |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_DOLLAR_ENDONLY;
    pcre2_compile_context *const context = pcre2_compile_context_create(NULL);
    int error;
    PCRE2_SIZE at;
    fuzz_check(context != NULL, "there is memory for PCRE2");
    pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_code *const code = pcre2_compile((PCRE2_SPTR)(pattern.length > 0 ? pattern.bytes : ""),
                                           pattern.length, options, &error, &at, context);
    pcre2_compile_context_free(context);
    return code;
}

static enum verdict match(const pcre2_code *code, struct text text)
{
    pcre2_match_context *const context = pcre2_match_context_create(NULL);
    pcre2_match_data *const data = pcre2_match_data_create_from_pattern(code, NULL);
    fuzz_check(context != NULL && data != NULL, "there is memory for PCRE2");
    pcre2_set_match_limit(context, MATCH_LIMIT);
    pcre2_set_depth_limit(context, DEPTH_LIMIT);
    pcre2_set_heap_limit(context, HEAP_LIMIT);
    const int found = pcre2_match(code, (PCRE2_SPTR)(text.length > 0 ? text.bytes : ""),
                                  text.length, 0, 0, data, context);
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    if (found >= 0)
        return MATCHES;
    return found == PCRE2_ERROR_NOMATCH ||
                   (found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21)
               ? REFUSES
               : NO_VERDICT;
}

/* ---- both ------------------------------------------------------------------------------------ */

static void hold(struct text pattern, struct text text, bool promise, const char *what)
{
    if (!promise)
        fprintf(stderr, "expression: %.*s\ntext: %.*s\n", (int)pattern.length, pattern.bytes,
                (int)text.length, text.bytes);
    fuzz_check(promise, what);
}

static void check_answer(primer_constraint *constraint, const pcre2_code *code, struct text pattern,
                         struct text choices)
{
    struct buffer answer = {0};
    const struct follow_choices chosen = {(const unsigned char *)choices.bytes, choices.length,
                                          false};
    if (follow_write(constraint, chosen, &answer) == FOLLOW_COMPLETE) {
        const struct text text = {answer.bytes, answer.length};
        const enum follow_verdict again = follow_read(constraint, text.bytes, text.length);
        hold(pattern, text, again == FOLLOW_COMPLETE || again == FOLLOW_LIMITED,
             "what is written is accepted byte by byte");
        hold(pattern, text, utf8_valid(text.bytes, text.length), "what is written is UTF-8");
        hold(pattern, text,
             code == NULL || !is_seen_alike(pattern, text) || match(code, text) != REFUSES,
             "PCRE2 matches what is written");
    }
    buffer_free(&answer);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    const unsigned char *const zero = size > 0 ? memchr(data, 0, size) : NULL;
    const struct text pattern = {(const char *)data, zero != NULL ? (size_t)(zero - data) : size};
    const struct text text = {zero != NULL ? (const char *)zero + 1 : "",
                              zero != NULL ? size - pattern.length - 1 : 0};
    const primer_status status =
        constraint_regex(pattern.bytes, pattern.length, &constraint, &error);
    fuzz_status(status, &error);
    /* PRIMER_EINVAL: nothing matches it, which is a verdict too. */
    if (status != PRIMER_OK && status != PRIMER_EINVAL)
        return 0;
    pcre2_code *const code = is_common(pattern) ? compile(pattern) : NULL;
    enum follow_verdict own = FOLLOW_REFUSED;
    if (status == PRIMER_OK) {
        follow_narrow(constraint, pattern.length);
        own = follow_read(constraint, text.bytes, text.length);
        check_answer(constraint, code, pattern, text);
    }
    if (code != NULL && own != FOLLOW_LIMITED && is_seen_alike(pattern, text)) {
        const enum verdict other = match(code, text);
        hold(pattern, text, other == NO_VERDICT || (other == MATCHES) == (own == FOLLOW_COMPLETE),
             "a text has the verdict of PCRE2");
    }
    pcre2_code_free(code);
    constraint_free(constraint);
    return 0;
}
