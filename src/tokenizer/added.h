/* added.h - tokens that are found in a text before anything else: the longest at each position.
 *
 *   root[byte] -> node -> next (a sibling: another byte at this depth)
 *                  |
 *                child (the next byte)
 *
 * User-defined tokens (CodeGen's runs of spaces) are always looked for; control and unknown tokens
 * only where special tokens are asked for. A search costs at most the longest token's length per
 * position.
 */
#ifndef TOKENIZER_ADDED_H
#define TOKENIZER_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct added_node {
    uint32_t child, next; /* 0: none */
    int32_t id;           /* the token that ends here; -1: none */
    unsigned char byte;
    bool special;
};

struct added {
    struct added_node *nodes; /* the first is unused */
    size_t count, capacity;
    uint32_t root[256];
    bool starts[2][256]; /* [special looked for]: a token may begin with this byte */
    bool any[2];
};

primer_status added_insert(struct added *added, const char *text, size_t length, int32_t id,
                           bool special, primer_error *error);
void added_free(struct added *added);
/* Where to look. */
struct added_text {
    const char *bytes;
    const unsigned char
        *outside; /* a byte for each: a special token has none that isn't 0; or NULL */
    size_t length;
    bool special; /* special tokens are looked for */
};
/* The first token at or after byte `at`: its id (-1: none), and where it begins and ends. */
int32_t added_search(const struct added *added, const struct added_text *text, size_t at,
                     size_t *begin, size_t *end);

#endif
