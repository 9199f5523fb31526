/* pieces.h - SentencePiece-style BPE: characters, and between which of them a piece may lie.
 *
 *   character -> page (code point >> 8) -> symbol
 *
 *   symbol < vocabulary count          the character is a token
 *   symbol = count + k                 it is no token, but part of one; its code point: letters[k]
 *   PIECES_NONE                        it is in no piece: nothing joins across it
 *
 * `joins` holds the pairs of symbols that stand side by side inside some piece. A border between
 * two characters whose pair is not there is never merged across, so the text is cut at it before
 * merging.
 *
 * A space is looked up as "▁" (U+2581). A byte that is no well-formed UTF-8 counts as a character
 * of its own, at code point 0x110000 + byte.
 */
#ifndef TOKENIZER_PIECES_H
#define TOKENIZER_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "tokenizer/merge.h"

#define PIECES_NONE UINT32_MAX
enum { PIECES_PAGES = 0x1101 };

struct tokenizer;

struct pieces {
    uint32_t page_of[PIECES_PAGES]; /* 0: the page where nothing is a symbol */
    uint32_t (*pages)[256];
    size_t page_count, page_capacity;
    uint32_t *letters;
    size_t letter_count, letter_capacity;
    struct merge_table joins;
    unsigned char ascii_joins[128][128];
    int32_t byte_ids[256]; /* of "<0xNN>"; -1: none */
    bool splits_words;     /* nothing joins a "▁" to what is before it */
};

/* Characters and joins from the pieces of the vocabulary, merges from their scores: every way to
 * cut a piece into two symbols is a merge. */
primer_status pieces_from_scores(struct tokenizer *tokenizer, primer_error *error);
/* Characters and joins from the results of the merges that are there. */
primer_status pieces_from_merges(struct tokenizer *tokenizer, primer_error *error);
void pieces_free(struct pieces *pieces);

#endif
