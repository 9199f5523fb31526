/* tokenizer_helper.h - what the tests of this folder share: loading, small vocabularies, messages.
 */
#ifndef TESTS_TOKENIZER_HELPER_H
#define TESTS_TOKENIZER_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "tokenizer/tokenizer.h"

/* A file of the shared data; NULL where it isn't there. Static. */
const char *helper_shared(const char *file);
struct buffer helper_read(const char *path);
/* By the name's ending: .json or a GGUF. Fails the test with the error's message. */
struct tokenizer *helper_load(const char *path);
struct tokenizer *helper_json(const char *text);

/* A GGUF of metadata alone. Zero or NULL: the key is left out. */
struct helper_gguf {
    const char *model, *pre, *name, *architecture;
    const char *const *tokens; /* [count] */
    size_t count;
    const int32_t *kinds; /* [count] */
    const float *scores;  /* [count] */
    const char *const *merges;
    size_t merge_count;
    int64_t bos, eos, unknown; /* + 1 */
    int add_bos, add_prefix;   /* 1 true, -1 false */
    bool wrong_types;          /* scores as strings */
    size_t fewer_kinds;        /* left off the end */
    size_t fail_at;            /* n + 1: the n-th allocation of loading fails */
};
primer_status helper_from_gguf(const struct helper_gguf *plan, struct tokenizer **tokenizer,
                               primer_error *error);

struct token_list helper_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                                unsigned flags);
/* Fails unless the text has exactly these ids: "1 2 3". */
void helper_expect(const struct tokenizer *tokenizer, const char *text, size_t length,
                   unsigned flags, const char *ids);
/* Fails unless encoding and decoding gives the text. */
void helper_round_trip(const struct tokenizer *tokenizer, const char *text, size_t length,
                       unsigned flags);

#endif
