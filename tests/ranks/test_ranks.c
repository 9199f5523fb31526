/* test_ranks.c - what the processes of a run do together. By itself, it tests one rank alone;
 * started by mpirun as `test_ranks WHAT` (tests/train/ranks.sh does so) it is one rank of several,
 * which prints one line where all is well.
 */
#include "ranks/ranks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/knob.h"

/* ---- one of several -------------------------------------------------------------------------- */

static struct ranks ranks;

static void complain(const char *what, const primer_error *error)
{
    fprintf(stderr, "test_ranks: %s: %s\n", what, error->message);
    ranks_end(&ranks, true);
    exit(1);
}

static void expect(bool good, const char *what)
{
    primer_error error;
    if (good)
        return;
    snprintf(error.message, sizeof error.message, "not so on rank %zu", ranks.rank);
    complain(what, &error);
}

/* What rank `rank` brings. Every seventh sum is one of the middle ranks', since the first and the
 * last cancel out; how much of theirs is left depends on the order. */
static void fill(float *values, size_t count, size_t rank)
{
    uint64_t bits = rank + 1;
    for (size_t i = 0; i < count; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(int32_t)(bits >> 33) * 1e-3f;
        if (i % 7 == 0 && rank == 0)
            values[i] = (float)(i + 1) * 1e18f;
        if (i % 7 == 0 && rank == ranks.count - 1)
            values[i] = (float)(i + 1) * -1e18f;
    }
}

static void sum_floats(size_t count, uint64_t *hash)
{
    primer_error error;
    float *const own = malloc((count + 1) * sizeof *own);
    float *const other = malloc((count + 1) * sizeof *other);
    double *const sums = calloc(count + 1, sizeof *sums);
    for (size_t r = 0; r < ranks.count; r++) {
        fill(other, count, r);
        for (size_t i = 0; i < count; i++)
            sums[i] += (double)other[i];
    }
    fill(own, count, ranks.rank);
    own[count] = 42;
    if (ranks_sum(&ranks, own, count, &error) != PRIMER_OK)
        complain("sum", &error);
    for (size_t i = 0; i < count; i++)
        expect(own[i] == (float)sums[i], "a sum of floats");
    expect(own[count] == 42, "nothing is written behind the array");
    *hash = hash_bytes(own, count * sizeof *own, *hash);
    free(own);
    free(other);
    free(sums);
}

static void sum_doubles(size_t count)
{
    primer_error error;
    double *const values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (double)(ranks.rank + 1) / (double)(i + 3);
    if (ranks_sum_doubles(&ranks, values, count, &error) != PRIMER_OK)
        complain("sum of doubles", &error);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t r = 0; r < ranks.count; r++)
            sum += (double)(r + 1) / (double)(i + 3);
        expect(values[i] == sum, "a sum of doubles");
    }
    free(values);
}

static void broadcast(size_t root, size_t length)
{
    primer_error error;
    unsigned char *const bytes = malloc(length + 1);
    for (size_t i = 0; i <= length; i++)
        bytes[i] = (unsigned char)(ranks.rank == root ? i * 31 + root : 99);
    if (ranks_broadcast(&ranks, root, bytes, length, &error) != PRIMER_OK)
        complain("broadcast", &error);
    for (size_t i = 0; i < length; i++)
        expect(bytes[i] == (unsigned char)(i * 31 + root), "a broadcast");
    expect(bytes[length] == (unsigned char)(ranks.rank == root ? length * 31 + root : 99),
           "nothing is written behind the bytes");
    free(bytes);
}

/* Rank r brings `most` - r bytes, the last one none; their values tell whose they are. */
static void exchange(size_t most)
{
    primer_error error;
    struct buffer all = {0};
    size_t *const ends = malloc(ranks.count * sizeof *ends);
    const bool last = ranks.rank + 1 == ranks.count;
    const size_t length = last || most < ranks.rank ? 0 : most - ranks.rank;
    unsigned char *const own = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        own[i] = (unsigned char)(i * 31 + ranks.rank);
    if (ranks_exchange(&ranks, own, length, &all, ends, &error) != PRIMER_OK)
        complain("exchange", &error);
    for (size_t r = 0, begin = 0; r < ranks.count; begin = ends[r++]) {
        const size_t theirs = r + 1 == ranks.count || most < r ? 0 : most - r;
        expect(ends[r] - begin == theirs, "the lengths of an exchange");
        for (size_t i = 0; i < theirs; i++)
            expect((unsigned char)all.bytes[begin + i] == (unsigned char)(i * 31 + r),
                   "the bytes of an exchange");
    }
    expect(all.length == ends[ranks.count - 1] && all.bytes[all.length] == '\0',
           "the end of an exchange");
    buffer_free(&all);
    free(own);
    free(ends);
}

static int all_together(void)
{
    static const size_t counts[] = {0, 1, 2, 3, 5, 1000, 70001, (1 << 20) + 77};
    primer_error error;
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        sum_floats(counts[i], &hash);
    sum_doubles(1);
    sum_doubles(4096 + 5);
    for (size_t root = 0; root < ranks.count; root++) {
        broadcast(root, 0);
        broadcast(root, 1000);
    }
    broadcast(ranks.count - 1, ((size_t)1 << 24) + 5);
    exchange(0);
    exchange(1);
    exchange(70001);
    exchange(((size_t)1 << 24) + 5);
    if (ranks_barrier(&ranks, &error) != PRIMER_OK)
        complain("barrier", &error);
    expect(ranks_broadcast(&ranks, ranks.count, &hash, 8, &error) == PRIMER_EINVAL,
           "a root that isn't there is refused");
    expect(ranks_agree(&ranks, PRIMER_OK, &error) == PRIMER_OK, "all is well");
    if (ranks.rank != 0)
        snprintf(error.message, sizeof error.message, "trouble of %zu", ranks.rank);
    const primer_status agreed =
        ranks_agree(&ranks, ranks.rank == 0 ? PRIMER_OK : PRIMER_ENUMERIC, &error);
    expect(agreed == PRIMER_ENUMERIC && error.status == agreed, "trouble is everybody's");
    expect(strcmp(error.message, "rank 1: trouble of 1") == 0, "the first one's message is given");
    if (ranks.rank == 0)
        printf("%zu ranks %016llx\n", ranks.count, (unsigned long long)hash);
    ranks_end(&ranks, false);
    return 0;
}

/* Works on for ever; the last rank comes to its end in the middle. */
static _Noreturn void lose_one(const char *how)
{
    float values[1000];
    primer_error error;
    for (size_t i = 0;; i++) {
        fill(values, 1000, ranks.rank);
        if (i == 50 && ranks.rank == ranks.count - 1) {
            if (strcmp(how, "killed") == 0)
                raise(SIGKILL);
            snprintf(error.message, sizeof error.message, "no more of this");
            complain("failed", &error);
        }
        if (ranks_sum(&ranks, values, 1000, &error) != PRIMER_OK)
            complain("lost", &error);
    }
}

/* The ranks expect different things of each other. */
static int differ(void)
{
    float values[1000] = {0};
    primer_error error;
    if (ranks_sum(&ranks, values, ranks.rank == 0 ? 1000 : 990, &error) != PRIMER_OK)
        complain("differ", &error);
    return 0;
}

static int be_a_rank(const char *what)
{
    primer_error error;
    if (ranks_begin(&ranks, &error) != PRIMER_OK)
        complain("begin", &error);
    if (strcmp(what, "count") == 0) {
        printf("rank %zu of %zu\n", ranks.rank, ranks.count);
        ranks_end(&ranks, false);
        return 0;
    }
    if (strcmp(what, "differ") == 0)
        return differ();
    if (strcmp(what, "together") == 0)
        return all_together();
    lose_one(what);
}

/* ---- one rank alone -------------------------------------------------------------------------- */

static void one_rank_is_itself(void **state)
{
    (void)state;
    float values[3] = {1, 2, 3};
    double reals[2] = {1.0 / 3, 2};
    primer_error error = {.message = "as it was"};
    struct buffer all = {0};
    size_t end = 7;
    assert_int_equal(ranks_begin(&ranks, NULL), PRIMER_OK);
    assert_int_equal(ranks.rank, 0);
    assert_int_equal(ranks.count, 1);
    assert_int_equal(ranks_sum(&ranks, values, 3, NULL), PRIMER_OK);
    assert_int_equal(ranks_sum_doubles(&ranks, reals, 2, NULL), PRIMER_OK);
    assert_int_equal(ranks_broadcast(&ranks, 0, values, 12, NULL), PRIMER_OK);
    assert_int_equal(ranks_broadcast(&ranks, 1, values, 12, NULL), PRIMER_EINVAL);
    assert_int_equal(ranks_exchange(&ranks, NULL, 0, &all, &end, NULL), PRIMER_OK);
    assert_true(end == 0 && all.length == 0);
    assert_int_equal(ranks_exchange(&ranks, "own", 3, &all, &end, NULL), PRIMER_OK);
    assert_int_equal(end, 3);
    assert_string_equal(all.bytes, "own");
    buffer_free(&all);
    assert_int_equal(ranks_barrier(&ranks, NULL), PRIMER_OK);
    assert_int_equal(ranks_agree(&ranks, PRIMER_OK, NULL), PRIMER_OK);
    assert_int_equal(ranks_agree(&ranks, PRIMER_EIO, &error), PRIMER_EIO);
    assert_string_equal(error.message, "as it was");
    assert_true(values[0] == 1 && values[2] == 3 && reals[0] == 1.0 / 3);
    ranks_end(&ranks, false);
    ranks_end(&ranks, true);
}

/* mpirun -n 1 starts nothing either. */
static void one_launched_is_alone(void **state)
{
    (void)state;
    knob_set(KNOB_OMPI_SIZE, "1");
    knob_set(KNOB_PMIX_RANK, "0");
    assert_int_equal(ranks_begin(&ranks, NULL), PRIMER_OK);
    assert_int_equal(ranks.count, 1);
    ranks_end(&ranks, false);
    knob_set(KNOB_OMPI_SIZE, NULL);
    knob_set(KNOB_PMI_SIZE, "1");
    assert_int_equal(ranks_begin(&ranks, NULL), PRIMER_OK);
    assert_int_equal(ranks.count, 1);
    knob_set(KNOB_PMI_SIZE, NULL);
    knob_set(KNOB_PMIX_RANK, NULL);
}

int main(int count, char **arguments)
{
    if (count > 1)
        return be_a_rank(arguments[1]);
    knob_set(KNOB_OMPI_SIZE, NULL); /* whoever has started the tests */
    knob_set(KNOB_PMI_SIZE, NULL);
    knob_set(KNOB_PMIX_RANK, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rank_is_itself),
        cmocka_unit_test(one_launched_is_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
