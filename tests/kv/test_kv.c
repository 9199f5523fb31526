/* KV pages: sharing, copying on write, reservations, snapshots that hold nothing of anybody else's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kv/kv.h"

static struct kv_geometry geometry_of(enum quant_type format, size_t rotary)
{
    struct kv_geometry g = {
        .layers = 2, .heads = 3, .dimensions = 40, .rotary = rotary, .format = format};
    assert_int_equal(kv_geometry_init(&g, NULL), PRIMER_OK);
    return g;
}

static void parts_do_not_overlap(void **state)
{
    (void)state;
    static const enum quant_type formats[] = {QUANT_F32, QUANT_F16, QUANT_BF16, QUANT_Q8_0};
    for (size_t f = 0; f < 4; f++) {
        const struct kv_geometry g = geometry_of(formats[f], 16);
        struct kv_page page = {.memory = calloc(1, g.page_bytes + 1)};
        page.memory[g.page_bytes] = 0x5a;
        unsigned char mark = 0;
        for (size_t layer = 0; layer < 2; layer++)
            for (size_t head = 0; head < 3; head++) {
                const struct kv_parts p = kv_page_parts(&g, &page, layer, head);
                memset(p.keys, ++mark, 64 * 40 * g.element);
                memset(p.values, ++mark, 64 * 40 * g.element);
                memset(p.grouped, ++mark, 64 * 16 * g.element);
                if (formats[f] == QUANT_Q8_0) {
                    memset(p.key_scales, ++mark, 64 * 2 * 2);
                    memset(p.value_scales, ++mark, 64 * 2 * 2);
                    memset(p.grouped_scales, ++mark, 64 * 2);
                }
            }
        size_t count[64] = {0}, each = 64 * 40 * g.element;
        for (size_t i = 0; i < g.page_bytes; i++)
            count[page.memory[i]]++;
        assert_int_equal(page.memory[g.page_bytes], 0x5a);
        mark = 0;
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(count[++mark], each);
            assert_int_equal(count[++mark], each);
            assert_int_equal(count[++mark], 64 * 16 * g.element);
            if (formats[f] == QUANT_Q8_0) {
                assert_int_equal(count[++mark], 256);
                assert_int_equal(count[++mark], 256);
                assert_int_equal(count[++mark], 128);
            }
        }
        free(page.memory);
    }
}

static void geometry_overflow_is_an_error(void **state)
{
    (void)state;
    struct kv_geometry g = {
        .layers = SIZE_MAX / 4, .heads = 8, .dimensions = 64, .format = QUANT_F32};
    primer_error why;
    assert_int_equal(kv_geometry_init(&g, &why), PRIMER_ELIMIT);
    g = (struct kv_geometry){
        .layers = 1, .heads = 1, .dimensions = SIZE_MAX / 64, .format = QUANT_F32};
    assert_int_equal(kv_geometry_init(&g, &why), PRIMER_ELIMIT);
}

static void shared_pages_are_copied_on_write(void **state)
{
    (void)state;
    const struct kv_geometry g = geometry_of(QUANT_F16, 0);
    struct kv_pool *pool = NULL;
    struct kv_cache a, b;
    assert_int_equal(kv_pool_create(&pool, &g, NULL), PRIMER_OK);
    assert_int_equal(kv_cache_create(&a, pool, 200, NULL), PRIMER_OK);
    assert_int_equal(kv_cache_create(&b, pool, 200, NULL), PRIMER_OK);
    kv_cache_prepare(&a, 0, 100);
    assert_int_equal(a.count, 2);
    memset(a.pages[1]->memory, 7, g.page_bytes);
    kv_cache_share(&a, &b, 100);
    assert_int_equal(kv_pool_pages_used(pool), 2);
    assert_ptr_equal(a.pages[1], b.pages[1]);
    kv_cache_prepare(&b, 100, 101); /* inside the shared page */
    assert_int_equal(kv_pool_pages_used(pool), 3);
    assert_ptr_equal(a.pages[0], b.pages[0]);
    assert_ptr_not_equal(a.pages[1], b.pages[1]);
    assert_memory_equal(a.pages[1]->memory, b.pages[1]->memory, g.page_bytes);
    const struct kv_page *own = a.pages[1];
    kv_cache_prepare(&a, 100, 130); /* alone again: no copy */
    assert_ptr_equal(a.pages[1], own);
    assert_int_equal(kv_pool_pages_used(pool), 4);
    kv_cache_truncate(&a, 64);
    assert_int_equal(a.count, 1);
    kv_cache_prepare(&a, 64, 200); /* both caches full at once: as reserved */
    kv_cache_prepare(&b, 101, 200);
    kv_cache_free(&a);
    assert_int_equal(kv_pool_pages_used(pool), 4);
    kv_cache_free(&b);
    assert_int_equal(kv_pool_pages_used(pool), 0);
    kv_pool_free(pool);
}

/* Allocations while so many sessions of 200 tokens, up to 3, come and go together. */
static size_t allocations_of(struct kv_pool *pool, size_t sessions)
{
    struct kv_cache caches[3];
    const size_t before = memory_allocation_count();
    for (size_t i = 0; i < sessions; i++) {
        assert_int_equal(kv_cache_create(&caches[i], pool, 200, NULL), PRIMER_OK);
        kv_cache_prepare(&caches[i], 0, 200);
    }
    for (size_t i = 0; i < sessions; i++)
        kv_cache_free(&caches[i]);
    return memory_allocation_count() - before;
}

static void the_next_session_gets_the_pages(void **state)
{
    (void)state;
    const struct kv_geometry g = geometry_of(QUANT_F16, 0);
    struct kv_pool *pool = NULL;
    assert_int_equal(kv_pool_create(&pool, &g, NULL), PRIMER_OK);
    const size_t first = allocations_of(pool, 1), second = allocations_of(pool, 1);
    assert_int_equal(first, second + 2 * 5); /* five pages: memory, and what says of it */
    kv_pool_give_back(pool);
    assert_int_equal(allocations_of(pool, 1), first);
    assert_int_equal(allocations_of(pool, 3), 3 * second + 2 * 2 * 5);
    assert_int_equal(allocations_of(pool, 3), 3 * second); /* all that were there at once stay */
    kv_pool_free(pool);
}

struct bytes {
    unsigned char *data;
    size_t length, room;
};

static primer_status gather(void *context, const void *bytes, size_t length, primer_error *error)
{
    struct bytes *out = context;
    if (length > out->room - out->length)
        return error_set(error, PRIMER_ELIMIT, "more than announced");
    memcpy(out->data + out->length, bytes, length);
    out->length += length;
    return PRIMER_OK;
}

static void snapshots_come_back(void **state)
{
    (void)state;
    static const enum quant_type formats[] = {QUANT_F32, QUANT_F16, QUANT_Q8_0};
    static const size_t lengths[] = {1, 15, 16, 17, 64, 65, 130};
    for (size_t f = 0; f < 3; f++)
        for (size_t l = 0; l < 7; l++) {
            const struct kv_geometry g = geometry_of(formats[f], f == 1 ? 16 : 0);
            const size_t tokens = lengths[l], size = kv_snapshot_bytes(&g, tokens);
            struct kv_pool *pool = NULL;
            struct kv_cache a, b;
            assert_int_equal(kv_pool_create(&pool, &g, NULL), PRIMER_OK);
            assert_int_equal(kv_cache_create(&a, pool, 200, NULL), PRIMER_OK);
            assert_int_equal(kv_cache_create(&b, pool, 200, NULL), PRIMER_OK);
            kv_cache_prepare(&a, 0, tokens);
            kv_cache_prepare(&b, 0, tokens);
            struct bytes one = {malloc(size), 0, size}, two = {malloc(size), 0, size};
            for (size_t p = 0; p < a.count; p++)
                for (size_t i = 0; i < g.page_bytes; i++)
                    a.pages[p]->memory[i] = (unsigned char)(i * 31 + p);
            assert_int_equal(kv_snapshot_write(&a, tokens, gather, &one, NULL), PRIMER_OK);
            assert_int_equal(one.length, size);
            for (size_t p = 0; p < b.count; p++) /* somebody else's leftovers */
                memset(b.pages[p]->memory, 0xee, g.page_bytes);
            kv_snapshot_read(&b, tokens, one.data);
            assert_int_equal(kv_snapshot_write(&b, tokens, gather, &two, NULL), PRIMER_OK);
            assert_int_equal(two.length, size);
            assert_memory_equal(one.data, two.data, size);
            const struct kv_parts pa = kv_page_parts(&g, a.pages[0], 1, 2),
                                  pb = kv_page_parts(&g, b.pages[0], 1, 2);
            const size_t here = tokens < 64 ? tokens : 64;
            assert_memory_equal(pa.values, pb.values, here * 40 * g.element);
            for (size_t t = 0; t < here; t++) /* every key's lane */
                for (size_t d = 0; d < 40; d++) {
                    const size_t at = ((t / 16 * 40 + d) * 16 + t % 16) * g.element;
                    assert_memory_equal(pa.keys + at, pb.keys + at, g.element);
                }
            free(one.data);
            free(two.data);
            kv_cache_free(&a);
            kv_cache_free(&b);
            kv_pool_free(pool);
        }
}

static void allocation_failures_leave_the_pool_as_it_was(void **state)
{
    (void)state;
    const struct kv_geometry g = geometry_of(QUANT_F16, 0);
    struct kv_pool *pool = NULL;
    primer_status status = PRIMER_ENOMEM;
    assert_int_equal(kv_pool_create(&pool, &g, NULL), PRIMER_OK);
    size_t failures = 0;
    for (size_t n = 0; status != PRIMER_OK; n++) {
        struct kv_cache cache = {0};
        primer_error why = {0};
        memory_fail_at(n);
        status = kv_cache_create(&cache, pool, 300, &why);
        memory_fail_at(SIZE_MAX);
        failures += status != PRIMER_OK;
        if (status != PRIMER_OK)
            assert_true(why.message[0] != '\0');
        kv_cache_free(&cache);
    }
    assert_true(failures > 5);
    assert_int_equal(kv_pool_pages_used(pool), 0);
    kv_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_do_not_overlap),
        cmocka_unit_test(geometry_overflow_is_an_error),
        cmocka_unit_test(shared_pages_are_copied_on_write),
        cmocka_unit_test(the_next_session_gets_the_pages),
        cmocka_unit_test(snapshots_come_back),
        cmocka_unit_test(allocation_failures_leave_the_pool_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
