/* limits.c - runs the loops over threads and keeps the best.
 *
 *   bytes  | thread 0 | thread 1 | ... |     each reads its own part, often enough that starting
 * the threads doesn't count
 */
#include "command/limits.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "command/limits_portable.h"
#include "command/limits_x86.h"

enum { THREADS_MOST = 256, PART = 256 /* bytes that a loop's round takes */ };
#define READ_LEAST   ((uint64_t)64 << 20) /* bytes per thread and measurement */
#define ROUNDS_FIRST ((uint64_t)1 << 16)

const struct limits_loops *limits_loops_at(size_t index)
{
    const struct limits_loops *loops = limits_x86_at(index);
    if (loops != NULL)
        return loops;
    size_t before = 0;
    while (limits_x86_at(before) != NULL)
        before++;
    return index == before ? limits_portable() : NULL;
}

/* One thread's share of a measurement. */
struct share {
    uint64_t (*read)(const unsigned char *bytes, size_t size);
    uint64_t (*compute)(uint64_t rounds);
    const unsigned char *bytes;
    size_t size;
    uint64_t rounds, result;
};

static void *work(void *context)
{
    struct share *share = context;
    if (share->compute != NULL) {
        share->result = share->compute(share->rounds);
        return NULL;
    }
    for (uint64_t i = 0; i < share->rounds; i++)
        share->result += share->read(share->bytes, share->size);
    return NULL;
}

/* Seconds that all shares took side by side. */
static double run_shares(struct share *shares, size_t count)
{
    pthread_t threads[THREADS_MOST];
    bool started[THREADS_MOST] = {false};
    const uint64_t begun = clock_nanoseconds();
    for (size_t i = 1; i < count; i++)
        started[i] = pthread_create(&threads[i], NULL, work, &shares[i]) == 0;
    work(&shares[0]);
    for (size_t i = 1; i < count; i++) {
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            work(&shares[i]);
    }
    return clock_seconds_since(begun);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static double read_speed(uint64_t (*read)(const unsigned char *, size_t),
                         const unsigned char *bytes, size_t size, size_t threads)
{
    struct share shares[THREADS_MOST] = {{0}};
    const size_t part = size / threads / PART * PART;
    const uint64_t rounds = part >= READ_LEAST ? 1 : READ_LEAST / part;
    for (size_t i = 0; i < threads; i++)
        shares[i] =
            (struct share){.read = read, .bytes = bytes + i * part, .size = part, .rounds = rounds};
    return (double)part * (double)threads * (double)rounds / run_shares(shares, threads);
}

static double better(double a, double b)
{
    return a > b ? a : b;
}

double limits_memory(const void *bytes, size_t size, size_t threads, double seconds)
{
    double best = 0;
    if (threads < 1 || threads > THREADS_MOST)
        threads = threads < 1 ? 1 : THREADS_MOST;
    if (size < 65536 || size / threads < PART)
        return 0;
    const uint64_t begun = clock_nanoseconds();
    do {
        for (size_t i = 0;
             limits_loops_at(i) != NULL && (i == 0 || clock_seconds_since(begun) < seconds); i++) {
            best = better(best, read_speed(limits_loops_at(i)->read, bytes, size, threads));
            best = better(best, read_speed(limits_loops_at(i)->read_ahead, bytes, size, threads));
        }
    } while (clock_seconds_since(begun) < seconds);
    return best;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static double compute_speed(uint64_t (*compute)(uint64_t), size_t threads, uint64_t rounds,
                            double *seconds)
{
    struct share shares[THREADS_MOST] = {{0}};
    double operations = 0;
    for (size_t i = 0; i < threads; i++)
        shares[i] = (struct share){.compute = compute, .rounds = rounds};
    *seconds = run_shares(shares, threads);
    for (size_t i = 0; i < threads; i++)
        operations += (double)shares[i].result;
    return operations / *seconds;
}

/* Doubles the rounds until one measurement takes a quarter of the time, and keeps the best of
 * those. */
static double peak(uint64_t (*compute)(uint64_t), size_t threads, double seconds)
{
    double best = 0, took = 0;
    if (threads < 1 || threads > THREADS_MOST)
        threads = threads < 1 ? 1 : THREADS_MOST;
    uint64_t rounds = ROUNDS_FIRST;
    for (const uint64_t begun = clock_nanoseconds(); clock_seconds_since(begun) < seconds;) {
        best = better(best, compute_speed(compute, threads, rounds, &took));
        if (took < seconds / 8)
            rounds *= 2;
    }
    return best;
}

double limits_int8(size_t threads, double seconds)
{
    return peak(limits_loops_at(0)->int8, threads, seconds);
}

double limits_f32(size_t threads, double seconds)
{
    return peak(limits_loops_at(0)->f32, threads, seconds);
}
