/* data_stats.c - a shard described, and its first documents as text. Declared in data.h. */
#include "data/data.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "primer.h"
#include "primer_train.h"

#define SAMPLE_TOKENS ((size_t)1 << 20) /* of a document, at most */

static primer_status append_document(const primer_shard *shard, uint64_t index,
                                     const primer_model *model, int32_t *ids, size_t capacity,
                                     struct buffer *samples, primer_error *error)
{
    size_t count = 0, length = 0;
    char *text = NULL;
    FORWARD(primer_shard_document(shard, index, capacity, ids, NULL, &count, error));
    FORWARD(primer_detokenize(model, ids, count < capacity ? count : capacity, PRIMER_TEXT_SPECIAL,
                              &text, &length, error));
    primer_status status = buffer_json_string(samples, text, length, error);
    if (status == PRIMER_OK)
        status = buffer_text(samples, "\n", error);
    primer_free(text);
    return status;
}

static primer_status append_samples(const primer_shard *shard,
                                    const primer_shard_information *about, const char *tokenizer,
                                    size_t count, struct buffer *samples, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const primer_model_options options = {.vocabulary_only = true};
    const size_t capacity = about->longest < SAMPLE_TOKENS ? (size_t)about->longest : SAMPLE_TOKENS;
    primer_model *model = NULL;
    int32_t *ids = memory_allocate(capacity, sizeof *ids);
    if (ids == NULL)
        return memory_failure(error, "a document", capacity * sizeof *ids);
    TRY(primer_model_open(tokenizer, &options, &model, error));
    if (primer_model_info(model)->vocabulary_hash != about->tokenizer)
        FAIL(PRIMER_EINVAL,
             "%s: the shard was made with another tokenizer: the vocabulary's hash is %016" PRIx64
             ", expected %016" PRIx64,
             tokenizer, primer_model_info(model)->vocabulary_hash, about->tokenizer);
    for (uint64_t i = 0; i < about->documents && i < count; i++)
        TRY(append_document(shard, i, model, ids, capacity, samples, error));
cleanup:
    primer_model_free(model);
    memory_free(ids);
    return status;
}

primer_status data_stats_read(const char *path, const char *tokenizer, size_t count,
                              struct data_stats *stats, struct buffer *samples, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_shard *shard = NULL;
    primer_shard_information about;
    struct stat facts = {0};
    FORWARD(primer_shard_open(path, &shard, error));
    primer_shard_info(shard, &about);
    TRY(primer_shard_verify(shard, error));
    if (tokenizer != NULL)
        TRY(append_samples(shard, &about, tokenizer, count, samples, error));
    stat(path, &facts);
    *stats = (struct data_stats){
        .documents = about.documents,
        .tokens = about.tokens,
        .asked = about.asked,
        .text_bytes = about.text_bytes,
        .longest = about.longest,
        .file_bytes = (uint64_t)facts.st_size,
        .vocabulary = about.vocabulary,
        .tokenizer = about.tokenizer,
    };
cleanup:
    primer_shard_free(shard);
    return status;
}
