/* data_share.c - rounds of tasks over processes. Declared in data_share.h.
 *
 *   bytes of a process   | length | result of its first task | length | result of its next | ...
 *
 * Lengths are u64, little-endian.
 */
#include "data/data_share.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define NUMBER 8 /* bytes of one */

primer_status data_share_begin(struct data_share *share, size_t *rank, primer_error *error)
{
    FORWARD(ranks_begin(&share->ranks, error));
    *rank = share->ranks.rank;
    share->ends = memory_allocate(share->ranks.count, sizeof *share->ends);
    return share->ends != NULL
               ? PRIMER_OK
               : memory_failure(error, "processes", share->ranks.count * sizeof *share->ends);
}

void data_share_end(struct data_share *share, bool failed)
{
    ranks_end(&share->ranks, failed);
    memory_free(share->ends);
    buffer_free(&share->own);
    buffer_free(&share->all);
    *share = (struct data_share)DATA_SHARE_ALONE;
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

primer_status data_share_run(struct data_share *share, const struct data_share_round *round,
                             primer_error *error)
{
    primer_status own = round->work(round->context, error);
    if (share->ranks.count == 1)
        return own;
    if (own == PRIMER_OK)
        own = save_own(share, round, error);
    FORWARD(data_share_agree(share, own, error));
    FORWARD(ranks_exchange(&share->ranks, share->own.bytes, share->own.length, &share->all,
                           share->ends, error));
    return load_others(share, round, error);
}
