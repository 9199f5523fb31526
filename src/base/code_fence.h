/* code_fence.h - the code in an answer: what stands between two lines of backticks, as Markdown has
 * them.
 *
 *   text | ```python | code | code | ``` | text          code: borrowed, whole lines
 *
 * An opening line is three or more backticks behind any blanks, and a word for the language; the
 * closing line has as many backticks at least and nothing else. A fence that is never closed ends
 * with the text. */
#ifndef BASE_CODE_FENCE_H
#define BASE_CODE_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"

struct code_fence {
    const char *code; /* borrowed from the text */
    size_t length;
    size_t indent;        /* blanks before the opening line, which its lines have before them too */
    const char *language; /* the opening line's word; borrowed */
    size_t language_length;
    bool closed;
};

/* The next fence at or behind *at, which moves behind it; false: there is none. */
bool code_fence_next(const char *text, size_t length, size_t *at, struct code_fence *fence);

/* The last fence that is not empty and called python (or py, python3); else the last that has no
 * language; false: neither. */
bool code_fence_python(const char *text, size_t length, struct code_fence *fence);

/* Appends the code of a fence, or the whole text without white space before it where there is no
 * fence of Python; a fence's own indentation is taken from its lines. */
primer_status code_fence_extract(const char *text, size_t length, struct buffer *code,
                                 primer_error *error);

#endif
