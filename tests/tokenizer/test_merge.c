/* test_merge.c - merging by array, heap and lists against the plain definition: look for the pair
 * of lowest rank, the leftmost among equals, join it, begin again. Random tables, with ties and
 * with ranks that no training makes (a joined symbol whose own pairs come first), at lengths on
 * every side of the borders.
 */
#include "tokenizer/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"

static size_t join_plainly(const struct merge_table *table, uint32_t *symbols, size_t n)
{
    for (;;) {
        const struct merge_slot *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const struct merge_slot *const slot = merge_find(table, symbols[i], symbols[i + 1]);
            if (slot != NULL && (best == NULL || slot->rank < best->rank)) {
                best = slot;
                at = i;
            }
        }
        if (best == NULL)
            return n;
        symbols[at] = best->result;
        memmove(symbols + at + 1, symbols + at + 2, (n - at - 2) * sizeof *symbols);
        n--;
    }
}

/* `count` pairs of `letters` symbols and of those that they make, mostly of the earliest, so that
 * many are met; `ranks` different ranks, 0: as many as pairs. */
static struct merge_table random_table(struct random *random, uint32_t letters, uint32_t ranks,
                                       uint32_t count)
{
    struct merge_table table;
    bool added;
    assert_int_equal(merge_table_create(&table, 1, NULL), PRIMER_OK);
    uint32_t symbols = letters;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t below = random_below(random, 3) == 0 ? symbols : 1 + symbols / 2;
        const uint32_t left = (uint32_t)random_below(random, below);
        const uint32_t right = (uint32_t)random_below(random, below);
        const uint32_t rank = ranks == 0 ? i : (uint32_t)random_below(random, ranks);
        assert_int_equal(merge_table_add(&table, left, right, rank, symbols, &added, NULL),
                         PRIMER_OK);
        symbols += added;
    }
    return table;
}

static void compare(const struct merge_table *table, struct merge_work *work, struct random *random,
                    size_t n, uint32_t letters)
{
    uint32_t *const plain = calloc(n + 1, sizeof *plain);
    assert_int_equal(merge_reserve(work, n, NULL), PRIMER_OK);
    for (size_t i = 0; i < n; i++)
        plain[i] = work->symbols[i] = (uint32_t)random_below(random, letters);
    size_t left = n;
    assert_int_equal(merge_run(table, work, &left, NULL), PRIMER_OK);
    assert_int_equal(left, join_plainly(table, plain, n));
    assert_memory_equal(work->symbols, plain, left * sizeof *plain);
    free(plain);
}

static void test_equal_to_definition(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,  1,  2,  3,   4,   7,    8,    31,
                                     32, 33, 64, 200, 500, 2048, 2049, 3000};
    static const uint32_t letters[] = {1, 2, 3, 8, 40, 200};
    struct random random;
    random_seed(&random, 1);
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        for (uint32_t ranks = 0; ranks < 4; ranks++) {
            struct merge_table table =
                random_table(&random, letters[i], ranks * ranks * ranks, 3 * letters[i]);
            struct merge_work work = {0};
            for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++)
                compare(&table, &work, &random, lengths[j], letters[i]);
            merge_work_free(&work);
            merge_table_free(&table);
        }
    }
}

/* Few letters and many merges: pairs come and go, and one rank's positions are found out of order.
 */
static void test_dense_tables(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    for (uint32_t i = 0; i < 60; i++) {
        const uint32_t letters = 1 + i % 4;
        struct merge_table table = random_table(&random, letters, i % 3 == 0 ? 20 : 0, 30 + i);
        struct merge_work work = {0};
        for (size_t n = 3; n < 300; n += 7)
            compare(&table, &work, &random, n, letters);
        compare(&table, &work, &random, 2100, letters);
        merge_work_free(&work);
        merge_table_free(&table);
    }
}

static void test_table(void **state)
{
    (void)state;
    struct merge_table table;
    bool added;
    assert_int_equal(merge_table_create(&table, 0, NULL), PRIMER_OK);
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(merge_table_add(&table, i, 7 * i, i, i + 1, &added, NULL), PRIMER_OK);
        assert_true(added);
    }
    assert_int_equal(merge_table_add(&table, 10, 70, 99, 99, &added, NULL), PRIMER_OK);
    assert_false(added);
    for (uint32_t i = 0; i < 5000; i++) {
        const struct merge_slot *const slot = merge_find(&table, i, 7 * i);
        assert_non_null(slot);
        assert_int_equal(slot->rank, i);
        assert_int_equal(slot->result, i + 1);
        assert_null(merge_find(&table, i, 7 * i + 1));
    }
    assert_int_equal(table.count, 5000);
    assert_int_equal(table.ranks, 5000);
    assert_true(2 * table.count <= table.capacity);
    merge_table_free(&table);
}

static void test_limit(void **state)
{
    (void)state;
    struct merge_work work = {0};
    primer_error error = {0};
    assert_int_equal(merge_reserve(&work, MERGE_SYMBOLS_MOST + 1, &error), PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "1073741825"));
    merge_work_free(&work);
}

/* Every allocation of a long run fails once: an error, and the next run is right. */
static void test_no_memory(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 2);
    struct merge_table table = random_table(&random, 8, 0, 24);
    for (size_t n = 0;; n++) {
        struct merge_work work = {0};
        size_t left = 3000;
        assert_int_equal(merge_reserve(&work, left, NULL), PRIMER_OK);
        for (size_t i = 0; i < left; i++)
            work.symbols[i] = (uint32_t)random_below(&random, 8);
        memory_fail_at(n);
        primer_error error = {0};
        const primer_status status = merge_run(&table, &work, &left, &error);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK) {
            assert_true(n > 3);
            merge_work_free(&work);
            break;
        }
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_int_equal(error.status, PRIMER_ENOMEM);
        merge_work_free(&work);
    }
    merge_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_definition),
        cmocka_unit_test(test_dense_tables),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
