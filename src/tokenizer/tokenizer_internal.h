/* tokenizer_internal.h - what a tokenizer is made of, and one call's working state.
 *
 *   text --added--> fragments --family--> words --merge--> symbols --> ids
 *
 *   byte-level   pattern cuts words; a symbol is a byte's token          byte_level.c
 *   pieces       borders cut words; a symbol is a character's token      pieces.c
 */
#ifndef TOKENIZER_TOKENIZER_INTERNAL_H
#define TOKENIZER_TOKENIZER_INTERNAL_H

#include "tokenizer/added.h"
#include "tokenizer/merge.h"
#include "tokenizer/pattern.h"
#include "tokenizer/pieces.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

#define TOKENIZER_TEXT_MOST ((size_t)1 << 30) /* bytes of one call */

/* Where a space is put before a text (SentencePiece's dummy prefix). */
enum tokenizer_prefix {
    TOKENIZER_PREFIX_NEVER,
    TOKENIZER_PREFIX_FIRST, /* before the text */
    TOKENIZER_PREFIX_ALWAYS /* and after every added token */
};

struct tokenizer {
    struct vocabulary vocabulary;
    struct added added;
    struct merge_table merges;
    bool byte_level;    /* else pieces */
    bool fuses_unknown; /* neighbouring unknown characters are one unknown token */
    bool whole_words;   /* byte-level: a word that is a token is taken without merging */
    bool prefix_once;   /* no prefix where the text begins with a space */
    bool adds_bos;
    bool unknown_is_written; /* every byte has a token: the unknown one is only ever spelled out */
    enum tokenizer_prefix prefix;
    int32_t bos, eos, unknown; /* -1: none */
    /* byte-level */
    struct pattern pattern;
    struct unicode_class_map classes;
    uint32_t byte_symbols[256]; /* vocabulary.count + byte: no token */
    /* pieces */
    struct pieces pieces;
};

/* One call of tokenizer_encode. */
struct encoder {
    const struct tokenizer *tokenizer;
    struct token_list *out;
    size_t fragment_start; /* out->count where this fragment's ids begin */
    size_t unknowns;       /* characters so far that the vocabulary couldn't express */
    struct merge_work work;
    struct word_cache cache;
    struct buffer prefixed; /* a fragment with its prefix */
};

/* After vocabulary, pattern and settings are there: bytes, added tokens, byte symbols. `bytes`: the
 * ids of
 * "<0x00>".."<0xFF>" may be used for what has no token. */
primer_status tokenizer_complete(struct tokenizer *tokenizer, bool byte_fallback,
                                 primer_error *error);
struct tokenizer *tokenizer_allocate(primer_error *error); /* settings: none, no ids */

/* token_list.c: room for `more` ids, which are written to out->ids[out->count..]. */
primer_status token_list_reserve(struct token_list *list, size_t more, primer_error *error);
/* What the vocabulary can't express, `length` bytes of one character: its bytes' tokens, else the
 * unknown token, else an error. */
primer_status tokenizer_append_unknown(struct encoder *encoder, const char *bytes, size_t length,
                                       primer_error *error);

primer_status byte_level_encode(struct encoder *encoder, const char *text, size_t length,
                                primer_error *error);
primer_status pieces_encode(struct encoder *encoder, const char *text, size_t length,
                            primer_error *error);

#endif
