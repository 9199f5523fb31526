/* model_pieces.h - growing a set of pieces by merges: the part that both built-in tokenizers share.
 *
 * Pieces are raw bytes (a space is a space). Pieces [0, singles) are given; each further piece is
 * the join of two earlier ones, and no two pieces are equal, so the merges are consistent in either
 * tokenizer.
 */
#ifndef TOOLS_MODEL_PIECES_H
#define TOOLS_MODEL_PIECES_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define MODEL_PIECES_LENGTH 15 /* bytes of the longest piece */

struct model_piece {
    unsigned char bytes[MODEL_PIECES_LENGTH], length;
    uint32_t left, right; /* of a merged piece: what it joins */
};

struct model_pieces {
    struct model_piece *pieces; /* [count] */
    size_t count, singles, capacity;
    uint32_t *slots; /* hash table of piece number + 1, [mask + 1] */
    size_t mask;
};

/* `singles` pieces of one byte each, and merges up to `count` pieces in all. */
primer_status model_pieces_create(struct model_pieces *pieces, const unsigned char *singles,
                                  size_t single_count, size_t count, uint64_t seed,
                                  primer_error *error);
void model_pieces_free(struct model_pieces *pieces);

#endif
