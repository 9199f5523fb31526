/* Guessing ahead changes nothing but the time: the same tokens, log-probabilities and random
 * numbers; by look-up, by a good draft model and by a bad one; stopped, cancelled, at the context's
 * end. */
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct model_maker_options shape = {
    .architecture = "phi2", .type = "Q4_0", .context = 256};
static const struct model_maker_options other = {
    .architecture = "phi2", .type = "Q8_0", .layers = 1, .context = 256};

enum { VOCABULARY_MOST = 4096 };

struct story {
    int32_t ids[400];
    double logprobs[400];
    size_t count, stop_after;
    float logits[VOCABULARY_MOST]; /* after the story and one token more */
    size_t vocabulary;
    bool cancel; /* at stop_after the session, instead of an end by the callback */
    primer_session *session;
    const int32_t *script; /* what to write, by the choose callback */
    size_t written;
};

static bool keep(void *context, const primer_generated *g)
{
    struct story *s = context;
    if (g->id >= 0) {
        s->ids[s->count] = g->id;
        s->logprobs[s->count++] = g->logprob;
    }
    if (s->cancel && s->count == s->stop_after)
        primer_session_cancel(s->session);
    return s->cancel || s->stop_after == 0 || s->count < s->stop_after;
}

static int32_t from_script(void *context, const float *logits, size_t vocabulary)
{
    struct story *s = context;
    (void)logits;
    return s->script[s->written++] % (int32_t)vocabulary;
}

/* A text that repeats itself: guesses by look-up will often be right. */
static void prompt_of(int32_t *ids, size_t count)
{
    fixture_ids(ids, count, 30, 6);
    for (size_t i = 40; i < count; i++)
        ids[i] = ids[i - 40];
}

static primer_generation_result write_story(primer_model *model, primer_generation how,
                                            primer_session_options options, struct story *story)
{
    primer_session *session = NULL;
    primer_generation_result result;
    int32_t ids[100];
    prompt_of(ids, 100);
    must(primer_session_create(model, &options, &session, error));
    must(primer_session_sync(session, ids, 100, NULL, NULL, error));
    how.callback = keep;
    how.context = story;
    how.ignore_end = true;
    how.top_logprobs = 1;
    story->session = session;
    must(primer_generate(session, &how, &result, error));
    /* The session is what it would be: its cache serves the next token. */
    must(primer_session_append(session, 7, error));
    story->vocabulary = primer_model_info(model)->vocabulary;
    assert_true(story->vocabulary <= VOCABULARY_MOST);
    memcpy(story->logits, primer_session_logits(session),
           story->vocabulary * sizeof *story->logits);
    primer_session_free(session);
    return result;
}

static void assert_same_story(const struct story *a, const struct story *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->ids, b->ids, a->count * sizeof *a->ids);
    assert_memory_equal(a->logprobs, b->logprobs, a->count * sizeof *a->logprobs);
    assert_int_equal(a->vocabulary, b->vocabulary);
    assert_memory_equal(a->logits, b->logits, a->vocabulary * sizeof *a->logits);
}

static void look_up_changes_nothing(void **state)
{
    (void)state;
    primer_model *model = fixture_open_as(&shape, NULL);
    for (unsigned seed = 0; seed < 6; seed++) {
        primer_sampling sampling = primer_sampling_default();
        sampling.seed = seed;
        sampling.temperature = seed % 2 == 0 ? 0 : 0.3f;
        sampling.repeat_penalty = seed == 3 ? 1.2f : 1;
        struct story plain = {.stop_after = seed == 4 ? 31 : 0},
                     guessed = {.stop_after = plain.stop_after};
        primer_generation how = {.sampling = &sampling, .max_tokens = 120, .no_speculation = true};
        const primer_generation_result first =
            write_story(model, how, (primer_session_options){0}, &plain);
        assert_int_equal(first.drafted_tokens, 0);
        how.no_speculation = false;
        const primer_generation_result second =
            write_story(model, how, (primer_session_options){0}, &guessed);
        assert_same_story(&plain, &guessed);
        assert_int_equal(first.reason, second.reason);
        assert_true(second.accepted_tokens <= second.drafted_tokens);
    }
    primer_model_free(model);
}

static void a_scripted_repetition_is_guessed(void **state)
{
    (void)state;
    primer_model *model = fixture_open_as(&shape, NULL);
    int32_t script[200];
    prompt_of(script, 100);
    memcpy(script + 100, script, 100 * sizeof *script);
    script[50] = 299; /* one word changed */
    struct story plain = {.script = script + 20}, guessed = {.script = script + 20};
    primer_generation how = {.choose = from_script, .max_tokens = 80, .no_speculation = true};
    write_story(model, how, (primer_session_options){0}, &plain);
    how.no_speculation = false;
    const primer_generation_result result =
        write_story(model, how, (primer_session_options){0}, &guessed);
    assert_same_story(&plain, &guessed);
    assert_true(result.drafted_tokens > 0);
    assert_true(result.accepted_tokens > 0);
    primer_model_free(model);
}

/* In the middle of rows that were guessed right: what is held is what was written. */
static void cancelled_between_guesses(void **state)
{
    (void)state;
    primer_model *model = fixture_open_as(&shape, NULL);
    int32_t script[200];
    prompt_of(script, 100);
    memcpy(script + 100, script, 100 * sizeof *script);
    primer_generation how = {.choose = from_script, .max_tokens = 80};
    for (size_t after = 8; after < 40; after += 3) {
        struct story plain = {.script = script + 20, .stop_after = after, .cancel = true},
                     guessed = {.script = script + 20, .stop_after = after, .cancel = true};
        how.no_speculation = true;
        const primer_generation_result first =
            write_story(model, how, (primer_session_options){0}, &plain);
        how.no_speculation = false;
        const primer_generation_result second =
            write_story(model, how, (primer_session_options){0}, &guessed);
        assert_int_equal(first.reason, PRIMER_STOP_CANCELED);
        assert_int_equal(second.reason, PRIMER_STOP_CANCELED);
        assert_int_equal(guessed.count, after);
        assert_true(second.accepted_tokens > 0);
        assert_same_story(&plain, &guessed);
    }
    primer_model_free(model);
}

static void draft_models_good_and_bad(void **state)
{
    (void)state;
    primer_model *model = NULL, *drafts[2] = {NULL};
    const char *path = fixture_model(&shape, 0), *bad = fixture_model(&other, 1);
    must(primer_model_open(path, NULL, &model, error));
    must(primer_model_open(path, NULL, &drafts[0], error));
    must(primer_model_open(bad, NULL, &drafts[1], error));
    const primer_sampling greedy = {
        .temperature = 0, .repeat_penalty = 1, .top_p = 1, .typical_p = 1};
    struct story plain = {0};
    primer_generation how = {.sampling = &greedy, .max_tokens = 60, .no_speculation = true};
    write_story(model, how, (primer_session_options){0}, &plain);
    how.no_speculation = false;
    for (int i = 0; i < 2; i++) {
        primer_session *draft = NULL;
        struct story guessed = {0};
        must(primer_session_create(drafts[i], NULL, &draft, error));
        how.draft = draft;
        const primer_generation_result result =
            write_story(model, how, (primer_session_options){0}, &guessed);
        assert_same_story(&plain, &guessed);
        assert_true(result.drafted_tokens > 0);
        if (i == 0) /* the same model: always right, but for what is cut off at the end */
            assert_true(result.accepted_tokens + 16 >= result.drafted_tokens);
        primer_session_free(draft);
    }
    for (int i = 0; i < 2; i++)
        primer_model_free(drafts[i]);
    primer_model_free(model);
}

static void another_vocabulary_is_refused(void **state)
{
    (void)state;
    const struct model_maker_options spm = {
        .architecture = "llama", .type = "Q8_0", .tokenizer = "spm"};
    primer_model *model = NULL, *wrong = NULL;
    primer_session *session = NULL, *draft = NULL;
    primer_error why = {0};
    const int32_t ids[] = {1, 2, 3};
    must(primer_model_open(fixture_model(&shape, 0), NULL, &model, error));
    must(primer_model_open(fixture_model(&spm, 1), NULL, &wrong, error));
    must(primer_session_create(model, NULL, &session, error));
    must(primer_session_create(wrong, NULL, &draft, error));
    must(primer_session_sync(session, ids, 3, NULL, NULL, error));
    assert_int_equal(primer_generate(session, &(primer_generation){.draft = draft}, NULL, &why),
                     PRIMER_EINVAL);
    assert_non_null(strstr(why.message, "vocabulary"));
    primer_session_free(draft);
    primer_session_free(session);
    primer_model_free(wrong);
    primer_model_free(model);
}

static void at_the_end_of_the_context(void **state)
{
    (void)state;
    primer_model *model = fixture_open_as(&shape, NULL);
    const primer_session_options options = {.context = 130, .drop_oldest = true, .keep = 3};
    const primer_sampling greedy = {
        .temperature = 0, .repeat_penalty = 1, .top_p = 1, .typical_p = 1};
    struct story plain = {0}, guessed = {0};
    primer_generation how = {.sampling = &greedy, .max_tokens = 90, .no_speculation = true};
    const primer_generation_result first = write_story(model, how, options, &plain);
    how.no_speculation = false;
    const primer_generation_result second = write_story(model, how, options, &guessed);
    assert_same_story(&plain, &guessed);
    assert_true(first.dropped_tokens > 0);
    assert_int_equal(first.dropped_tokens, second.dropped_tokens);
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_up_changes_nothing),
        cmocka_unit_test(a_scripted_repetition_is_guessed),
        cmocka_unit_test(cancelled_between_guesses),
        cmocka_unit_test(draft_models_good_and_bad),
        cmocka_unit_test(another_vocabulary_is_refused),
        cmocka_unit_test(at_the_end_of_the_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
