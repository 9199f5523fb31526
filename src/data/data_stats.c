/* data_stats.c - a shard described, and its first documents as text. Declared in data.h.
 *
 * It is verified in parts, which threads and processes share among them.
 */
#include "data/data.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/pool.h"
#include "data/data_share.h"
#include "primer.h"
#include "primer_train.h"

#define SAMPLE_TOKENS ((size_t)1 << 20) /* of a document, at most */
#define PARTS         256

/* ---- verifying ------------------------------------------------------------------------------- */

struct part {
    uint64_t asked, longest;
    primer_status status;
    primer_error error;
};

struct verifying {
    const primer_shard *shard;
    struct data_share *share;
    struct pool *pool;
    struct part *parts; /* [PARTS] */
};

static void verify_part(void *context, size_t task, size_t thread)
{
    struct verifying *const verifying = context;
    struct part *const part = &verifying->parts[task];
    (void)thread;
    part->status = primer_shard_verify_part(verifying->shard, task, PARTS, &part->asked,
                                            &part->longest, &part->error);
}

static primer_status verify_own(void *context, primer_error *error)
{
    struct verifying *const verifying = context;
    (void)error;
    data_share_pool(verifying->share, verifying->pool, verify_part, verifying, PARTS);
    return PRIMER_OK;
}

static primer_status save_part(void *context, size_t task, struct buffer *out, primer_error *error)
{
    const struct verifying *const verifying = context;
    const struct part *const part = &verifying->parts[task];
    FORWARD(data_share_put_status(out, part->status, &part->error, error));
    FORWARD(data_share_put(out, part->asked, error));
    return data_share_put(out, part->longest, error);
}

static primer_status load_part(void *context, size_t task, struct cursor *in, primer_error *error)
{
    struct verifying *const verifying = context;
    struct part *const part = &verifying->parts[task];
    FORWARD(data_share_take_status(in, &part->status, &part->error, error));
    FORWARD(cursor_u64(in, "tokens asked for", &part->asked, error));
    return cursor_u64(in, "longest document", &part->longest, error);
}

/* The first part that is wrong says why. */
static primer_status verify(struct data_share *share, const primer_shard *shard,
                            primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct verifying verifying = {.shard = shard, .share = share};
    const struct data_share_round round = {&verifying, PARTS, verify_own, save_part, load_part};
    uint64_t asked = 0, longest = 0;
    FORWARD(pool_create(&verifying.pool, 0, error));
    verifying.parts = memory_allocate(PARTS, sizeof *verifying.parts);
    if (verifying.parts == NULL) {
        status = memory_failure(error, "parts of a shard", PARTS * sizeof *verifying.parts);
        goto cleanup;
    }
    TRY(data_share_run(share, &round, error));
    for (size_t i = 0; i < PARTS; i++) {
        const struct part *const part = &verifying.parts[i];
        if (part->status != PRIMER_OK)
            FAIL(part->status, "%s", part->error.message);
        asked += part->asked;
        longest = part->longest > longest ? part->longest : longest;
    }
    TRY(primer_shard_verify_counts(shard, asked, longest, error));
cleanup:
    memory_free(verifying.parts);
    pool_free(verifying.pool);
    return status;
}

/* ---- samples --------------------------------------------------------------------------------- */

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
    struct data_share share = DATA_SHARE_ALONE;
    size_t rank = 0;
    TRY(data_share_begin(&share, &rank, error));
    TRY(primer_shard_open(path, &shard, error));
    primer_shard_info(shard, &about);
    TRY(verify(&share, shard, error));
    if (tokenizer != NULL)
        TRY(append_samples(shard, &about, tokenizer, count, samples, error));
    stat(path, &facts);
    *stats = (struct data_stats){
        .rank = rank,
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
    data_share_end(&share, status);
    primer_shard_free(shard);
    return status;
}
