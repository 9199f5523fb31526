/* bpe_train_plain.c - see bpe_train_plain.h. */
#include "bpe_train_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void plain_push(struct bpe_train_plain *plain, uint32_t symbol)
{
    if (plain->count == plain->capacity) {
        plain->capacity = 2 * plain->capacity + 1024;
        plain->symbols = realloc(plain->symbols, plain->capacity * sizeof *plain->symbols);
    }
    plain->symbols[plain->count++] = symbol;
}

static primer_status plain_piece(void *context, const char *piece, size_t length, size_t readable,
                                 primer_error *error)
{
    (void)readable, (void)error;
    for (size_t i = 0; i < length; i++)
        plain_push(context, (unsigned char)piece[i]);
    plain_push(context, UINT32_MAX);
    return PRIMER_OK;
}

void bpe_train_plain_cut(struct bpe_train_plain *plain, const struct pattern *pattern,
                         const char *text, size_t length)
{
    struct unicode_class_map map;
    assert_int_equal(unicode_class_create(&map, NULL), PRIMER_OK);
    const size_t special = strlen(BPE_TRAIN_PLAIN_END);
    size_t start = 0;
    for (size_t at = 0; at < length; at++) {
        if (length - at < special || memcmp(text + at, BPE_TRAIN_PLAIN_END, special) != 0)
            continue;
        assert_int_equal(
            pattern_split(pattern, &map, text + start, at - start, plain_piece, plain, NULL),
            PRIMER_OK);
        start = at + special;
        at = start - 1;
    }
    assert_int_equal(
        pattern_split(pattern, &map, text + start, length - start, plain_piece, plain, NULL),
        PRIMER_OK);
    unicode_class_free(&map);
}

static int plain_compare(const struct bpe_train_plain_token *a,
                         const struct bpe_train_plain_token *b)
{
    const int order = memcmp(a->bytes, b->bytes, a->length < b->length ? a->length : b->length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

bool bpe_train_plain_best(struct bpe_train_plain *plain, uint64_t least, uint32_t *left,
                          uint32_t *right)
{
    memset(plain->pairs, 0, sizeof plain->pairs);
    for (size_t i = 0; i + 1 < plain->count; i++) {
        if (plain->symbols[i] != UINT32_MAX && plain->symbols[i + 1] != UINT32_MAX)
            plain->pairs[plain->symbols[i]][plain->symbols[i + 1]]++;
    }
    uint64_t best = 0;
    for (uint32_t a = 0; a < plain->token_count; a++) {
        for (uint32_t b = 0; b < plain->token_count; b++) {
            const uint64_t count = plain->pairs[a][b];
            if (count < least || count < best)
                continue;
            int order = 1;
            if (count == best)
                order = plain_compare(&plain->tokens[a], &plain->tokens[*left]);
            if (count == best && order == 0)
                order = plain_compare(&plain->tokens[b], &plain->tokens[*right]);
            if (order <= 0)
                continue;
            best = count;
            *left = a;
            *right = b;
        }
    }
    return best > 0;
}

void bpe_train_plain_join(struct bpe_train_plain *plain, uint32_t left, uint32_t right)
{
    const struct bpe_train_plain_token *const a = &plain->tokens[left], *const b =
                                                                            &plain->tokens[right];
    const uint32_t made = (uint32_t)plain->token_count++;
    struct bpe_train_plain_token *const token = &plain->tokens[made];
    assert_true(a->length + b->length <= BPE_TRAIN_TOKEN_MOST);
    memcpy(token->bytes, a->bytes, a->length);
    memcpy(token->bytes + a->length, b->bytes, b->length);
    token->length = a->length + b->length;
    size_t kept = 0;
    for (size_t i = 0; i < plain->count; i++) {
        const bool here =
            i + 1 < plain->count && plain->symbols[i] == left && plain->symbols[i + 1] == right;
        plain->symbols[kept++] = here ? made : plain->symbols[i];
        i += here;
    }
    plain->count = kept;
}
