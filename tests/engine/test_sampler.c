/* Samplers against plain computations on known logits, their order, their seeds. */
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

static const struct model_maker_options shape = {.architecture = "phi2", .type = "Q8_0"};
static primer_model *model;
static primer_session *session;
static size_t vocabulary;

static int set_up(void **state)
{
    (void)state;
    const int32_t ids[] = {5, 6, 7, 5};
    model = fixture_open(&shape, 1);
    vocabulary = primer_model_info(model)->vocabulary;
    must(primer_session_create(model, NULL, &session, error));
    must(primer_session_sync(session, ids, 4, NULL, NULL, error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    primer_session_free(session);
    primer_model_free(model);
    return 0;
}

/* log p for ids 10, 11, ...; all others nearly impossible. */
static void set_probabilities(const double *p, size_t count)
{
    for (size_t i = 0; i < vocabulary; i++)
        session->logits[i] = -1000;
    for (size_t i = 0; i < count; i++)
        session->logits[10 + i] = (float)log(p[i]);
}

static primer_sampling plain(void)
{
    primer_sampling s = primer_sampling_default();
    s.temperature = 1;
    s.top_k = 0;
    s.top_p = 1;
    s.min_p = 0;
    return s;
}

/* How often each of ids 10.. comes, out of `draws`. */
static void draw(const primer_sampling *sampling, size_t draws, double *share, size_t count)
{
    primer_sampler *sampler = NULL;
    must(primer_sampler_create(model, sampling, &sampler, error));
    memset(share, 0, count * sizeof *share);
    for (size_t i = 0; i < draws; i++) {
        int32_t id;
        must(primer_sampler_next(sampler, session, &id, error));
        if (id < 10 || (size_t)id >= 10 + count)
            fail_msg("id %d was drawn", id);
        share[id - 10] += 1.0 / (double)draws;
    }
    primer_sampler_free(sampler);
}

static void assert_shares(const double *share, const double *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fabs(share[i] - expected[i]) > 0.02)
            fail_msg("id %zu came %.3f of the time, expected %.3f", 10 + i, share[i], expected[i]);
}

#define DRAWS 6000

static void truncating_steps(void **state)
{
    (void)state;
    const double p[] = {0.4, 0.3, 0.15, 0.1, 0.05};
    double share[5];
    primer_sampling s = plain();
    set_probabilities(p, 5);
    draw(&s, DRAWS, share, 5);
    assert_shares(share, p, 5);
    s.top_k = 2;
    draw(&s, DRAWS, share, 5);
    assert_shares(share, (double[]){4 / 7.0, 3 / 7.0, 0, 0, 0}, 5);
    s = plain();
    s.top_p = 0.8f; /* .4 + .3 < .8: the third is needed */
    draw(&s, DRAWS, share, 5);
    assert_shares(share, (double[]){.4 / .85, .3 / .85, .15 / .85, 0, 0}, 5);
    s = plain();
    s.min_p = 0.3f; /* at least .12 */
    draw(&s, DRAWS, share, 5);
    assert_shares(share, (double[]){.4 / .85, .3 / .85, .15 / .85, 0, 0}, 5);
    s = plain();
    s.typical_p = 0.29f; /* entropy 1.39: the surprise of .3 (1.20) is nearest, and holds .3 */
    draw(&s, DRAWS, share, 5);
    assert_shares(share, (double[]){0, 1, 0, 0, 0}, 5);
    s = plain();
    s.temperature = 0.5f; /* squares */
    draw(&s, DRAWS, share, 5);
    assert_shares(share, (double[]){.16 / .285, .09 / .285, .0225 / .285, .01 / .285, .0025 / .285},
                  5);
}

static void order_matters(void **state)
{
    (void)state;
    const double p[] = {0.4, 0.3, 0.15, 0.1, 0.05};
    double share[5];
    primer_sampling s = plain();
    set_probabilities(p, 5);
    s.temperature = 0.1f;
    s.top_p = 0.9f;
    s.order = "temperature,top_p"; /* .4^10 dwarfs the rest: one is left */
    draw(&s, 2000, share, 5);
    assert_shares(share, (double[]){1, 0, 0, 0, 0}, 5);
    s.temperature = 100;
    s.order = "top_p,temperature"; /* four are left (.95), nearly even */
    draw(&s, DRAWS, share, 5);
    assert_shares(share, (double[]){.25, .25, .25, .25, 0}, 5);
    primer_sampler *sampler;
    primer_error why;
    s.order = "top_p,nonsense";
    assert_int_equal(primer_sampler_create(model, &s, &sampler, &why), PRIMER_EINVAL);
    assert_non_null(strstr(why.message, "nonsense"));
    s.order = NULL;
    s.top_p = 1.5f;
    assert_int_equal(primer_sampler_create(model, &s, &sampler, &why), PRIMER_EINVAL);
    assert_non_null(strstr(why.message, "top_p"));
}

static int32_t greedy(const primer_sampling *sampling)
{
    primer_sampler *sampler = NULL;
    int32_t id = -1;
    must(primer_sampler_create(model, sampling, &sampler, error));
    must(primer_sampler_next(sampler, session, &id, error));
    primer_sampler_free(sampler);
    return id;
}

static void penalties_and_bias(void **state)
{
    (void)state;
    primer_sampling s = plain();
    s.temperature = 0;
    for (size_t i = 0; i < vocabulary; i++)
        session->logits[i] = -5;
    session->logits[5] = 4; /* seen twice, in a text of 5 6 7 5 */
    session->logits[6] = 3; /* seen once */
    session->logits[9] = 2.5f;
    session->logits[8] = 2.5f;
    assert_int_equal(greedy(&s), 5);
    s.frequency_penalty = 0.9f; /* 4 - 1.8 = 2.2; 3 - .9 = 2.1; ties 8, 9: the lower */
    assert_int_equal(greedy(&s), 8);
    s.frequency_penalty = 0;
    s.presence_penalty = 0.9f; /* 3.1; 2.1 */
    assert_int_equal(greedy(&s), 5);
    s.presence_penalty = 0;
    s.repeat_penalty = 1.5f; /* 2.67; 2 */
    assert_int_equal(greedy(&s), 5);
    s.repeat_penalty = 1.7f; /* 2.35 */
    assert_int_equal(greedy(&s), 8);
    s.penalty_window = 1; /* only the last 5 counts; 6 keeps its 3 */
    assert_int_equal(greedy(&s), 6);
    s = plain();
    s.temperature = 0;
    const primer_logit_bias bias[] = {{5, -INFINITY}, {9, 1}};
    s.bias = bias;
    s.bias_count = 2;
    assert_int_equal(greedy(&s), 9);
}

static void seeds(void **state)
{
    (void)state;
    const double p[] = {0.3, 0.3, 0.2, 0.2};
    int32_t first[32], again[32], other[32];
    set_probabilities(p, 4);
    for (int run = 0; run < 3; run++) {
        primer_sampler *sampler = NULL;
        primer_sampling s = plain();
        s.seed = run == 2 ? 43 : 42;
        must(primer_sampler_create(model, &s, &sampler, error));
        for (size_t i = 0; i < 32; i++)
            must(primer_sampler_next(sampler, session,
                                     (run == 0   ? first
                                      : run == 1 ? again
                                                 : other) +
                                         i,
                                     error));
        primer_sampler_free(sampler);
    }
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    /* These ids follow from xoshiro256** seeded with 42: they are the same on every machine. */
    const int32_t golden[8] = {10, 11, 12, 13, 13, 12, 12, 13};
    assert_memory_equal(first, golden, sizeof golden);
}

static void top_and_logprob(void **state)
{
    (void)state;
    const double p[] = {0.25, 0.3, 0.25, 0.2};
    primer_token_probability top[600];
    set_probabilities(p, 4);
    assert_int_equal(primer_session_top(session, top, 3), 3);
    assert_int_equal(top[0].id, 11);
    assert_int_equal(top[1].id, 10);
    assert_int_equal(top[2].id, 12);
    assert_true(fabs(top[0].logprob - log(0.3)) < 1e-6);
    assert_true(fabs(primer_session_logprob(session, 13) - log(0.2)) < 1e-6);
    const size_t all = primer_session_top(session, top, 600);
    assert_int_equal(all, vocabulary);
    for (size_t i = 1; i < all; i++)
        assert_true(top[i - 1].logprob > top[i].logprob ||
                    (top[i - 1].logprob == top[i].logprob && top[i - 1].id < top[i].id));
    assert_true(isnan(primer_session_logprob(session, -1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncating_steps),   cmocka_unit_test(order_matters),
        cmocka_unit_test(penalties_and_bias), cmocka_unit_test(seeds),
        cmocka_unit_test(top_and_logprob),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
