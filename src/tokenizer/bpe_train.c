/* bpe_train.c - what is asked for is checked, texts are read, merges learned, ids dealt out. See
 * bpe_train.h. */
#include "tokenizer/bpe_train.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/bpe_train_count.h"
#include "tokenizer/bpe_train_merge.h"
#include "tokenizer/bpe_train_read.h"
#include "tokenizer/vocabulary.h"

bool bpe_train_is_gguf(const char *path)
{
    const size_t length = strlen(path);
    return length >= 5 && strcmp(path + length - 5, ".gguf") == 0;
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static primer_status check_special(const struct bpe_train_options *options, size_t index,
                                   primer_error *error)
{
    const char *const text = options->special[index];
    const size_t length = strlen(text);
    char shown[64], bytes[VOCABULARY_TEXT_MOST];
    size_t byte_count = 0;
    error_printable(text, length, shown, sizeof shown);
    if (length == 0)
        return error_set(error, PRIMER_EINVAL, "special token %zu is empty", index);
    if (length > VOCABULARY_TEXT_MOST)
        return error_set(error, PRIMER_ELIMIT, "special token '%s' has %zu bytes: at most %d",
                         shown, length, VOCABULARY_TEXT_MOST);
    if (!utf8_valid(text, length))
        return error_set(error, PRIMER_EINVAL, "special token '%s' is not valid UTF-8", shown);
    if (vocabulary_alphabet_decode(text, length, bytes, &byte_count) && byte_count == 1)
        return error_set(error, PRIMER_EINVAL,
                         "special token '%s' is a single byte, which has a token of its own",
                         shown);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(options->special[i], text) == 0)
            return error_set(error, PRIMER_EINVAL, "special token '%s' is there twice", shown);
    }
    return PRIMER_OK;
}

static primer_status check_options(const struct bpe_train_options *options, primer_error *error)
{
    const size_t least = 256 + options->special_count;
    for (size_t i = 0; i < options->special_count; i++)
        FORWARD(check_special(options, i, error));
    if (options->characters && options->vocabulary != 0)
        return error_set(error, PRIMER_EINVAL,
                         "vocabulary: with characters the texts decide its size");
    if (options->characters)
        return PRIMER_OK;
    if (options->vocabulary < least)
        return error_set(error, PRIMER_EINVAL,
                         "vocabulary: found %zu, expected at least %zu, for 256 bytes and %zu "
                         "special tokens",
                         options->vocabulary, least, options->special_count);
    if (options->vocabulary > VOCABULARY_MOST)
        return error_set(error, PRIMER_ELIMIT, "vocabulary: found %zu, expected at most %zu",
                         options->vocabulary, VOCABULARY_MOST);
    return PRIMER_OK;
}

/* ---- beginnings ------------------------------------------------------------------------------ */

static primer_status copy_special(struct bpe_trained *trained,
                                  const struct bpe_train_options *options, primer_error *error)
{
    trained->special_last = options->special_last;
    if (options->chat_template != NULL) {
        trained->chat_template = memory_copy_text(options->chat_template);
        if (trained->chat_template == NULL)
            return memory_failure(error, "the chat template", strlen(options->chat_template));
    }
    trained->special = memory_allocate(options->special_count, sizeof *trained->special);
    if (trained->special == NULL)
        return memory_failure(error, "the special tokens", options->special_count);
    for (size_t i = 0; i < options->special_count; i++) {
        trained->special[i] = memory_copy_text(options->special[i]);
        if (trained->special[i] == NULL)
            return memory_failure(error, "a special token", strlen(options->special[i]));
        trained->special_count++;
    }
    return PRIMER_OK;
}

/* The 256 bytes, and room for `merges` more. */
static primer_status begin_tokens(struct bpe_trained *trained, size_t merges, primer_error *error)
{
    trained->tokens = memory_allocate(256 + merges, sizeof *trained->tokens);
    trained->merges = memory_allocate(merges, sizeof *trained->merges);
    if (trained->tokens == NULL || trained->merges == NULL)
        return memory_failure(error, "the merges", merges * sizeof *trained->tokens);
    for (uint32_t i = 0; i < 256; i++) {
        const char byte = (char)i;
        trained->tokens[i] = (struct bpe_train_token){i, 1};
        FORWARD(buffer_append(&trained->bytes, &byte, 1, error));
    }
    return PRIMER_OK;
}

/* ---- merges ---------------------------------------------------------------------------------- */

/* No merge makes a token that the vocabulary would have twice, or take for the end of a text. */
static bool refuse_token(void *context, const char *bytes, size_t length)
{
    const struct bpe_trained *const trained = context;
    char decoded[VOCABULARY_TEXT_MOST], text[2 * BPE_TRAIN_TOKEN_MOST];
    size_t text_length = 0, decoded_length;
    for (size_t i = 0; i < trained->special_count; i++) {
        if (vocabulary_alphabet_decode(trained->special[i], strlen(trained->special[i]), decoded,
                                       &decoded_length) &&
            decoded_length == length && memcmp(decoded, bytes, length) == 0)
            return true;
    }
    for (size_t i = 0; i < length; i++)
        text_length += vocabulary_alphabet_encode((unsigned char)bytes[i], text + text_length);
    return vocabulary_is_end(text, text_length);
}

static primer_status learn_merges(struct bpe_trained *trained, struct bpe_train_counts *counts,
                                  const struct bpe_train_options *options, primer_error *error)
{
    const size_t wanted = options->vocabulary - 256 - options->special_count;
    const struct bpe_train_merging merging = {
        .wanted = wanted,
        .least_count = options->least_count == 0 ? 2 : options->least_count,
        .refused = refuse_token,
        .refused_context = trained,
        .progress = options->progress,
        .context = options->context,
    };
    for (size_t i = 0; i < 256; i++)
        trained->written[i] = true;
    trained->byte_count = 256;
    FORWARD(begin_tokens(trained, wanted, error));
    FORWARD(bpe_train_merge(counts, &merging, trained, error));
    if (trained->merge_count == wanted || options->fewer)
        return PRIMER_OK;
    return error_set(
        error, PRIMER_EINVAL,
        "vocabulary: found %zu, but in these texts no pair is left that occurs %llu "
        "times after %zu; expected at most that many, unless fewer are allowed (--fewer)",
        options->vocabulary, (unsigned long long)merging.least_count,
        bpe_train_vocabulary(trained));
}

/* ---- characters ------------------------------------------------------------------------------ */

struct characters {
    uint32_t *points;
    size_t count;
};

static int compare_points(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static primer_status gather_characters(struct bpe_trained *trained,
                                       const struct bpe_train_counts *counts,
                                       struct characters *found, primer_error *error)
{
    found->points = memory_allocate(counts->used, sizeof *found->points);
    if (found->points == NULL)
        return memory_failure(error, "the characters", counts->used * sizeof *found->points);
    for (size_t i = 0; i < counts->capacity; i++) {
        size_t length;
        if (counts->slots[i].count == 0)
            continue;
        const char *const bytes = bpe_train_counts_piece(counts, &counts->slots[i], &length);
        for (size_t j = 0; j < length; j++)
            trained->written[(unsigned char)bytes[j]] = true;
        if (length > 1)
            utf8_decode(bytes, length, &found->points[found->count++]);
    }
    qsort(found->points, found->count, sizeof *found->points, compare_points);
    for (size_t i = 0; i < 256; i++)
        trained->byte_count += trained->written[i];
    return PRIMER_OK;
}

/* The merges that make the character of its bytes, from the left; the beginnings that neighbours
 * share (they are in order) are made once. `chain`: the symbols of the character before. */
static primer_status build_character(struct bpe_trained *trained, uint32_t point, uint32_t chain[4],
                                     char former[4], size_t *former_length, primer_error *error)
{
    char bytes[4];
    const size_t length = utf8_encode(point, bytes);
    bool same = *former_length > 0 && former[0] == bytes[0];
    chain[0] = (unsigned char)bytes[0];
    for (size_t i = 1; i < length; i++) {
        same = same && i < *former_length && former[i] == bytes[i];
        if (same)
            continue;
        const struct bpe_train_pair pair = {chain[i - 1], (unsigned char)bytes[i]};
        chain[i] = (uint32_t)(256 + trained->merge_count);
        FORWARD(bpe_train_append(trained, pair, error));
    }
    memcpy(former, bytes, sizeof bytes);
    *former_length = length;
    return PRIMER_OK;
}

static primer_status learn_characters(struct bpe_trained *trained, struct bpe_train_counts *counts,
                                      primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct characters found = {0};
    uint32_t chain[4] = {0};
    char former[4] = {0};
    size_t former_length = 0;
    TRY(gather_characters(trained, counts, &found, error));
    TRY(begin_tokens(trained, 3 * found.count, error));
    for (size_t i = 0; i < found.count; i++)
        TRY(build_character(trained, found.points[i], chain, former, &former_length, error));
    if (bpe_train_vocabulary(trained) > VOCABULARY_MOST)
        FAIL(PRIMER_ELIMIT,
             "the texts have %zu different characters, a vocabulary of %zu: at "
             "most %zu",
             found.count, bpe_train_vocabulary(trained), VOCABULARY_MOST);
    for (size_t i = 0; i < trained->merge_count; i++) {
        const struct bpe_train_token token = trained->tokens[256 + i];
        if (refuse_token(trained, trained->bytes.bytes + token.at, token.length))
            FAIL(PRIMER_EINVAL, "a special token is how a character of the texts is written");
    }
cleanup:
    memory_free(found.points);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

static primer_status train(struct bpe_trained *trained, const char *const *paths, size_t count,
                           const struct bpe_train_options *options, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bpe_train_counts counts = {0};
    const uint64_t begun = clock_nanoseconds();
    TRY(bpe_train_read(paths, count, options, trained, &counts, error));
    trained->counting_seconds = clock_seconds_since(begun);
    TRY(options->characters ? learn_characters(trained, &counts, error)
                            : learn_merges(trained, &counts, options, error));
    trained->merging_seconds = clock_seconds_since(begun) - trained->counting_seconds;
cleanup:
    bpe_train_counts_free(&counts);
    return status;
}

primer_status bpe_train(const char *const *paths, size_t count,
                        const struct bpe_train_options *options, struct bpe_trained **trained,
                        primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bpe_trained *made = NULL;
    TRY(check_options(options, error));
    made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        TRY(memory_failure(error, "a tokenizer", sizeof *made));
    TRY(copy_special(made, options, error));
    TRY(bpe_train_pattern_create(&made->pattern, options->pattern, options->split_digits, error));
    TRY(train(made, paths, count, options, error));
    *trained = made;
    made = NULL;
cleanup:
    bpe_train_free(made);
    return status;
}

void bpe_train_free(struct bpe_trained *trained)
{
    if (trained == NULL)
        return;
    bpe_train_pattern_free(&trained->pattern);
    buffer_free(&trained->bytes);
    memory_free(trained->tokens);
    memory_free(trained->merges);
    for (size_t i = 0; i < trained->special_count; i++)
        memory_free(trained->special[i]);
    memory_free(trained->special);
    memory_free(trained->chat_template);
    memory_free(trained);
}

size_t bpe_train_vocabulary(const struct bpe_trained *trained)
{
    return trained->special_count + trained->byte_count + trained->merge_count;
}

/* How many bytes that have a token come before this one in GPT-2's alphabet. */
static size_t byte_rank(const struct bpe_trained *trained, unsigned byte)
{
    char text[2], other[2];
    const size_t length = vocabulary_alphabet_encode((unsigned char)byte, text);
    size_t rank = 0;
    for (unsigned i = 0; i < 256; i++) {
        const size_t other_length = vocabulary_alphabet_encode((unsigned char)i, other);
        const bool before =
            other_length < length || (other_length == length && memcmp(other, text, length) < 0);
        rank += before && trained->written[i];
    }
    return rank;
}

int32_t bpe_train_id(const struct bpe_trained *trained, uint32_t symbol)
{
    const size_t first = trained->special_last ? 0 : trained->special_count;
    if (symbol >= 256)
        return (int32_t)(first + trained->byte_count + symbol - 256);
    return trained->written[symbol] ? (int32_t)(first + byte_rank(trained, symbol)) : -1;
}
