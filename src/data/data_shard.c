/* data_shard.c - making a shard: records are read one after the other, tokenized by all threads,
 * and written in the order they were read.
 *
 *   reader --records--> | slot slot slot ... |  --pool--> tokens in each slot --in order--> writer
 *
 * A round fills slots until they hold ROUND_BYTES, so that memory depends on that and the largest
 * record, not on the inputs. The result doesn't depend on the threads. Of several processes each makes
 * the tokens of its slots (data_share.h), and the first one writes.
 */
#include "data/data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/data_read.h"
#include "data/data_share.h"
#include "data/data_tokens.h"
#include "primer_train.h"

#define SLOTS       512
#define ROUND_BYTES ((size_t)4 << 20)
#define KEEP_BYTES  ((size_t)1 << 20) /* a slot that grew beyond gives its memory back */

struct slot {
    struct buffer record;
    uint64_t line;
    bool too_long;
    struct data_tokens tokens;
    primer_status status;
    primer_error error;
};

struct making {
    const struct data_shard_options *options;
    struct data_shard_summary *summary;
    struct data_maker maker;
    struct data_reader reader;
    struct pool *pool;
    struct data_share share;
    primer_shard_writer *writer; /* NULL: another process writes */
    struct slot *slots;          /* [SLOTS] */
    size_t filled;
    uint64_t before; /* bytes of the files that are done */
    uint64_t *sizes; /* of the files */
    uint64_t done;   /* bytes, as was reported last */
};

/* ---- records to tokens ----------------------------------------------------------------------- */

static void make_tokens(void *context, size_t task, size_t thread)
{
    struct making *const making = context;
    struct slot *const slot = &making->slots[task];
    const char *const path = making->reader.path;
    (void)thread;
    if (slot->too_long)
        slot->status =
            error_set(&slot->error, PRIMER_ELIMIT, "%s:%" PRIu64 ": a line of more than %zu bytes",
                      path, slot->line, DATA_LINE_MOST);
    else if (making->reader.json)
        slot->status = data_tokens_of_json(&making->maker, slot->record.bytes, slot->record.length,
                                           path, slot->line, &slot->tokens, &slot->error);
    else
        slot->status = data_tokens_of_text(&making->maker, slot->record.bytes, slot->record.length,
                                           path, slot->line, &slot->tokens, &slot->error);
}

static primer_status make_own(void *context, primer_error *error)
{
    struct making *const making = context;
    (void)error;
    data_share_pool(&making->share, making->pool, make_tokens, making, making->filled);
    return PRIMER_OK;
}

static primer_status save_slot(void *context, size_t task, struct buffer *out, primer_error *error)
{
    const struct making *const making = context;
    const struct slot *const slot = &making->slots[task];
    FORWARD(data_share_put_status(out, slot->status, &slot->error, error));
    return slot->status == PRIMER_OK ? data_tokens_save(&slot->tokens, out, error) : PRIMER_OK;
}

static primer_status load_slot(void *context, size_t task, struct cursor *in, primer_error *error)
{
    struct making *const making = context;
    struct slot *const slot = &making->slots[task];
    FORWARD(data_share_take_status(in, &slot->status, &slot->error, error));
    return slot->status == PRIMER_OK ? data_tokens_load(&slot->tokens, in, error) : PRIMER_OK;
}

/* Whether a failure is the record's own. */
static bool is_bad_record(primer_status status)
{
    return status == PRIMER_EFORMAT || status == PRIMER_EUNSUPPORTED || status == PRIMER_ELIMIT ||
           status == PRIMER_EINVAL;
}

static primer_status write_slot(struct making *making, struct slot *slot, primer_error *error)
{
    struct data_shard_summary *const summary = making->summary;
    if (slot->status != PRIMER_OK && making->options->skip_bad && is_bad_record(slot->status)) {
        if (summary->bad++ == 0)
            snprintf(summary->first_bad, sizeof summary->first_bad, "%.500s", slot->error.message);
        return PRIMER_OK;
    }
    if (slot->status != PRIMER_OK)
        return error_set(error, slot->status, "%s", slot->error.message);
    summary->text_bytes += slot->tokens.text_bytes;
    if (slot->tokens.count == 0) {
        summary->empty++;
        return PRIMER_OK;
    }
    if (making->writer == NULL)
        return PRIMER_OK;
    return primer_shard_write(making->writer, slot->tokens.ids, slot->tokens.asked,
                              slot->tokens.count, slot->tokens.asked_bytes, error);
}

static void slot_free(struct slot *slot)
{
    buffer_free(&slot->record);
    data_tokens_free(&slot->tokens);
}

static primer_status finish_round(struct making *making, primer_error *error)
{
    const struct data_share_round round = {making, making->filled, make_own, save_slot, load_slot};
    FORWARD(data_share_run(&making->share, &round, error));
    for (size_t i = 0; i < making->filled; i++) {
        struct slot *const slot = &making->slots[i];
        FORWARD(write_slot(making, slot, error));
        if (slot->record.capacity > KEEP_BYTES)
            slot_free(slot);
    }
    making->filled = 0;
    return PRIMER_OK;
}

static primer_status fill_round(struct making *making, bool *more, primer_error *error)
{
    size_t bytes = 0;
    while (making->filled < SLOTS && bytes < ROUND_BYTES) {
        struct slot *const slot = &making->slots[making->filled];
        FORWARD(data_reader_next(&making->reader, &slot->record, &slot->line, &slot->too_long, more,
                                 error));
        if (!*more)
            break;
        making->filled++;
        bytes += slot->record.length;
    }
    return PRIMER_OK;
}

static primer_status report(struct making *making, primer_error *error)
{
    const struct data_shard_options *const options = making->options;
    making->done = making->before + making->reader.done;
    if (options->progress == NULL ||
        options->progress(options->context, making->done, making->summary->input_bytes))
        return PRIMER_OK;
    return error_set(error, PRIMER_ECANCELED, "%s: stopped", making->reader.path);
}

/* What was read becomes tokens; all processes go on, or none. */
static primer_status end_round(struct making *making, primer_error *error)
{
    primer_status status = finish_round(making, error);
    if (status == PRIMER_OK)
        status = report(making, error);
    return data_share_agree(&making->share, status, error);
}

static primer_status read_file(struct making *making, const char *path, uint64_t size,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    const char *const separator = making->options->separator;
    bool more = true;
    FORWARD(data_reader_open(&making->reader, path, separator == NULL ? DATA_SEPARATOR : separator,
                             error));
    making->reader.least = size;
    while (more) {
        TRY(fill_round(making, &more, error));
        TRY(end_round(making, error));
    }
    making->before += making->reader.done;
cleanup:
    data_reader_close(&making->reader);
    return status;
}

/* ---- what a shard was made of ---------------------------------------------------------------- */

/* A hash of all that the tokens depend on. */
static primer_status key_of(const char *const *inputs, size_t count,
                            const struct data_shard_options *options,
                            const struct data_maker *maker, const char *begin, uint64_t *key,
                            primer_error *error)
{
    const primer_model_information *const about = primer_model_info(maker->model);
    uint64_t hash = about->vocabulary_hash;
    data_share_key_text(&hash, begin);
    data_share_key_text(&hash, options->template_name);
    data_share_key_text(&hash, about->chat_template);
    data_share_key_text(&hash, options->field);
    data_share_key_text(&hash, options->separator == NULL ? DATA_SEPARATOR : options->separator);
    data_share_key_text(&hash, options->skip_bad ? "skip" : "");
    for (size_t i = 0; i < count; i++)
        FORWARD(data_share_key_file(&hash, inputs[i], error));
    *key = hash == 0 ? 1 : hash;
    return PRIMER_OK;
}

static void fill_counts(const primer_shard_information *about, struct data_shard_summary *summary)
{
    summary->documents = about->documents;
    summary->tokens = about->tokens;
    summary->asked = about->asked;
}

/* Numbers of a shard that is there and has this key. */
static bool is_made(const char *path, uint64_t key, struct data_shard_summary *summary)
{
    primer_shard *shard = NULL;
    primer_shard_information about;
    if (!file_exists(path) || primer_shard_open(path, &shard, NULL) != PRIMER_OK)
        return false;
    primer_shard_info(shard, &about);
    primer_shard_free(shard);
    if (about.key != key)
        return false;
    fill_counts(&about, summary);
    summary->reused = true;
    return true;
}

/* Tokens don't depend on what is done about bad records: a run that one has ended goes on with
 * skip_bad. */
static primer_status begin_journal(struct making *making, const char *const *inputs, size_t count,
                                   const char *path, primer_error *error)
{
    struct data_shard_options options = *making->options;
    uint64_t key = 0;
    options.skip_bad = false;
    FORWARD(key_of(inputs, count, &options, &making->maker, "shard 1 work " PRIMER_VERSION, &key,
                   error));
    return data_share_journal(&making->share, path, key, options.tell, options.context, error);
}

/* ---- making one ------------------------------------------------------------------------------ */

static primer_status make(struct making *making, const char *const *inputs, size_t count,
                          const char *path, uint64_t key, primer_error *error)
{
    const primer_model_information *const about = primer_model_info(making->maker.model);
    primer_shard_information counted;
    FORWARD(pool_create(&making->pool, making->options->threads, error));
    making->slots = memory_allocate(SLOTS, sizeof *making->slots);
    if (making->slots == NULL)
        return memory_failure(error, "documents", SLOTS * sizeof *making->slots);
    if (!making->options->alone)
        FORWARD(begin_journal(making, inputs, count, path, error));
    if (data_share_is_first(&making->share)) {
        FORWARD(primer_shard_writer_create(path, about->vocabulary, about->vocabulary_hash,
                                           &making->writer, error));
        primer_shard_writer_key(making->writer, key);
    }
    for (size_t i = 0; i < count; i++)
        FORWARD(read_file(making, inputs[i], making->sizes[i], error));
    if (making->writer == NULL)
        return PRIMER_OK;
    primer_shard_writer_info(making->writer, &counted);
    fill_counts(&counted, making->summary);
    if (counted.documents == 0)
        return error_set(error, PRIMER_EINVAL, "%s%s: there is no document with a text", inputs[0],
                         count > 1 ? " and the others" : "");
    return primer_shard_writer_finish(making->writer, error);
}

static void making_free(struct making *making)
{
    for (size_t i = 0; making->slots != NULL && i < SLOTS; i++)
        slot_free(&making->slots[i]);
    memory_free(making->slots);
    memory_free(making->sizes);
    primer_shard_writer_free(making->writer);
    pool_free(making->pool);
    data_maker_free(&making->maker);
}

primer_status data_shard_make(const char *const *inputs, size_t count, const char *path,
                              const struct data_shard_options *options,
                              struct data_shard_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_shard_summary made = {0};
    struct making making = {
        .options = options, .summary = &made, .reader.descriptor = -1, .share = DATA_SHARE_ALONE};
    uint64_t key = 0;
    if (!options->alone)
        TRY(data_share_begin(&making.share, &made.rank, error));
    summary->rank = made.rank; /* who tells, of a failure too */
    TRY(data_share_check_outputs(&path, 1, inputs, count, error));
    TRY(data_share_check_outputs(&path, 1, &options->tokenizer, 1, error));
    TRY(data_maker_create(&making.maker, options->tokenizer, options->template_name, options->field,
                          error));
    TRY(data_read_sizes(inputs, count, &making.sizes, &made.input_bytes, error));
    TRY(key_of(inputs, count, options, &making.maker, "shard 1", &key, error));
    if (!options->reuse || !is_made(path, key, &made))
        status = make(&making, inputs, count, path, key, error);
    TRY(data_share_agree(&making.share, status, error));
    *summary = made;
cleanup:
    data_share_stopped(&making.share, status, "the input", making.done, made.input_bytes, error);
    data_share_end(&making.share, status);
    making_free(&making);
    return status;
}
