/* bpe_train.h - learning a byte-level BPE from texts (Sennrich et al. 2016, arXiv 1508.07909; on
 * bytes: Radford et al. 2019).
 *
 *   texts --parts--> threads --pattern--> pieces --count--> distinct pieces     bpe_train_read.c
 *   distinct pieces --the most frequent pair joins, again and again--> merges   bpe_train_merge.c
 *   merges --> a GGUF of tokenizer.* keys, or a tokenizer.json                  bpe_train_write.c
 *
 * Of pairs that are equally frequent the one whose bytes are greater joins: the left halves are
 * compared, byte by byte, then the right ones. A pair is counted wherever two tokens are
 * neighbours, and joined from the left. Nothing depends on the number of threads.
 *
 * Special tokens that stand in a text are borders: what lies on their two sides is cut as two
 * texts, and they are part of no merge. So is the border between two files.
 *
 * Ids: the special tokens, the 256 bytes in the order of GPT-2's alphabet ('!' first), the merges'
 * tokens in their order; or the special tokens last.
 *
 * `characters`: no merges but those that build the texts' characters of their bytes, and of the
 * bytes only those that occur, so that an ASCII text has a token for each of its characters and no
 * others. Texts with other bytes then can't be encoded.
 */
#ifndef TOKENIZER_BPE_TRAIN_H
#define TOKENIZER_BPE_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "tokenizer/bpe_train_pattern.h"

#define BPE_TRAIN_TOKEN_MOST 2048 /* bytes of a token: its text in the alphabet has at most twice */

struct bpe_train_options {
    size_t vocabulary;   /* ids in all; 0 with `characters` */
    const char *pattern; /* bpe_train_pattern.h */
    bool split_digits, characters;
    uint64_t least_count;       /* of a pair that is merged; 0: 2 */
    bool fewer;                 /* no error where the texts have no more pairs than that */
    const char *const *special; /* first ids first */
    size_t special_count;
    bool special_last;
    const char *chat_template; /* text that a GGUF carries as it is; NULL: none */
    size_t threads;            /* 0: as many as are worth using */
    /* Of the table of distinct pieces; beyond them the rarest are forgotten. 0: 8,388,608 pieces,
     * 256 MiB. */
    size_t pieces_most;
    uint64_t bytes_most;
    size_t part; /* bytes of a text that a thread takes at once; 0: 512 KiB */
    /* NULL, or told of progress; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, const char *what, uint64_t done, uint64_t all);
    void *context;
};

struct bpe_train_pair {
    uint32_t left, right; /* symbols: 0..255 bytes, 256 + i what merge i makes */
};

struct bpe_train_token {
    uint32_t at, length; /* in `bytes` */
};

/* What was learned; free with bpe_train_free. */
struct bpe_trained {
    struct bpe_train_pattern pattern;
    struct buffer bytes;            /* of all tokens */
    struct bpe_train_token *tokens; /* [256 + merge_count] by symbol */
    struct bpe_train_pair *merges;  /* [merge_count] */
    size_t merge_count;
    bool written[256]; /* the byte has a token */
    size_t byte_count; /* that have */
    char **special;    /* [special_count] */
    size_t special_count;
    bool special_last;
    char *chat_template; /* NULL: none */
    /* what was seen */
    uint64_t text_bytes, pieces, distinct; /* pieces: all; distinct: in the table at the end */
    uint64_t forgotten, forgotten_pieces;  /* occurrences, distinct pieces */
    uint64_t last_count;                   /* of the last merge's pair */
    double counting_seconds, merging_seconds;
};

/* Files' names; a file may have any bytes and any size. */
primer_status bpe_train(const char *const *paths, size_t count,
                        const struct bpe_train_options *options, struct bpe_trained **trained,
                        primer_error *error);
void bpe_train_free(struct bpe_trained *trained);

size_t bpe_train_vocabulary(const struct bpe_trained *trained);
int32_t bpe_train_id(const struct bpe_trained *trained, uint32_t symbol);
/* A GGUF where the path ends in .gguf, else a tokenizer.json. The first special token is the
 * beginning and the end of a text. */
primer_status bpe_train_write(const struct bpe_trained *trained, const char *path,
                              primer_error *error);
bool bpe_train_is_gguf(const char *path);

#endif
