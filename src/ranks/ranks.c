/* ranks.c - sums, broadcasts and agreement over messages (ranks_transport.h).
 *
 * Sum of a piece of P floats over N ranks, each of which owns P / N of it:
 *
 *   scatter   rank r sends part p to its owner p, and gets part r of every other rank
 *   add       part r = 0 + of rank 0 + of rank 1 + ...   in binary64, whoever came first
 *   gather    rank r sends the sum of part r to all
 *
 * Each rank sends and gets 2 (N - 1) / N of the array, the least there can be. All ranks get the
 * owner's bits. A piece bounds the memory for parts that have come but not been added yet.
 *
 * A broadcast goes down a binomial tree of ranks counted from the root: r hears from r without its
 * lowest 1 bit, and tells r + 2^k for every 2^k below that bit.
 */
#include "ranks/ranks.h"

#include <stdint.h>
#include <string.h>

#include "base/knob.h"
#include "base/memory.h"
#include "ranks/ranks_transport.h"

enum {
    SUM_PIECE = 1 << 20,    /* floats */
    DOUBLES_PIECE = 1 << 12 /* doubles; of every rank */
};

/* ---- beginning and end ----------------------------------------------------------------------- */

/* Whether a launcher has started this process as one of several: Open MPI's mpirun and the
 * launchers that speak PMI say how many there are; those that speak PMIx alone, which one this is.
 * */
static bool is_launched(void)
{
    size_t size;
    if (knob_number(KNOB_OMPI_SIZE, &size) || knob_number(KNOB_PMI_SIZE, &size))
        return size > 1;
    return knob_text(KNOB_PMIX_RANK) != NULL;
}

primer_status ranks_begin(struct ranks *ranks, primer_error *error)
{
    struct ranks made = {.rank = 0, .count = 1};
    if (is_launched())
        FORWARD(ranks_transport_begin(&made, error));
    *ranks = made;
    return PRIMER_OK;
}

void ranks_end(struct ranks *ranks, bool failed)
{
    if (ranks->count > 1)
        ranks_transport_end(failed);
    *ranks = (struct ranks){.rank = 0, .count = 1};
}

/* ---- pieces of the sums ---------------------------------------------------------------------- */

/* What a rank needs for messages to and from all others. */
struct hall {
    const struct ranks *ranks;
    struct ranks_message *messages; /* [2 * ranks] */
    unsigned char *bytes; /* [ranks][room] what others send; this rank's is unused */
    size_t room;
};

static primer_status hall_open(struct hall *hall, const struct ranks *ranks, size_t room,
                               primer_error *error)
{
    struct hall made = {.ranks = ranks, .room = room};
    made.messages = memory_allocate(ranks->count, 2 * sizeof *made.messages);
    made.bytes = memory_allocate(ranks->count, room);
    if (made.messages == NULL || made.bytes == NULL) {
        memory_free(made.messages);
        memory_free(made.bytes);
        return memory_failure(error, "messages between ranks", room);
    }
    *hall = made;
    return PRIMER_OK;
}

static void hall_close(struct hall *hall)
{
    memory_free(hall->messages);
    memory_free(hall->bytes);
}

/* The first float of a rank's part of a piece. */
static size_t part_begin(const struct ranks *ranks, size_t length, size_t rank)
{
    return length / ranks->count * rank +
           (rank < length % ranks->count ? rank : length % ranks->count);
}

static size_t part_bytes(const struct ranks *ranks, size_t length, size_t rank)
{
    return (part_begin(ranks, length, rank + 1) - part_begin(ranks, length, rank)) * sizeof(float);
}

/* Adds this rank's part up, in the order of the ranks. */
static void add_part(const struct hall *hall, float *part, size_t count)
{
    enum { STRIP = 1024 };
    double sums[STRIP];
    for (size_t first = 0; first < count; first += STRIP) {
        const size_t n = count - first < STRIP ? count - first : STRIP;
        memset(sums, 0, sizeof sums);
        for (size_t r = 0; r < hall->ranks->count; r++) {
            const float *const of = r == hall->ranks->rank
                                        ? part
                                        : (const float *)(void *)(hall->bytes + r * hall->room);
            for (size_t i = 0; i < n; i++)
                sums[i] += (double)of[first + i];
        }
        for (size_t i = 0; i < n; i++)
            part[first + i] = (float)sums[i];
    }
}

static primer_status sum_piece(struct hall *hall, float *values, size_t length, primer_error *error)
{
    const struct ranks *const ranks = hall->ranks;
    const size_t own = ranks->rank, own_bytes = part_bytes(ranks, length, own);
    float *const part = values + part_begin(ranks, length, own);
    struct ranks_message *const m = hall->messages;
    size_t count = 0;
    for (size_t r = 0; r < ranks->count; r++) {
        if (r == own)
            continue;
        m[count++] =
            (struct ranks_message){r, false, hall->bytes + r * hall->room, own_bytes};
        m[count++] = (struct ranks_message){r, true, values + part_begin(ranks, length, r),
                                                  part_bytes(ranks, length, r)};
    }
    FORWARD(ranks_transport_exchange(m, count, error));
    add_part(hall, part, own_bytes / sizeof *part);
    count = 0;
    for (size_t r = 0; r < ranks->count; r++) {
        if (r == own)
            continue;
        m[count++] = (struct ranks_message){r, false, values + part_begin(ranks, length, r),
                                                  part_bytes(ranks, length, r)};
        m[count++] = (struct ranks_message){r, true, part, own_bytes};
    }
    return ranks_transport_exchange(m, count, error);
}

primer_status ranks_sum(const struct ranks *ranks, float *values, size_t count,
                              primer_error *error)
{
    struct hall hall = {0};
    primer_status status = PRIMER_OK;
    if (ranks->count == 1 || count == 0)
        return PRIMER_OK;
    const size_t most = count < SUM_PIECE ? count : SUM_PIECE;
    FORWARD(hall_open(&hall, ranks, part_bytes(ranks, most, 0), error));
    for (size_t from = 0; from < count; from += most)
        TRY(sum_piece(&hall, values + from, count - from < most ? count - from : most, error));
cleanup:
    hall_close(&hall);
    return status;
}

/* Every rank's bytes to all: those of rank r at hall->bytes + r * room, but for its own. */
static primer_status tell_all(struct hall *hall, void *own, size_t length, primer_error *error)
{
    const struct ranks *const ranks = hall->ranks;
    size_t count = 0;
    for (size_t r = 0; r < ranks->count; r++) {
        if (r == ranks->rank)
            continue;
        hall->messages[count++] =
            (struct ranks_message){r, false, hall->bytes + r * hall->room, length};
        hall->messages[count++] = (struct ranks_message){r, true, own, length};
    }
    FORWARD(ranks_transport_exchange(hall->messages, count, error));
    memcpy(hall->bytes + ranks->rank * hall->room, own, length);
    return PRIMER_OK;
}

static primer_status sum_doubles(struct hall *hall, double *values, size_t count,
                                 primer_error *error)
{
    FORWARD(tell_all(hall, values, count * sizeof *values, error));
    memset(values, 0, count * sizeof *values);
    for (size_t r = 0; r < hall->ranks->count; r++)
        for (size_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, hall->bytes + r * hall->room + i * sizeof value, sizeof value);
            values[i] += value;
        }
    return PRIMER_OK;
}

primer_status ranks_sum_doubles(const struct ranks *ranks, double *values, size_t count,
                                      primer_error *error)
{
    struct hall hall = {0};
    primer_status status = PRIMER_OK;
    if (ranks->count == 1 || count == 0)
        return PRIMER_OK;
    const size_t most = count < DOUBLES_PIECE ? count : DOUBLES_PIECE;
    FORWARD(hall_open(&hall, ranks, most * sizeof *values, error));
    for (size_t from = 0; from < count; from += most)
        TRY(sum_doubles(&hall, values + from, count - from < most ? count - from : most, error));
cleanup:
    hall_close(&hall);
    return status;
}

/* ---- broadcast, barrier, agreement ----------------------------------------------------------- */

static primer_status broadcast_piece(const struct ranks *ranks, size_t root, void *bytes,
                                     size_t length, primer_error *error)
{
    const size_t place = (ranks->rank + ranks->count - root) % ranks->count;
    size_t bit = 1;
    while (bit < ranks->count && (place & bit) == 0)
        bit <<= 1;
    if (place != 0) {
        const struct ranks_message heard = {
            .peer = (place - bit + root) % ranks->count, .bytes = bytes, .length = length};
        FORWARD(ranks_transport_exchange(&heard, 1, error));
    }
    while ((bit >>= 1) > 0) {
        const struct ranks_message told = {.peer = (place + bit + root) % ranks->count,
                                                 .send = true,
                                                 .bytes = bytes,
                                                 .length = length};
        if (place + bit < ranks->count)
            FORWARD(ranks_transport_exchange(&told, 1, error));
    }
    return PRIMER_OK;
}

primer_status ranks_broadcast(const struct ranks *ranks, size_t root, void *bytes,
                                    size_t length, primer_error *error)
{
    const size_t most = RANKS_MESSAGE_MOST;
    if (root >= ranks->count)
        return error_set(error, PRIMER_EINVAL, "a broadcast from rank %zu of %zu", root,
                         ranks->count);
    if (ranks->count == 1)
        return PRIMER_OK;
    for (size_t from = 0; from < length; from += most)
        FORWARD(broadcast_piece(ranks, root, (unsigned char *)bytes + from,
                                length - from < most ? length - from : most, error));
    return PRIMER_OK;
}

/* ends[r]: the bytes of ranks 0 to r together. */
static primer_status tell_lengths(const struct ranks *ranks, size_t length, size_t *ends,
                                  primer_error *error)
{
    struct hall hall = {0};
    uint64_t own = length, each = 0, sum = 0;
    FORWARD(hall_open(&hall, ranks, sizeof own, error));
    primer_status status = tell_all(&hall, &own, sizeof own, error);
    for (size_t r = 0; status == PRIMER_OK && r < ranks->count; r++) {
        memcpy(&each, hall.bytes + r * hall.room, sizeof each);
        if (each > SIZE_MAX / 2 - sum)
            status = error_set(error, PRIMER_ELIMIT, "rank %zu: too many bytes for all ranks", r);
        sum += each;
        ends[r] = (size_t)sum;
    }
    hall_close(&hall);
    return status;
}

primer_status ranks_exchange(const struct ranks *ranks, const void *bytes, size_t length,
                             struct buffer *all, size_t *ends, primer_error *error)
{
    buffer_clear(all);
    ends[0] = length;
    if (ranks->count > 1)
        FORWARD(tell_lengths(ranks, length, ends, error));
    FORWARD(buffer_reserve(all, ends[ranks->count - 1] + 1, error));
    for (size_t r = 0, begin = 0; r < ranks->count; begin = ends[r++]) {
        if (r == ranks->rank && length > 0)
            memcpy(all->bytes + begin, bytes, length);
        FORWARD(ranks_broadcast(ranks, r, all->bytes + begin, ends[r] - begin, error));
    }
    all->length = ends[ranks->count - 1];
    all->bytes[all->length] = '\0';
    return PRIMER_OK;
}

primer_status ranks_barrier(const struct ranks *ranks, primer_error *error)
{
    double nothing = 0;
    return ranks_sum_doubles(ranks, &nothing, 1, error);
}

/* The first rank that has failed; ranks->count: none has. */
static primer_status first_failed(const struct ranks *ranks, primer_status own,
                                  size_t *failed, primer_error *error)
{
    struct hall hall = {0};
    unsigned char mine = own != PRIMER_OK;
    FORWARD(hall_open(&hall, ranks, 1, error));
    const primer_status status = tell_all(&hall, &mine, 1, error);
    for (*failed = 0; *failed < ranks->count && hall.bytes[*failed] == 0;)
        ++*failed;
    hall_close(&hall);
    return status;
}

primer_status ranks_agree(const struct ranks *ranks, primer_status own,
                                primer_error *error)
{
    primer_error told = {.status = own};
    size_t failed;
    if (ranks->count == 1)
        return own;
    if (own != PRIMER_OK && error != NULL)
        memcpy(told.message, error->message, sizeof told.message);
    FORWARD(first_failed(ranks, own, &failed, error));
    if (failed == ranks->count)
        return PRIMER_OK;
    FORWARD(ranks_broadcast(ranks, failed, &told, sizeof told, error));
    told.message[sizeof told.message - 1] = '\0';
    return error_set(error, told.status, "rank %zu: %s", failed, told.message);
}
