/* Memory: none is taken while tokens are made, and wherever it can't be had the answer is an error,
 * nothing leaks and what was there before goes on working. */
#include "fixture.h"

#include <string.h>
#include <sys/types.h>

#include "allocator.h"

static const struct model_maker_options shape = {
    .architecture = "phi2", .type = "Q4_K", .tokenizer = "bpe"};
static const struct model_maker_options llama = {
    .architecture = "llama", .type = "Q8_0", .tokenizer = "spm"};

static size_t seen_at_first, seen_at_last;

static bool watch(void *context, const primer_generated *g)
{
    (void)g;
    size_t *calls = context;
    if (++*calls == 1)
        seen_at_first = allocator_count();
    seen_at_last = allocator_count();
    return true;
}

static void none_while_tokens_are_made(void **state)
{
    (void)state;
    if (!allocator_counts())
        skip();
    for (int kv = 0; kv < 4; kv++) {
        size_t calls = 0;
        primer_model *model = fixture_open_as(kv % 2 == 0 ? &shape : &llama, NULL);
        primer_session *session = NULL;
        const primer_session_options options = {.context = 160,
                                                .kv_format = (primer_kv_format)kv,
                                                .drop_oldest = true,
                                                .self_extend_group = kv == 3 ? 2 : 0,
                                                .self_extend_window = 64};
        const int32_t ids[] = {1, 2, 3};
        const char *stops[] = {"never to be written", "\n\n\n\n\n"};
        primer_sampling sampling = primer_sampling_default();
        sampling.repeat_penalty = 1.1f;
        sampling.typical_p = 0.9f;
        must(primer_session_create(model, &options, &session, error));
        must(primer_session_sync(session, ids, 3, NULL, NULL, error));
        must(primer_generate(session,
                             &(primer_generation){.sampling = &sampling,
                                                  .max_tokens = 200,
                                                  .ignore_end = true,
                                                  .stops = stops,
                                                  .stop_count = 2,
                                                  .top_logprobs = 5,
                                                  .callback = watch,
                                                  .context = &calls},
                             NULL, error));
        assert_int_equal(calls >= 190, 1);
        assert_int_equal(seen_at_last - seen_at_first, 0);
        primer_session_free(session);
        primer_model_free(model);
    }
}

/* Everything a program does with a model; false at the first error. */
static bool whole_story(const char *path, const char *saved, primer_error *error)
{
    bool done = false;
    primer_model *model = NULL;
    primer_session *session = NULL, *fork = NULL;
    int32_t *ids = NULL;
    char *text = NULL;
    size_t count, length;
    float embedding[4096];
    if (primer_model_open(path, &(primer_model_options){.threads = 2}, &model, error) ==
            PRIMER_OK &&
        primer_tokenize(model, "Some text, any text.", 20, PRIMER_TEXT_BOS, &ids, &count, error) ==
            PRIMER_OK &&
        primer_detokenize(model, ids, count, 0, &text, &length, error) == PRIMER_OK &&
        primer_session_create(model, &(primer_session_options){.context = 100}, &session, error) ==
            PRIMER_OK &&
        primer_session_sync(session, ids, count, NULL, NULL, error) == PRIMER_OK &&
        primer_generate(session, &(primer_generation){.max_tokens = 5, .top_logprobs = 3}, NULL,
                        error) == PRIMER_OK &&
        primer_session_fork(session, &fork, error) == PRIMER_OK &&
        primer_session_save(session, saved, error) == PRIMER_OK &&
        primer_session_restore(fork, saved, error) == PRIMER_OK &&
        primer_session_embed(fork, ids, count, PRIMER_POOL_MEAN, true, embedding, NULL, NULL,
                             error) == PRIMER_OK)
        done = true;
    primer_free(ids);
    primer_free(text);
    primer_session_free(fork);
    primer_session_free(session);
    primer_model_free(model);
    return done;
}

static void each_fails_in_turn(void **state)
{
    (void)state;
    if (!allocator_counts())
        skip();
    const char *paths[] = {fixture_model(&shape, 1), fixture_model(&llama, 2)};
    const char *saved = fixture_path("saved");
    for (size_t m = 0; m < 2; m++) {
        primer_error why = {0};
        assert_true(
            whole_story(paths[m], saved, &why)); /* libraries settle what they keep for good */
        assert_true(whole_story(paths[m], saved, &why));
        const size_t live = allocator_live(), before = allocator_count();
        assert_true(whole_story(paths[m], saved, &why));
        const size_t needed = allocator_count() - before;
        assert_int_equal(allocator_live(), live);
        assert_true(needed > 20);
        /* Every one of the first thousand, then a sample: a vocabulary may take one each. */
        for (size_t n = 0; n < needed; n += n < 1000 ? 1 : 37) {
            why = (primer_error){0};
            allocator_fail_at(n);
            const bool done = whole_story(paths[m], saved, &why);
            allocator_fail_at(SIZE_MAX);
            if (!done && (why.status == PRIMER_OK || why.message[0] == '\0'))
                fail_msg("allocation %zu failed without a word", n);
            if (allocator_live() != live)
                fail_msg("allocation %zu of %zu failing leaves %zd blocks (%s)", n, needed,
                         (ssize_t)(allocator_live() - live), why.message);
        }
        assert_true(whole_story(paths[m], saved, &why));
    }
}

/* A failed call in the middle leaves model and session usable, with the same logits. */
static void usable_afterwards(void **state)
{
    (void)state;
    if (!allocator_counts())
        skip();
    primer_model *model = fixture_open(&shape, 2);
    primer_session *session = NULL, *fork = NULL;
    primer_error why;
    int32_t ids[40];
    fixture_ids(ids, 40, primer_model_info(model)->vocabulary, 2);
    must(primer_session_create(model, NULL, &session, error));
    must(primer_session_sync(session, ids, 40, NULL, NULL, error));
    const size_t bytes = primer_model_info(model)->vocabulary * sizeof(float);
    float logits[8192];
    assert_true(bytes <= sizeof logits);
    memcpy(logits, primer_session_logits(session), bytes);
    for (size_t n = 0; n < 12; n++) {
        allocator_fail_at(n);
        const primer_status forked = primer_session_fork(session, &fork, &why);
        allocator_fail_at(SIZE_MAX);
        if (forked == PRIMER_OK)
            primer_session_free(fork);
        allocator_fail_at(n);
        (void)primer_generate(session, &(primer_generation){.max_tokens = 2, .ignore_end = true},
                              NULL, &why);
        allocator_fail_at(SIZE_MAX);
        must(primer_session_sync(session, ids, 40, NULL, NULL, error));
        assert_memory_equal(logits, primer_session_logits(session), bytes);
    }
    primer_session_free(session);
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_while_tokens_are_made),
        cmocka_unit_test(each_fails_in_turn),
        cmocka_unit_test(usable_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
