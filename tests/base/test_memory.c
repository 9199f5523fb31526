/* test_memory.c - the door to the allocator: products, alignment, injected failures, ranges,
 * arenas. */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static void products_and_sums_are_checked(void **state)
{
    (void)state;
    size_t value = 7;
    assert_true(memory_product(6, 7, &value));
    assert_int_equal(value, 42);
    assert_false(memory_product(SIZE_MAX, 2, &value));
    assert_false(memory_product(SIZE_MAX / 2 + 1, 2, &value));
    assert_int_equal(value, 42);
    assert_true(memory_product(SIZE_MAX, 1, &value));
    assert_true(value == SIZE_MAX);
    assert_true(memory_product(SIZE_MAX, 0, &value));
    assert_int_equal(value, 0);
    assert_true(memory_sum(SIZE_MAX - 1, 1, &value));
    assert_true(value == SIZE_MAX);
    value = 9;
    assert_false(memory_sum(SIZE_MAX, 1, &value));
    assert_int_equal(value, 9);
}

static void blocks_are_zeroed_and_count(void **state)
{
    (void)state;
    const size_t before = memory_allocation_count();
    for (int round = 0; round < 8; round++) {
        unsigned char *const block = memory_allocate(100, 7);
        assert_non_null(block);
        for (size_t i = 0; i < 700; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xAA, 700);
        memory_free(block);
    }
    assert_int_equal(memory_allocation_count() - before, 8);
}

static void zero_bytes_give_a_block(void **state)
{
    (void)state;
    void *const plain = memory_allocate(0, 8), *const aligned = memory_allocate_aligned(5, 0);
    assert_non_null(plain);
    assert_non_null(aligned);
    void *const smaller = memory_resize(plain, 0, 0);
    assert_non_null(smaller);
    memory_free(smaller);
    memory_free(aligned);
    memory_free(NULL);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    const size_t before = memory_allocation_count();
    assert_null(memory_allocate(SIZE_MAX, 2));
    assert_null(memory_allocate(SIZE_MAX, 1));
    assert_null(memory_allocate_aligned(SIZE_MAX, 1));
    assert_null(memory_allocate_aligned(SIZE_MAX / 2, 1));
    assert_null(memory_allocate_aligned(SIZE_MAX / 2 + 1, 2));
    void *const block = memory_allocate(4, 1);
    assert_null(memory_resize(block, SIZE_MAX, 3));
    memory_free(block);
    assert_null(memory_copy_bytes("", SIZE_MAX));
    assert_int_equal(memory_allocation_count() - before, 1);
}

static void aligned_blocks_are_aligned(void **state)
{
    (void)state;
    enum { LARGE = 2 << 20 };
    static const size_t large[] = {LARGE - 1, LARGE, LARGE + 1, 5 * LARGE / 2 + 3};
    for (size_t i = 0; i < 23 + 4; i++) {
        const size_t size = i < 23 ? 1 + 13 * i : large[i - 23];
        unsigned char *const block = memory_allocate_aligned(size, 1);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % MEMORY_ALIGNMENT, 0);
        memset(block, 1, size);
        memory_free(block);
    }
}

static size_t mapped_pages(void)
{
    size_t pages = 0;
    FILE *const file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages;
}

/* Of any length, side by side, zeroed and writable to the last byte. Nothing stays mapped: less than
 * an eighth of what 2 MiB too many with each would be, since an emulator has memory of its own. */
static void ranges_come_and_go(void **state)
{
    (void)state;
    enum { LARGE = 2 << 20, RANGES = 40, ROUNDS = 20 };
    unsigned char *ranges[RANGES];
    const size_t before = mapped_pages();
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < RANGES; i++) {
            const size_t bytes = LARGE - 1 + i * 12345;
            void *block = NULL;
            assert_int_equal(memory_reserve(bytes, &block, NULL), PRIMER_OK);
            ranges[i] = block;
            assert_int_equal(ranges[i][0] | ranges[i][bytes - 1], 0);
            ranges[i][0] = ranges[i][bytes - 1] = 1;
        }
        for (size_t i = 0; i < RANGES; i++)
            memory_release(ranges[i], LARGE - 1 + i * 12345);
    }
    assert_in_range(mapped_pages(), 0, before + RANGES * ROUNDS * (LARGE / 4096) / 8);
}

static void resizing_keeps_contents(void **state)
{
    (void)state;
    char *block = memory_resize(NULL, 3, 1);
    assert_non_null(block);
    memcpy(block, "ab", 3);
    block = memory_resize(block, 100000, 1);
    assert_string_equal(block, "ab");
    block = memory_resize(block, 3, 1);
    assert_string_equal(block, "ab");
    memory_fail_at(0);
    assert_null(memory_resize(block, 1000, 1));
    assert_string_equal(block, "ab");
    memory_free(block);
}

static void copies_end_with_nul(void **state)
{
    (void)state;
    char *const text = memory_copy_text("abc"), *const bytes = memory_copy_bytes("x\0y", 3);
    char *const empty = memory_copy_bytes(NULL, 0);
    assert_string_equal(text, "abc");
    assert_memory_equal(bytes, "x\0y", 4);
    assert_string_equal(empty, "");
    memory_free(text);
    memory_free(bytes);
    memory_free(empty);
}

static void exactly_the_chosen_allocation_fails(void **state)
{
    (void)state;
    for (size_t n = 0; n < 6; n++) {
        memory_fail_at(n);
        for (size_t i = 0; i < 6; i++) {
            primer_error error;
            void *block = NULL;
            if (i % 3 == 0)
                block = memory_allocate(1, 1);
            else if (i % 3 == 1)
                block = memory_resize(NULL, 1, 1);
            else if (memory_reserve(1, &block, &error) != PRIMER_OK)
                assert_int_equal(error.status, PRIMER_ENOMEM);
            if (i == n)
                assert_null(block);
            else
                assert_non_null(block);
            if (i % 3 == 2)
                memory_release(block, 1);
            else
                memory_free(block);
        }
    }
    memory_fail_at(0);
    memory_fail_at(SIZE_MAX);
    void *const block = memory_allocate_aligned(1, 1);
    assert_non_null(block);
    memory_free(block);
    memory_fail_at(0);
    assert_null(memory_allocate_aligned(1, 1));
}

static void failure_is_one_sentence(void **state)
{
    (void)state;
    primer_error error;
    assert_int_equal(memory_failure(&error, "the KV cache", 12), PRIMER_ENOMEM);
    assert_string_equal(error.message, "no memory for the KV cache (12 bytes)");
}

static void ranges_are_zeroed_and_lazy(void **state)
{
    (void)state;
    primer_error error;
    void *block = NULL;
    const size_t bytes = (size_t)1
                         << 36; /* more than the machine may have: only touched pages count */
    assert_int_equal(memory_reserve(bytes, &block, &error), PRIMER_OK);
    unsigned char *const range = block;
    assert_int_equal(range[0] | range[bytes - 1], 0);
    range[bytes - 1] = 1;
    assert_int_equal((uintptr_t)block % MEMORY_ALIGNMENT, 0);
    memory_release(block, bytes);
    assert_int_equal(memory_reserve(0, &block, &error), PRIMER_OK);
    memory_release(block, 0);
    memory_release(NULL, 5);
}

static void impossible_ranges_are_errors(void **state)
{
    (void)state;
    primer_error error;
    void *block = &error;
    assert_int_equal(memory_reserve(SIZE_MAX, &block, &error), PRIMER_ENOMEM);
    assert_int_equal(memory_reserve((size_t)PTRDIFF_MAX - 4096, &block, &error), PRIMER_ENOMEM);
    assert_non_null(strstr(error.message, "no memory for"));
    assert_ptr_equal(block, &error);
}

static void arenas_carve_aligned_pieces(void **state)
{
    (void)state;
    primer_error error;
    struct arena arena;
    assert_int_equal(arena_create(&arena, 1000, &error), PRIMER_OK);
    unsigned char *const first = arena_take(&arena, 3, 1), *const second = arena_take(&arena, 5, 8);
    assert_ptr_equal(first, arena.base);
    assert_ptr_equal(second, first + MEMORY_ALIGNMENT);
    assert_int_equal(arena.used, MEMORY_ALIGNMENT + 40);
    assert_null(arena_take(&arena, 1000, 1));
    assert_null(arena_take(&arena, SIZE_MAX, 2));
    assert_null(arena_take(&arena, SIZE_MAX, 1));
    assert_int_equal(arena.used, MEMORY_ALIGNMENT + 40);
    assert_non_null(arena_take(&arena, 1000 - 128, 1));
    assert_null(arena_take(&arena, 1, 1));
    arena_reset(&arena);
    assert_ptr_equal(arena_take(&arena, 1000, 1), arena.base);
    memset(arena.base, 1, 1000);
    arena_free(&arena);
    assert_null(arena_take(&arena, 0, 1));
    arena_free(&arena);
}

static void arenas_refuse_without_memory(void **state)
{
    (void)state;
    primer_error error;
    struct arena arena = {NULL, 1, 2};
    memory_fail_at(0);
    assert_int_equal(arena_create(&arena, 10, &error), PRIMER_ENOMEM);
    assert_int_equal(arena_create(&arena, SIZE_MAX, &error), PRIMER_ENOMEM);
    assert_int_equal(arena.used, 1); /* untouched */
}

static void *allocate_much(void *argument)
{
    (void)argument;
    for (int i = 0; i < 1000; i++)
        memory_free(memory_allocate(1, 32));
    return NULL;
}

static void counting_is_safe_between_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    const size_t before = memory_allocation_count();
    memory_fail_at(2000);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_much, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(memory_allocation_count() - before, 3999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_and_sums_are_checked),
        cmocka_unit_test(blocks_are_zeroed_and_count),
        cmocka_unit_test(zero_bytes_give_a_block),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(aligned_blocks_are_aligned),
        cmocka_unit_test(ranges_come_and_go),
        cmocka_unit_test(resizing_keeps_contents),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(exactly_the_chosen_allocation_fails),
        cmocka_unit_test(failure_is_one_sentence),
        cmocka_unit_test(ranges_are_zeroed_and_lazy),
        cmocka_unit_test(impossible_ranges_are_errors),
        cmocka_unit_test(arenas_carve_aligned_pieces),
        cmocka_unit_test(arenas_refuse_without_memory),
        cmocka_unit_test(counting_is_safe_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
