/* Generation: a trained model's text, stop strings that straddle tokens, limits, log-probabilities,
 * seeds. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

static const struct model_maker_options shape = {.architecture = "phi2", .type = "Q8_0"};

struct text {
    char bytes[8192];
    size_t length, calls, stop_after, tokens;
    double logprobs;
    bool ends[8192]; /* a piece ended before this byte */
};

static bool collect(void *context, const primer_generated *g)
{
    struct text *t = context;
    assert_true(t->length + g->length < sizeof t->bytes);
    assert_int_equal(g->text[g->length], 0);
    memcpy(t->bytes + t->length, g->text, g->length);
    t->length += g->length;
    t->bytes[t->length] = '\0';
    t->ends[t->length] = true;
    t->calls++;
    t->tokens += g->id >= 0;
    if (g->top_count > 0) {
        assert_true(g->logprob <= g->top[0].logprob);
        t->logprobs += g->logprob;
    }
    return t->stop_after == 0 || t->calls < t->stop_after;
}

static primer_model *stories(void)
{
    const char *shared = getenv("PRIMER_SHARED");
    char path[1024];
    primer_model *model = NULL;
    snprintf(path, sizeof path, "%s/models/stories260K.gguf",
             shared != NULL ? shared : "../shared");
    if (!file_exists(path)) {
        print_message("stories260K.gguf is not there\n");
        skip();
    }
    must(primer_model_open(path, NULL, &model, error));
    return model;
}

static void start(primer_model *model, primer_session_options options, const char *text,
                  primer_session **session)
{
    int32_t *ids = NULL;
    size_t count = 0;
    must(primer_session_create(model, &options, session, error));
    must(primer_tokenize(model, text, strlen(text), PRIMER_TEXT_BOS, &ids, &count, error));
    must(primer_session_sync(*session, ids, count, NULL, NULL, error));
    primer_free(ids);
}

static primer_sampling greedy(void)
{
    primer_sampling s = primer_sampling_default();
    s.temperature = 0;
    return s;
}

static void tells_the_known_story(void **state)
{
    (void)state;
    primer_model *model = stories();
    primer_session *session = NULL;
    struct text text = {0};
    const primer_sampling sampling = greedy();
    primer_generation_result result;
    start(model, (primer_session_options){0}, "", &session);
    const primer_generation options = {
        .sampling = &sampling, .max_tokens = 198, .callback = collect, .context = &text};
    must(primer_generate(session, &options, &result, error));
    assert_int_equal(result.tokens, 198);
    assert_int_equal(result.reason, PRIMER_STOP_LENGTH);
    assert_int_equal(
        strncmp(text.bytes, "Once upon a time, there was a little girl named Lily.", 53), 0);
    assert_string_equal(text.bytes + text.length - 8, "her mom,");
    assert_int_equal(text.tokens, 198);
    primer_session_free(session);
    primer_model_free(model);
}

static void stops_at_strings(void **state)
{
    (void)state;
    primer_model *model = stories();
    const primer_sampling sampling = greedy();
    static const struct {
        const char *stops[2], *text, *met;
    } cases[] = {
        {{"time, there", "never"}, "Once upon a ", "time, there"},
        {{" time, there was", "e, the"}, "Once upon a tim", "e, the"}, /* the first to be whole */
        {{"O", "x"}, "", "O"},
        {{"Lily.", "girl n"}, "Once upon a time, there was a little ", "girl n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        primer_session *session = NULL;
        struct text text = {0};
        primer_generation_result result;
        start(model, (primer_session_options){0}, "", &session);
        must(primer_generate(session,
                             &(primer_generation){.sampling = &sampling,
                                                  .max_tokens = 60,
                                                  .stops = cases[i].stops,
                                                  .stop_count = 2,
                                                  .callback = collect,
                                                  .context = &text},
                             &result, error));
        assert_int_equal(result.reason, PRIMER_STOP_STRING);
        assert_string_equal(text.bytes, cases[i].text);
        assert_string_equal(result.stop, cases[i].met);
        primer_session_free(session);
    }
    primer_model_free(model);
}

static void goes_on_where_it_stopped(void **state)
{
    (void)state;
    primer_model *model = stories();
    primer_session *once = NULL, *twice = NULL;
    struct text whole = {0}, parts = {0};
    primer_sampling sampling = primer_sampling_default();
    primer_sampler *sampler = NULL;
    sampling.seed = 5;
    start(model, (primer_session_options){0}, "The dog", &once);
    start(model, (primer_session_options){0}, "The dog", &twice);
    must(primer_generate(
        once,
        &(primer_generation){
            .sampling = &sampling, .max_tokens = 60, .callback = collect, .context = &whole},
        NULL, error));
    must(primer_sampler_create(model, &sampling, &sampler, error));
    for (int i = 0; i < 3; i++)
        must(primer_generate(
            twice,
            &(primer_generation){
                .sampler = sampler, .max_tokens = 20, .callback = collect, .context = &parts},
            NULL, error));
    assert_string_equal(whole.bytes, parts.bytes);
    primer_sampler_free(sampler);
    primer_session_free(once);
    primer_session_free(twice);
    primer_model_free(model);
}

static void never_half_a_character(void **state)
{
    (void)state;
    primer_model *model = fixture_open(&shape, 2);
    primer_session *session = NULL;
    struct text text = {0};
    primer_sampling sampling = primer_sampling_default();
    sampling.temperature = 1.5f;
    sampling.top_k = 0;
    sampling.seed = 1;
    start(model, (primer_session_options){0}, "a", &session);
    must(primer_generate(session,
                         &(primer_generation){.sampling = &sampling,
                                              .max_tokens = 400,
                                              .ignore_end = true,
                                              .callback = collect,
                                              .context = &text},
                         NULL, error));
    size_t characters =
        0; /* random bytes, among them beginnings of characters, and some whole ones */
    for (size_t at = 0; at < text.length;) {
        uint32_t code_point;
        const size_t n = utf8_decode(text.bytes + at, text.length - at, &code_point);
        for (size_t i = 1; i < n; i++)
            assert_false(text.ends[at + i]);
        characters += n > 1;
        at += n > 0 ? n : 1;
    }
    assert_true(characters > 0);
    size_t count;
    const int32_t *ids = primer_session_tokens(session, &count);
    char *all = NULL;
    size_t length = 0;
    must(primer_detokenize(model, ids + 1, count - 1, PRIMER_TEXT_CONTINUE, &all, &length, error));
    assert_int_equal(length, text.length); /* and nothing is lost */
    assert_memory_equal(all, text.bytes, length);
    primer_free(all);
    primer_session_free(session);
    primer_model_free(model);
}

static void limits_and_reasons(void **state)
{
    (void)state;
    primer_model *model = fixture_open(&shape, 2);
    primer_session *session = NULL;
    struct text text = {.stop_after = 3};
    primer_generation_result result;
    primer_error why;
    const primer_sampling sampling = greedy();
    start(model, (primer_session_options){.context = 20}, "abc", &session);
    must(primer_generate(
        session,
        &(primer_generation){
            .sampling = &sampling, .ignore_end = true, .callback = collect, .context = &text},
        &result, error));
    assert_int_equal(result.reason, PRIMER_STOP_CALLBACK);
    assert_int_equal(result.tokens, 3);
    must(primer_generate(session, &(primer_generation){.sampling = &sampling, .ignore_end = true},
                         &result, error));
    assert_int_equal(result.reason, PRIMER_STOP_CONTEXT);
    size_t count;
    primer_session_tokens(session, &count);
    assert_int_equal(count, 20);
    const char *empty = "";
    assert_int_equal(primer_generate(session,
                                     &(primer_generation){.stops = &empty, .stop_count = 1},
                                     &result, &why),
                     PRIMER_EINVAL);
    must(primer_session_rewind(session, 0, error));
    assert_int_equal(primer_generate(session, NULL, &result, &why), PRIMER_EINVAL);
    primer_session_free(session);
    start(model, (primer_session_options){.context = 20, .drop_oldest = true, .keep = 2}, "abc",
          &session);
    must(primer_generate(
        session, &(primer_generation){.sampling = &sampling, .ignore_end = true, .max_tokens = 60},
        &result, error));
    assert_int_equal(result.reason, PRIMER_STOP_LENGTH);
    assert_true(result.dropped_tokens >= 40 && result.dropped_tokens % 5 == 0);
    primer_session_free(session);
    primer_model_free(model);
}

static void logprobs_of_what_was_chosen(void **state)
{
    (void)state;
    primer_model *model = fixture_open(&shape, 2);
    primer_session *session = NULL;
    struct text text = {0};
    primer_sampling sampling = primer_sampling_default();
    sampling.seed = 9;
    start(model, (primer_session_options){0}, "abc", &session);
    must(primer_generate(session,
                         &(primer_generation){.sampling = &sampling,
                                              .max_tokens = 20,
                                              .ignore_end = true,
                                              .top_logprobs = 5,
                                              .callback = collect,
                                              .context = &text},
                         NULL, error));
    size_t count;
    const int32_t *held = primer_session_tokens(session, &count);
    int32_t ids[64];
    memcpy(ids, held, count * sizeof *ids);
    double sum = 0;
    for (size_t i = count - 20; i < count; i++) { /* the same from scratch, teacher-forced */
        must(primer_session_sync(session, ids, i, NULL, NULL, error));
        sum += primer_session_logprob(session, ids[i]);
    }
    assert_true(sum == text.logprobs);
    primer_session_free(session);
    primer_model_free(model);
}

struct written {
    int32_t ids[64];
    double logprobs[64];
    size_t count;
};

static bool note(void *context, const primer_generated *g)
{
    struct written *w = context;
    if (g->id >= 0) {
        w->ids[w->count] = g->id;
        w->logprobs[w->count++] = g->logprob;
    }
    return true;
}

/* The last token that was written has not been computed when the session is saved. */
static void goes_on_after_saving_and_restoring(void **state)
{
    (void)state;
    primer_model *model = fixture_open(&shape, 2);
    struct written ways[2] = {{.count = 0}};
    for (int restored = 0; restored < 2; restored++) {
        primer_session *session = NULL, *other = NULL;
        primer_sampler *sampler = NULL;
        primer_sampling sampling = primer_sampling_default();
        sampling.seed = 11;
        int32_t ids[70];
        fixture_ids(ids, 70, 200, 4);
        must(primer_session_create(model, NULL, &session, error));
        must(primer_sampler_create(model, &sampling, &sampler, error));
        must(primer_session_sync(session, ids, 70, NULL, NULL, error));
        const primer_generation how = {.sampler = sampler,
                                       .max_tokens = 25,
                                       .ignore_end = true,
                                       .top_logprobs = 1,
                                       .callback = note,
                                       .context = &ways[restored]};
        must(primer_generate(session, &how, NULL, error));
        if (restored) {
            must(primer_session_save(session, fixture_path("middle"), error));
            must(primer_session_create(model, NULL, &other, error));
            must(primer_session_restore(other, fixture_path("middle"), error));
            size_t held = 0;
            assert_non_null(primer_session_tokens(other, &held));
            assert_int_equal(held, 95);
        }
        must(primer_generate(restored ? other : session, &how, NULL, error));
        primer_sampler_free(sampler);
        primer_session_free(other);
        primer_session_free(session);
    }
    assert_int_equal(ways[0].count, 50);
    assert_int_equal(ways[1].count, 50);
    assert_memory_equal(ways[0].ids, ways[1].ids, 50 * sizeof *ways[0].ids);
    assert_memory_equal(ways[0].logprobs, ways[1].logprobs, 50 * sizeof *ways[0].logprobs);
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_after_saving_and_restoring),
        cmocka_unit_test(tells_the_known_story),
        cmocka_unit_test(stops_at_strings),
        cmocka_unit_test(goes_on_where_it_stopped),
        cmocka_unit_test(never_half_a_character),
        cmocka_unit_test(limits_and_reasons),
        cmocka_unit_test(logprobs_of_what_was_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
