/* data_share.c - rounds of tasks over processes. Declared in data_share.h.
 *
 *   bytes of a process   | length | result of its first task | length | result of its next | ...
 *
 *   record of the journal | tasks | length | result of task 0 | length | result of task 1 | ...
 *
 * Numbers are u64, little-endian. A record is the same for any number of processes.
 */
#include "data/data_share.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "primer.h"

#define NUMBER       8 /* bytes of one */
#define OUTPUTS_MOST 8

primer_status data_share_check_outputs(const char *const *outputs, size_t output_count,
                                       const char *const *inputs, size_t input_count,
                                       primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer work = {0};
    const char *all[OUTPUTS_MOST + 1];
    if (output_count > OUTPUTS_MOST)
        return error_set(error, PRIMER_EINTERNAL, "found %zu outputs, at most %d", output_count,
                         OUTPUTS_MOST);
    TRY(buffer_format(&work, error, "%s.work", outputs[0]));
    memcpy(all, outputs, output_count * sizeof *all);
    all[output_count] = work.bytes;
    TRY(file_check_outputs(all, output_count + 1, inputs, input_count, error));
cleanup:
    buffer_free(&work);
    return status;
}

primer_status data_share_begin(struct data_share *share, size_t *rank, primer_error *error)
{
    FORWARD(ranks_begin(&share->ranks, error));
    *rank = share->ranks.rank;
    share->ends = memory_allocate(share->ranks.count, sizeof *share->ends);
    return share->ends != NULL
               ? PRIMER_OK
               : memory_failure(error, "processes", share->ranks.count * sizeof *share->ends);
}

/* In one line, once what was there is used up. */
static void tell_rounds(const struct data_share *share)
{
    char line[512];
    const uint64_t rounds = share->journal.rounds;
    if (share->tell == NULL || rounds == 0)
        return;
    snprintf(line, sizeof line, "%.400s: goes on where an earlier run stopped: %" PRIu64 " round%s",
             share->journal.path.bytes, rounds, rounds == 1 ? "" : "s");
    share->tell(share->context, line);
}

/* What no other run could use is not kept: nothing, or the one round of a small job that failed. What was
 * there and wasn't touched stays. */
static bool is_worth_keeping(const struct data_journal *journal, primer_status status)
{
    if (status == PRIMER_OK)
        return false;
    return !journal->begun || journal->rounds > (status == PRIMER_ECANCELED ? 0 : 1);
}

void data_share_end(struct data_share *share, primer_status status)
{
    if (share->replays && data_share_is_first(share))
        tell_rounds(share);
    data_journal_close(&share->journal, is_worth_keeping(&share->journal, status));
    ranks_end(&share->ranks, status != PRIMER_OK);
    memory_free(share->ends);
    buffer_free(&share->own);
    buffer_free(&share->all);
    buffer_free(&share->record);
    *share = (struct data_share)DATA_SHARE_ALONE;
}

void data_share_stopped(const struct data_share *share, primer_status status, const char *of,
                        uint64_t done, uint64_t all, primer_error *error)
{
    const struct data_journal *const journal = &share->journal;
    const double percent = all == 0 ? 0 : 100 * (double)done / (double)all;
    if (status != PRIMER_ECANCELED)
        return;
    if (journal->rounds > 0 || journal->reading)
        error_set(error, status,
                  "stopped after %.0f %% of %s; the same command goes on with %.400s", percent, of,
                  journal->path.bytes);
    else
        error_set(error, status, "stopped after %.0f %% of %s; nothing was written", percent, of);
}

bool data_share_is_first(const struct data_share *share)
{
    return share->ranks.rank == 0;
}

bool data_share_owns(const struct data_share *share, size_t task)
{
    return task % share->ranks.count == share->ranks.rank;
}

primer_status data_share_agree(const struct data_share *share, primer_status own,
                               primer_error *error)
{
    return ranks_agree(&share->ranks, own, error);
}

primer_status data_share_journal(struct data_share *share, const char *path, uint64_t key,
                                 void (*tell)(void *context, const char *line), void *context,
                                 primer_error *error)
{
    primer_status own = PRIMER_OK;
    bool other = false;
    char line[512];
    if (data_share_is_first(share))
        own = data_journal_open(&share->journal, path, key, &other, error);
    FORWARD(data_share_agree(share, own, error));
    share->replays = share->journal.reading;
    FORWARD(ranks_broadcast(&share->ranks, 0, &share->replays, sizeof share->replays, error));
    share->journals = true;
    share->tell = data_share_is_first(share) ? tell : NULL;
    share->context = context;
    if (!other || share->tell == NULL)
        return PRIMER_OK;
    snprintf(line, sizeof line, "%.400s: is of other inputs or options: begins anew",
             share->journal.path.bytes);
    share->tell(share->context, line);
    return PRIMER_OK;
}

/* ---- keys ------------------------------------------------------------------------------------ */

void data_share_key_text(uint64_t *key, const char *text)
{
    *key = hash_bytes(text == NULL ? "" : text, text == NULL ? 0 : strlen(text) + 1, *key);
}

void data_share_key_number(uint64_t *key, uint64_t number)
{
    *key = hash_bytes(&number, sizeof number, *key);
}

void data_share_key_real(uint64_t *key, double number)
{
    *key = hash_bytes(&number, sizeof number, *key);
}

primer_status data_share_key_file(uint64_t *key, const char *path, primer_error *error)
{
    struct stat facts;
    data_share_key_text(key, path);
    if (path == NULL)
        return PRIMER_OK;
    if (stat(path, &facts) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot look at it: %s", path, strerror(errno));
    const int64_t numbers[] = {(int64_t)facts.st_size, (int64_t)facts.st_mtim.tv_sec,
                               (int64_t)facts.st_mtim.tv_nsec};
    *key = hash_bytes(numbers, sizeof numbers, *key);
    return PRIMER_OK;
}

primer_status data_share_key_files(uint64_t *key, const char *const *paths, size_t count,
                                   primer_error *error)
{
    data_share_key_text(key, PRIMER_VERSION);
    data_share_key_number(key, count);
    for (size_t i = 0; i < count; i++)
        FORWARD(data_share_key_file(key, paths[i], error));
    return PRIMER_OK;
}

/* ---- a pool for some tasks ------------------------------------------------------------------- */

struct some {
    const struct ranks *ranks;
    pool_task *task;
    void *context;
};

static void run_one(void *context, size_t task, size_t thread)
{
    const struct some *const some = context;
    some->task(some->context, some->ranks->rank + task * some->ranks->count, thread);
}

void data_share_pool(const struct data_share *share, struct pool *pool, pool_task *task,
                     void *context, size_t count)
{
    const size_t rank = share->ranks.rank, ranks = share->ranks.count;
    struct some some = {&share->ranks, task, context};
    pool_run(pool, run_one, &some, count > rank ? (count - rank - 1) / ranks + 1 : 0);
}

/* ---- results as bytes ------------------------------------------------------------------------ */

static void write_number(char *bytes, uint64_t value)
{
    for (unsigned i = 0; i < NUMBER; i++)
        bytes[i] = (char)(unsigned char)(value >> 8 * i);
}

primer_status data_share_put(struct buffer *out, uint64_t value, primer_error *error)
{
    char bytes[NUMBER];
    write_number(bytes, value);
    return buffer_append(out, bytes, sizeof bytes, error);
}

primer_status data_share_put_real(struct buffer *out, double value, primer_error *error)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return data_share_put(out, bits, error);
}

primer_status data_share_put_status(struct buffer *out, primer_status status,
                                    const primer_error *what, primer_error *error)
{
    const size_t length = status == PRIMER_OK ? 0 : strlen(what->message);
    FORWARD(data_share_put(out, (uint64_t)status, error));
    if (status == PRIMER_OK)
        return PRIMER_OK;
    FORWARD(data_share_put(out, length, error));
    return buffer_append(out, what->message, length, error);
}

primer_status data_share_take_status(struct cursor *in, primer_status *status, primer_error *what,
                                     primer_error *error)
{
    uint64_t value = 0, length = 0;
    const unsigned char *message = NULL;
    FORWARD(cursor_u64(in, "status", &value, error));
    if (value > PRIMER_EINTERNAL)
        return error_set(error, PRIMER_EFORMAT, "found the status %llu", (unsigned long long)value);
    *status = (primer_status)value;
    if (*status == PRIMER_OK)
        return PRIMER_OK;
    FORWARD(cursor_u64(in, "length of a message", &length, error));
    FORWARD(cursor_bytes(in, "message", length, &message, error));
    error_set(what, *status, "%.*s", (int)length, (const char *)message);
    return PRIMER_OK;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static primer_status save_own(struct data_share *share, const struct data_share_round *round,
                              primer_error *error)
{
    struct buffer *const own = &share->own;
    buffer_clear(own);
    for (size_t task = share->ranks.rank; task < round->count; task += share->ranks.count) {
        const size_t at = own->length;
        FORWARD(data_share_put(own, 0, error));
        FORWARD(round->save(round->context, task, own, error));
        write_number(own->bytes + at, own->length - at - NUMBER);
    }
    return PRIMER_OK;
}

/* The bytes of the next result. */
static primer_status next_result(struct cursor *in, struct cursor *result, primer_error *error)
{
    uint64_t length = 0;
    const unsigned char *bytes = NULL;
    FORWARD(cursor_u64(in, "length of a result", &length, error));
    FORWARD(cursor_bytes(in, "result", length, &bytes, error));
    *result = cursor_over(bytes, (size_t)length);
    return PRIMER_OK;
}

static primer_status load_result(const struct data_share_round *round, size_t task,
                                 struct cursor *result, primer_error *error)
{
    FORWARD(round->load(round->context, task, result, error));
    return cursor_remaining(result) == 0
               ? PRIMER_OK
               : error_set(error, PRIMER_EFORMAT, "the result of task %zu: %zu bytes too many",
                           task, cursor_remaining(result));
}

static primer_status load_others(struct data_share *share, const struct data_share_round *round,
                                 primer_error *error)
{
    const size_t ranks = share->ranks.count;
    for (size_t rank = 0; rank < ranks; rank++) {
        const size_t begin = rank == 0 ? 0 : share->ends[rank - 1];
        struct cursor in = cursor_over(share->all.bytes + begin, share->ends[rank] - begin);
        struct cursor result;
        for (size_t task = rank; rank != share->ranks.rank && task < round->count; task += ranks) {
            FORWARD(next_result(&in, &result, error));
            FORWARD(load_result(round, task, &result, error));
        }
    }
    return PRIMER_OK;
}

/* ---- the journal ----------------------------------------------------------------------------- */

static primer_status load_record(struct data_share *share, const struct data_share_round *round,
                                 primer_error *error)
{
    struct cursor in = cursor_over(share->all.bytes, share->all.length), result;
    uint64_t count = 0;
    FORWARD(cursor_u64(&in, "tasks", &count, error));
    if (count != round->count)
        return error_set(error, PRIMER_EFORMAT,
                         "found %" PRIu64 " tasks of an earlier run, "
                         "expected %zu",
                         count, round->count);
    for (size_t task = 0; task < round->count; task++) {
        FORWARD(next_result(&in, &result, error));
        FORWARD(load_result(round, task, &result, error));
    }
    return PRIMER_OK;
}

/* The results of this round, where an earlier run left them: the first process reads, and tells all. */
static primer_status recall(struct data_share *share, const struct data_share_round *round,
                            primer_error *error)
{
    primer_status own = PRIMER_OK;
    struct buffer *const all = &share->all;
    buffer_clear(all);
    if (data_share_is_first(share))
        own = data_journal_next(&share->journal, all, &share->replays, error);
    FORWARD(data_share_agree(share, own, error));
    uint64_t length = all->length;
    FORWARD(ranks_broadcast(&share->ranks, 0, &length, sizeof length, error));
    share->replays = length > 0;
    if (!share->replays) {
        tell_rounds(share);
        return PRIMER_OK;
    }
    all->length = 0;
    FORWARD(buffer_reserve(all, (size_t)length + 1, error));
    FORWARD(ranks_broadcast(&share->ranks, 0, all->bytes, (size_t)length, error));
    all->length = (size_t)length;
    all->bytes[all->length] = '\0';
    const primer_status status = load_record(share, round, error);
    if (status != PRIMER_OK)
        error_prefix(error, "the work so far (remove OUT.work to begin anew)");
    return status;
}

/* Results are taken from each process in turn: task 0 is the first one's first, task 1 the second's. */
static primer_status keep_round(struct data_share *share, const struct data_share_round *round,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t ranks = share->ranks.count;
    struct buffer *const record = &share->record;
    const struct buffer *const from = ranks > 1 ? &share->all : &share->own;
    struct cursor *const in = memory_allocate(ranks, sizeof *in);
    if (in == NULL)
        return memory_failure(error, "processes", ranks * sizeof *in);
    for (size_t rank = 0; rank < ranks; rank++) {
        const size_t begin = rank == 0 ? 0 : share->ends[rank - 1];
        in[rank] = cursor_over(from->bytes + begin,
                               (ranks == 1 ? from->length : share->ends[rank]) - begin);
    }
    buffer_clear(record);
    TRY(data_share_put(record, round->count, error));
    for (size_t task = 0; task < round->count; task++) {
        struct cursor result;
        TRY(next_result(&in[task % ranks], &result, error));
        TRY(data_share_put(record, result.size, error));
        TRY(buffer_append(record, result.start, result.size, error));
    }
    TRY(data_journal_add(&share->journal, record->bytes, record->length, error));
cleanup:
    memory_free(in);
    return status;
}

primer_status data_share_run(struct data_share *share, const struct data_share_round *round,
                             primer_error *error)
{
    if (share->replays)
        FORWARD(recall(share, round, error));
    if (share->replays)
        return PRIMER_OK;
    primer_status own = round->work(round->context, error);
    if (own == PRIMER_OK && (share->ranks.count > 1 || share->journals))
        own = save_own(share, round, error);
    FORWARD(data_share_agree(share, own, error));
    if (share->ranks.count > 1) {
        FORWARD(ranks_exchange(&share->ranks, share->own.bytes, share->own.length, &share->all,
                               share->ends, error));
        FORWARD(load_others(share, round, error));
    }
    return share->journals && data_share_is_first(share) ? keep_round(share, round, error)
                                                         : PRIMER_OK;
}
