/* The prefix cache: sessions that begin alike share pages, with the same bits; a budget holds; and
 * sessions always get the pages they reserved, whatever the cache keeps. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

static const struct model_maker_options shape = {
    .architecture = "llama", .type = "Q8_0", .kv_heads = 2, .context = 1024};

struct fixture {
    primer_model *model, *plain; /* with and without a prefix cache */
    size_t vocabulary;
    int32_t ids[1024];
};

static void open_both(struct fixture *f, size_t budget)
{
    f->model = fixture_open_as(&shape,
                               &(primer_model_options){.threads = 2, .prefix_cache_bytes = budget});
    f->plain = fixture_open(&shape, 2);
    f->vocabulary = primer_model_info(f->model)->vocabulary;
    fixture_ids(f->ids, 1024, f->vocabulary, 5);
}

static void close_both(struct fixture *f)
{
    primer_model_free(f->model);
    primer_model_free(f->plain);
}

/* The logits after ids as a model without sharing has them. */
static void assert_alone(struct fixture *f, const primer_session *session,
                         const primer_session_options *options)
{
    primer_session *alone = NULL;
    size_t count;
    const int32_t *ids = primer_session_tokens(session, &count);
    must(primer_session_create(f->plain, options, &alone, error));
    must(primer_session_sync(alone, ids, count, NULL, NULL, error));
    assert_memory_equal(primer_session_logits(alone), primer_session_logits(session),
                        f->vocabulary * sizeof(float));
    primer_session_free(alone);
}

static size_t reused(const primer_session *session)
{
    primer_statistics statistics;
    primer_session_statistics(session, &statistics);
    return statistics.reused_tokens;
}

static void finished_sessions_serve_the_next(void **state)
{
    (void)state;
    struct fixture f;
    primer_session *s = NULL;
    open_both(&f, 0);
    for (int kv = 0; kv < 4; kv++) {
        const primer_session_options options = {.kv_format = (primer_kv_format)kv};
        must(primer_session_create(f.model, &options, &s, error));
        must(primer_session_sync(s, f.ids, 200, NULL, NULL, error));
        assert_int_equal(reused(s), 0);
        primer_session_free(s);
        must(primer_session_create(f.model, &options, &s, error));
        must(primer_session_sync(s, f.ids, 260, NULL, NULL, error));
        assert_int_equal(reused(s), 192);
        assert_alone(&f, s, &options);
        must(primer_session_rewind(s, 70, error));
        must(primer_session_sync(s, f.ids, 192, NULL, NULL,
                                 error)); /* the last token must be computed */
        assert_int_equal(reused(s), 192 + 128);
        assert_alone(&f, s, &options);
        f.ids[130]++; /* another text from here on */
        must(primer_session_sync(s, f.ids, 260, NULL, NULL, error));
        assert_int_equal(reused(s), 192 + 128 + 130);
        assert_alone(&f, s, &options);
        f.ids[130]--;
        primer_session_free(s);
    }
    close_both(&f);
}

static void options_are_kept_apart(void **state)
{
    (void)state;
    struct fixture f;
    static const primer_session_options options[] = {
        {0},
        {.rope_base = 20000},
        {.rope_scale = 2},
        {.self_extend_group = 2, .self_extend_window = 64},
        {.self_extend_group = 4, .self_extend_window = 64},
        {.kv_format = PRIMER_KV_F32},
    };
    open_both(&f, 0);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            primer_session *s = NULL;
            must(primer_session_create(f.model, &options[i], &s, error));
            must(primer_session_sync(s, f.ids, 150, NULL, NULL, error));
            assert_int_equal(reused(s), round == 0 ? 0 : 128);
            assert_alone(&f, s, &options[i]);
            primer_session_free(s);
        }
    close_both(&f);
}

static void the_budget_holds(void **state)
{
    (void)state;
    struct fixture f;
    primer_session *s = NULL;
    open_both(&f, 1); /* resolved below */
    must(primer_session_create(f.model, NULL, &s, error));
    const size_t page = kv_pool_geometry(s->cache.pool)->page_bytes;
    s->prefix->budget = 5 * page;
    struct kv_pool *pool = s->cache.pool;
    for (size_t i = 0; i < 6; i++) { /* six texts of four pages each */
        f.ids[0] = (int32_t)i;
        must(primer_session_sync(s, f.ids, 257, NULL, NULL, error));
        assert_alone(&f, s, NULL);
        prefix_trim(s->prefix);
        assert_true(kv_pool_pages_kept(pool) <= 5);
    }
    assert_true(kv_pool_pages_kept(pool) >= 4);
    f.ids[0] = 4; /* the last but one is still there, the first is not */
    const size_t before = reused(s);
    must(primer_session_sync(s, f.ids, 257, NULL, NULL, error));
    assert_true(reused(s) - before >= 64);
    primer_session_free(s);
    close_both(&f);
}

/* A cache with room for everything, and sessions that use all they reserved: pages are reclaimed.
 */
static void sessions_get_what_they_reserved(void **state)
{
    (void)state;
    struct fixture f;
    primer_session *s[3] = {NULL};
    open_both(&f, (size_t)1 << 30);
    const primer_session_options options = {.context = 256};
    for (size_t i = 0; i < 3; i++)
        must(primer_session_create(f.model, &options, &s[i], error));
    for (int round = 0; round < 12; round++)
        for (size_t i = 0; i < 3; i++) {
            f.ids[round % 5] = (int32_t)(round * 3) % 7 + (int32_t)i;
            const size_t count = round % 3 == 2 ? 70 : 256;
            must(primer_session_sync(s[i], f.ids, count, NULL, NULL, error));
            assert_alone(&f, s[i], &options);
            must(primer_session_rewind(
                s[i],
                100 * (size_t)(round % 2) > count ? count : 100 * (size_t)(round % 2) % (count + 1),
                error));
            if (round % 4 == 3)
                must(primer_session_append(s[i], 3, error));
        }
    for (size_t i = 0; i < 3; i++)
        primer_session_free(s[i]);
    close_both(&f);
}

struct client {
    struct fixture *f;
    unsigned seed;
};

static void *come_and_go(void *context)
{
    struct client *c = context;
    uint32_t x = c->seed;
    for (int i = 0; i < 8; i++) {
        primer_session *s = NULL;
        int32_t ids[300];
        memcpy(ids, c->f->ids, sizeof ids);
        x = x * 1103515245u + 12345u;
        ids[(x >> 8) % 200] = 1; /* where it leaves the common text */
        must(primer_session_create(c->f->model, NULL, &s, error));
        must(primer_session_sync(s, ids, 100 + (x >> 20) % 200, NULL, NULL, error));
        assert_alone(c->f, s, NULL);
        primer_session_free(s);
    }
    return NULL;
}

static void many_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct client clients[4];
    pthread_t threads[4];
    open_both(&f, 0);
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = (struct client){&f, i};
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &clients[i]), 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    close_both(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished_sessions_serve_the_next),
        cmocka_unit_test(options_are_kept_apart),
        cmocka_unit_test(the_budget_holds),
        cmocka_unit_test(sessions_get_what_they_reserved),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
