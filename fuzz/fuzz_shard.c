/* fuzz_shard.c - any bytes as a shard: they are refused with a message, or every document can be
 * read, or is refused, without leaving the file; what can be verified deals batches, and goes on
 * from where it was.
 */
#include <string.h>

#include "base/hash.h"
#include "fuzz_driver.h"
#include "train/train_shard_layout.h"

enum { LENGTH = 24, ROWS = 3, MOST = 256 };

struct batch {
    int32_t inputs[ROWS * LENGTH], targets[ROWS * LENGTH];
    float weights[ROWS * LENGTH];
    uint32_t starts[ROWS * LENGTH];
};

static void read_documents(const struct train_shard *shard, bool verified)
{
    const struct train_shard_information *about = train_shard_info(shard);
    fuzz_check(about->documents > 0 && about->documents <= about->tokens, "documents have tokens");
    for (uint64_t i = 0; i < about->documents; i++) {
        primer_error error = {0};
        int32_t ids[MOST];
        unsigned char asked[MOST];
        size_t count = 0;
        const primer_status status =
            train_shard_document(shard, i, MOST, ids, asked, &count, &error);
        fuzz_status(status, &error);
        fuzz_check(!verified || status == PRIMER_OK, "what was verified can be read");
        for (size_t j = 0; status == PRIMER_OK && j < count && j < MOST; j++) {
            fuzz_check(ids[j] >= 0 && (size_t)ids[j] < about->vocabulary,
                       "an id is in the vocabulary");
            fuzz_check(asked[j] <= (j > 0), "a mark is 0 or 1, and 0 at the begin");
        }
    }
}

static void check_batch(const struct batch *batch, size_t vocabulary)
{
    for (size_t i = 0; i < ROWS * LENGTH; i++) {
        fuzz_check((size_t)batch->inputs[i] < vocabulary, "an input is in the vocabulary");
        fuzz_check((size_t)batch->targets[i] < vocabulary, "a target is in the vocabulary");
        fuzz_check(batch->weights[i] == 0 || batch->weights[i] == 1, "a weight is 0 or 1");
        fuzz_check(batch->starts[i] <= i % LENGTH, "a document begins before its tokens");
    }
}

static void deal(const struct train_shard *shard, bool whole, bool verified)
{
    static struct batch batch, again;
    const struct train_source sources[] = {{shard, 1}, {shard, 2}};
    struct train_sampler *sampler = NULL;
    primer_error error = {0};
    primer_status status = train_sampler_create(&sampler, sources, 2, 3, whole, LENGTH, &error);
    fuzz_status(status, &error);
    fuzz_check(!verified || status == PRIMER_OK, "what was verified can be dealt");
    if (status != PRIMER_OK)
        return;
    for (size_t i = 0; i < 4; i++) {
        const struct train_position before = *train_sampler_position(sampler);
        status = train_sampler_next(sampler, ROWS, batch.inputs, batch.targets, batch.weights,
                                    batch.starts, &error);
        fuzz_status(status, &error);
        fuzz_check(!verified || status == PRIMER_OK, "what was verified can be dealt");
        if (status != PRIMER_OK)
            break;
        check_batch(&batch, train_shard_info(shard)->vocabulary);
        fuzz_check(train_sampler_seek(sampler, &before, &error) == PRIMER_OK, "there and back");
        status = train_sampler_next(sampler, ROWS, again.inputs, again.targets, again.weights,
                                    again.starts, &error);
        fuzz_check(status == PRIMER_OK && memcmp(&batch, &again, sizeof batch) == 0,
                   "the same position gives the same batch");
    }
    train_sampler_free(sampler);
}

static void try_open(const void *bytes, size_t size)
{
    primer_error error = {0};
    struct train_shard *shard = NULL;
    primer_status status = train_shard_open_memory(&shard, bytes, size, "input", &error);
    fuzz_status(status, &error);
    fuzz_check((shard != NULL) == (status == PRIMER_OK),
               "a shard is open where the status says so");
    if (shard == NULL)
        return;
    status = train_shard_verify(shard, &error);
    fuzz_status(status, &error);
    read_documents(shard, status == PRIMER_OK);
    deal(shard, false, status == PRIMER_OK);
    deal(shard, true, status == PRIMER_OK);
    train_shard_free(shard);
}

/* As it is; and with the header's hash made right, behind which all else stands. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = NULL; /* not a byte longer than the input */
    if (posix_memalign((void **)&copy, 64, size > 0 ? size : 1) != 0)
        return 0;
    memcpy(copy, data, size);
    try_open(copy, size);
    if (size >= TRAIN_SHARD_HEADER) {
        train_shard_put(copy + TRAIN_SHARD_HASHED, hash_bytes(copy, TRAIN_SHARD_HASHED, 0), 8);
        try_open(copy, size);
    }
    free(copy);
    return 0;
}
