/* Sessions as a caller sees them: what fits, what doesn't and how that is said; dropping,
 * cancelling, saving. */
#include "fixture.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct model_maker_options shape = {
    .architecture = "llama", .type = "Q8_0", .kv_heads = 2};

struct fixture {
    primer_model *model;
    primer_session *session;
    size_t vocabulary;
    int32_t ids[600];
};

static void open_session(struct fixture *f, primer_session_options options)
{
    f->model = fixture_open(&shape, 2);
    f->vocabulary = primer_model_info(f->model)->vocabulary;
    must(primer_session_create(f->model, &options, &f->session, error));
    fixture_ids(f->ids, 600, f->vocabulary, 3);
}

static void close_session(struct fixture *f)
{
    primer_session_free(f->session);
    primer_model_free(f->model);
}

static void refuses_with_both_numbers(void **state)
{
    (void)state;
    struct fixture f;
    primer_error why;
    open_session(&f, (primer_session_options){.context = 100});
    assert_int_equal(primer_session_sync(f.session, f.ids, 101, NULL, NULL, &why), PRIMER_ELIMIT);
    assert_non_null(strstr(why.message, "101"));
    assert_non_null(strstr(why.message, "100"));
    assert_null(primer_session_logits(f.session));
    assert_int_equal(primer_session_sync(f.session, f.ids, 0, NULL, NULL, &why), PRIMER_EINVAL);
    f.ids[5] = (int32_t)f.vocabulary;
    assert_int_equal(primer_session_sync(f.session, f.ids, 50, NULL, NULL, &why), PRIMER_EINVAL);
    assert_non_null(strstr(why.message, "token 5"));
    f.ids[5] = -1;
    assert_int_equal(primer_session_sync(f.session, f.ids, 50, NULL, NULL, &why), PRIMER_EINVAL);
    f.ids[5] = 5;
    must(primer_session_sync(f.session, f.ids, 100, NULL, NULL, error));
    assert_int_equal(primer_session_append(f.session, 1, &why), PRIMER_ELIMIT);
    assert_int_equal(primer_session_rewind(f.session, 101, &why), PRIMER_EINVAL);
    close_session(&f);
}

static void drops_the_oldest_quarter(void **state)
{
    (void)state;
    struct fixture f;
    size_t count;
    primer_statistics statistics;
    open_session(&f, (primer_session_options){.context = 100, .drop_oldest = true, .keep = 10});
    must(primer_session_sync(f.session, f.ids, 130, NULL, NULL,
                             error)); /* 30 over: two quarters go */
    const int32_t *held = primer_session_tokens(f.session, &count);
    assert_int_equal(count, 80);
    assert_memory_equal(held, f.ids, 10 * sizeof *held);
    assert_memory_equal(held + 10, f.ids + 60, 70 * sizeof *held);
    primer_session_statistics(f.session, &statistics);
    assert_int_equal(statistics.dropped_tokens, 50);
    for (size_t i = 0; i < 21; i++)
        must(primer_session_append(f.session, f.ids[200 + i], error));
    held = primer_session_tokens(f.session, &count);
    assert_int_equal(count, 76); /* full at 100: 25 more went, one came */
    assert_memory_equal(held, f.ids, 10 * sizeof *held);
    assert_int_equal(held[10], f.ids[60 + 25]);
    assert_int_equal(held[75], f.ids[220]);
    /* What is held is computed anew, not shifted: the same as reading it fresh. */
    float *logits = malloc(f.vocabulary * sizeof *logits);
    int32_t copy[100];
    memcpy(copy, held, count * sizeof *copy);
    memcpy(logits, primer_session_logits(f.session), f.vocabulary * sizeof *logits);
    must(primer_session_rewind(f.session, 0, error));
    must(primer_session_sync(f.session, copy, count, NULL, NULL, error));
    assert_memory_equal(logits, primer_session_logits(f.session), f.vocabulary * sizeof *logits);
    free(logits);
    close_session(&f);
}

static void checks_options(void **state)
{
    (void)state;
    primer_model *model = fixture_open(&shape, 1);
    primer_session *session = NULL;
    primer_error why;
    static const struct {
        primer_session_options options;
        const char *says;
    } bad[] = {
        {{.self_extend_group = 4, .self_extend_window = 30}, "multiple of the group"},
        {{.self_extend_group = 4, .self_extend_window = 512}, "below the trained context"},
        {{.self_extend_group = 4, .self_extend_window = 128, .context = 1665}, "1664"},
        {{.drop_oldest = true, .context = 100, .keep = 51}, "at most half"},
        {{.kv_format = (primer_kv_format)9}, "KV format"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(primer_session_create(model, &bad[i].options, &session, &why),
                             PRIMER_OK);
        if (strstr(why.message, bad[i].says) == NULL)
            fail_msg("case %zu says: %s", i, why.message);
    }
    const primer_session_options most = {.self_extend_group = 4, .self_extend_window = 128};
    must(primer_session_create(model, &most, &session, error));
    assert_int_equal(primer_session_context(session), (512 - 128) * 4 + 128);
    primer_session_free(session);
    primer_model_free(model);
}

static void cancel_at(void *context, size_t done, size_t total)
{
    (void)total;
    if (done >= 64)
        primer_session_cancel(context);
}

static void cancel_keeps_what_was_read(void **state)
{
    (void)state;
    struct fixture f;
    primer_error why;
    size_t count;
    open_session(&f, (primer_session_options){.chunk = 32});
    primer_session_cancel(f.session); /* before a call: that call ends */
    assert_int_equal(primer_session_sync(f.session, f.ids, 10, NULL, NULL, &why), PRIMER_ECANCELED);
    assert_int_equal(primer_session_sync(f.session, f.ids, 400, cancel_at, f.session, &why),
                     PRIMER_ECANCELED);
    primer_session_tokens(f.session, &count);
    assert_int_equal(count, 64);
    must(primer_session_sync(f.session, f.ids, 400, NULL, NULL, error));
    primer_statistics statistics;
    primer_session_statistics(f.session, &statistics);
    assert_int_equal(statistics.reused_tokens, 64);
    close_session(&f);
}

static void *cancel_soon(void *session)
{
    primer_session_cancel(session);
    return NULL;
}

static void cancel_from_another_thread(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t thread;
    primer_error why;
    open_session(&f, (primer_session_options){0});
    must(primer_session_sync(f.session, f.ids, 3, NULL, NULL, error));
    const primer_generation endless = {.ignore_end = true};
    primer_generation_result result;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, f.session), 0);
    must(primer_generate(f.session, &endless, &result, error));
    pthread_join(thread, NULL);
    assert_int_equal(result.reason, PRIMER_STOP_CANCELED);
    assert_int_equal(primer_session_sync(f.session, f.ids, 5, NULL, NULL, &why), PRIMER_OK);
    close_session(&f);
}

static void damaged_snapshots(void **state)
{
    (void)state;
    struct fixture f;
    primer_error why;
    open_session(&f, (primer_session_options){0});
    must(primer_session_sync(f.session, f.ids, 75, NULL, NULL, error));
    const char *path = fixture_path("whole"), *bad = fixture_path("bad");
    must(primer_session_save(f.session, path, error));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    unsigned char *bytes = malloc(size);
    rewind(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    for (size_t i = 0; i < 60; i++) { /* one byte changed, anywhere; or cut anywhere */
        const size_t at = i < 30 ? i * 4 : (i * 2654435761u) % size;
        file = fopen(bad, "wb");
        bytes[at] ^= 0x41;
        fwrite(bytes, 1, i % 2 == 0 ? size : at, file);
        bytes[at] ^= 0x41;
        fclose(file);
        assert_int_not_equal(primer_session_restore(f.session, bad, &why), PRIMER_OK);
        assert_non_null(strstr(why.message, "cannot restore"));
    }
    must(primer_session_restore(f.session, path, error));
    primer_session *other = NULL;
    const primer_session_options q8 = {.kv_format = PRIMER_KV_Q8_0}, small = {.context = 70};
    must(primer_session_create(f.model, &q8, &other, error));
    assert_int_equal(primer_session_restore(other, path, &why), PRIMER_EFORMAT);
    assert_non_null(strstr(why.message, "KV format"));
    primer_session_free(other);
    must(primer_session_create(f.model, &small, &other, error));
    assert_int_equal(primer_session_restore(other, path, &why), PRIMER_ELIMIT);
    primer_session_free(other);
    free(bytes);
    close_session(&f);
}

/* A file may say what it likes: its pages serve the session that asked for it, and its forks. */
static void restored_pages_are_shown_to_nobody(void **state)
{
    (void)state;
    primer_model *model = fixture_open_as(&shape, &(primer_model_options){.threads = 2});
    primer_session *saved = NULL, *restored = NULL, *fork = NULL, *other = NULL;
    primer_statistics statistics;
    int32_t ids[250];
    const char *path = fixture_path("shown");
    fixture_ids(ids, 250, primer_model_info(model)->vocabulary, 3);
    must(primer_session_create(model, NULL, &saved, error));
    must(primer_session_sync(saved, ids, 200, NULL, NULL, error));
    must(primer_session_save(saved, path, error));
    primer_session_free(saved);
    primer_model_free(model);
    model = fixture_open_as(&shape, &(primer_model_options){.threads = 2});
    must(primer_session_create(model, NULL, &restored, error));
    must(primer_session_restore(restored, path, error));
    must(primer_session_fork(restored, &fork, error));
    must(primer_session_sync(restored, ids, 240, NULL, NULL, error));
    must(primer_session_sync(fork, ids, 250, NULL, NULL, error));
    must(primer_session_create(model, NULL, &other, error));
    must(primer_session_sync(other, ids, 250, NULL, NULL, error));
    primer_session_statistics(other, &statistics);
    assert_int_equal(statistics.reused_tokens, 0);
    primer_session_free(restored);
    primer_session_free(fork);
    primer_session_free(other);
    primer_model_free(model);
}

static void embeddings(void **state)
{
    (void)state;
    struct fixture f;
    open_session(&f, (primer_session_options){.chunk = 16});
    const size_t n = primer_model_info(f.model)->embedding;
    float *mean = calloc(n, sizeof *mean), *last = calloc(n, sizeof *last),
          *unit = calloc(n, sizeof *unit);
    must(primer_session_embed(f.session, f.ids, 40, PRIMER_POOL_MEAN, false, mean, NULL, NULL,
                              error));
    must(primer_session_embed(f.session, f.ids, 40, PRIMER_POOL_LAST, false, last, NULL, NULL,
                              error));
    must(primer_session_embed(f.session, f.ids, 40, PRIMER_POOL_LAST, true, unit, NULL, NULL,
                              error));
    assert_memory_not_equal(mean, last, n * sizeof *mean);
    double length = 0, cosine = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        length += (double)unit[i] * (double)unit[i];
        cosine += (double)unit[i] * (double)last[i];
        norm += (double)last[i] * (double)last[i];
    }
    assert_true(fabs(length - 1) < 1e-5);
    assert_true(fabs(cosine / sqrt(norm) - 1) < 1e-5);
    /* The mean over one token is that token's. */
    must(primer_session_embed(f.session, f.ids, 1, PRIMER_POOL_MEAN, false, mean, NULL, NULL,
                              error));
    must(primer_session_embed(f.session, f.ids, 1, PRIMER_POOL_LAST, false, last, NULL, NULL,
                              error));
    assert_memory_equal(mean, last, n * sizeof *mean);
    free(mean);
    free(last);
    free(unit);
    close_session(&f);
}

struct told {
    size_t calls, first, last, total, cancel_from;
    primer_session *session;
};

static void note(void *context, size_t done, size_t total)
{
    struct told *told = context;
    if (told->calls++ == 0)
        told->first = done;
    else
        assert_true(done > told->last);
    told->last = done;
    told->total = total;
    if (done >= told->cancel_from)
        primer_session_cancel(told->session);
}

static void progress_counts_all_of_a_prompt(void **state)
{
    (void)state;
    struct fixture f;
    open_session(&f, (primer_session_options){.chunk = 32});
    struct told cold = {.cancel_from = SIZE_MAX}, warm = {.cancel_from = SIZE_MAX};
    must(primer_session_sync(f.session, f.ids, 100, note, &cold, error));
    assert_int_equal(cold.first, 0);
    assert_int_equal(cold.calls, 5); /* before 0, 32, 64, 96, and after all */
    must(primer_session_sync(f.session, f.ids, 150, note, &warm, error));
    assert_int_equal(warm.first, 100);
    assert_int_equal(warm.last, 150);
    assert_int_equal(warm.total, 150);
    assert_int_equal(warm.calls, 3);
    close_session(&f);
}

static void an_embedding_can_be_cancelled(void **state)
{
    (void)state;
    struct fixture f;
    primer_error why;
    open_session(&f, (primer_session_options){.chunk = 16});
    const size_t n = primer_model_info(f.model)->embedding;
    float *whole = calloc(n, sizeof *whole), *cut = calloc(n, sizeof *cut),
          *nothing = calloc(n, sizeof *nothing);
    struct told told = {.cancel_from = SIZE_MAX}, halt = {.cancel_from = 32, .session = f.session};
    must(primer_session_embed(f.session, f.ids, 100, PRIMER_POOL_MEAN, true, whole, note, &told,
                              error));
    assert_int_equal(told.first, 0);
    assert_int_equal(told.calls, 8);
    assert_int_equal(told.last, 100);
    assert_int_equal(told.total, 100);
    assert_int_equal(
        primer_session_embed(f.session, f.ids, 100, PRIMER_POOL_MEAN, true, cut, note, &halt, &why),
        PRIMER_ECANCELED);
    assert_int_equal(halt.last, 32);
    assert_memory_equal(cut, nothing, n * sizeof *cut);
    must(primer_session_embed(f.session, f.ids, 100, PRIMER_POOL_MEAN, true, cut, NULL, NULL,
                              error));
    assert_memory_equal(cut, whole, n * sizeof *cut);
    free(whole);
    free(cut);
    free(nothing);
    close_session(&f);
}

static void model_outlives_its_handle(void **state)
{
    (void)state;
    struct fixture f;
    open_session(&f, (primer_session_options){0});
    primer_model_free(f.model); /* the session keeps it */
    must(primer_session_sync(f.session, f.ids, 5, NULL, NULL, error));
    primer_session_free(f.session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_both_numbers),
        cmocka_unit_test(drops_the_oldest_quarter),
        cmocka_unit_test(checks_options),
        cmocka_unit_test(cancel_keeps_what_was_read),
        cmocka_unit_test(cancel_from_another_thread),
        cmocka_unit_test(damaged_snapshots),
        cmocka_unit_test(restored_pages_are_shown_to_nobody),
        cmocka_unit_test(embeddings),
        cmocka_unit_test(progress_counts_all_of_a_prompt),
        cmocka_unit_test(an_embedding_can_be_cancelled),
        cmocka_unit_test(model_outlives_its_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
