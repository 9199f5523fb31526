/* test_parameters.c - parameters from text and back, what is refused and how, and what the engine
 * is given. */
#include "terminal/parameters.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static primer_status set(struct parameters *parameters, const char *name, const char *text,
                         primer_error *error)
{
    const struct parameter *row = parameters_named(name);
    assert_non_null(row);
    return parameters_set(parameters, row, name, text, error);
}

static void expect_refused(struct parameters *parameters, const char *name, const char *text,
                           const char *words)
{
    primer_error error = {0};
    assert_int_equal(set(parameters, name, text, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, words));
    assert_non_null(strstr(error.message, name));
}

static void sets_what_is_valid(void **state)
{
    (void)state;
    struct parameters p;
    parameters_default(&p);
    assert_int_equal(set(&p, "temperature", "0.25", NULL), PRIMER_OK);
    assert_true(p.sampling.temperature == 0.25f);
    assert_int_equal(set(&p, "temp", "0.75", NULL), PRIMER_OK); /* the command line's name */
    assert_true(p.sampling.temperature == 0.75f);
    assert_ptr_equal(parameters_named("--top-k"), parameters_named("top_k"));
    assert_ptr_equal(parameters_named("ctx-size"), parameters_named("num_ctx"));
    assert_null(parameters_named("top-"));
    assert_null(parameters_named("tem"));
    assert_int_equal(set(&p, "top_k", "7", NULL), PRIMER_OK);
    assert_int_equal(p.sampling.top_k, 7);
    assert_int_equal(set(&p, "num_predict", "-1", NULL), PRIMER_OK);
    assert_int_equal(p.max_tokens, -1);
    assert_int_equal(set(&p, "seed", "18446744073709551615", NULL), PRIMER_OK);
    assert_true(p.seeded && p.sampling.seed == UINT64_MAX);
    assert_int_equal(set(&p, "seed", "-1", NULL), PRIMER_OK);
    assert_false(p.seeded);
    assert_int_equal(set(&p, "drop_oldest", "on", NULL), PRIMER_OK);
    assert_true(p.session.drop_oldest);
    assert_int_equal(set(&p, "kv", "q8_0", NULL), PRIMER_OK);
    assert_int_equal(p.session.kv_format, PRIMER_KV_Q8_0);
    assert_int_equal(set(&p, "self_extend", "4,128", NULL), PRIMER_OK);
    assert_int_equal(p.session.self_extend_group, 4);
    assert_int_equal(p.session.self_extend_window, 128);
    assert_int_equal(set(&p, "samplers", "temp;typ_p,top-k", NULL), PRIMER_OK);
    assert_string_equal(p.order, "temperature,typical_p,top_k");
    assert_int_equal(set(&p, "stop", "a\\n\\\\n", NULL), PRIMER_OK);
    assert_string_equal(p.stops[0], "a\n\\n");
    assert_int_equal(set(&p, "logit_bias", "15-inf", NULL), PRIMER_OK);
    assert_int_equal(set(&p, "logit_bias", "16+2.5", NULL), PRIMER_OK);
    assert_int_equal(p.bias_count, 2);
    assert_true(isinf(p.bias[0].bias) && p.bias[0].bias < 0 && p.bias[1].bias == 2.5f);
    assert_int_equal(set(&p, "stop", "", NULL), PRIMER_OK);
    assert_int_equal(p.stop_count, 0);
    parameters_free(&p);
}

static void refuses_what_is_not(void **state)
{
    (void)state;
    struct parameters p;
    parameters_default(&p);
    expect_refused(&p, "temperature", "hot", "expected a number from 0 to 100");
    expect_refused(&p, "temperature", "-0.1", "expected a number from 0 to 100");
    expect_refused(&p, "temperature", "nan", "expected a number");
    expect_refused(&p, "temperature", "1x", "found \"1x\"");
    expect_refused(&p, "temperature", "", "found \"\"");
    expect_refused(&p, "top_p", "1.01", "from 0 to 1");
    expect_refused(&p, "top_k", "-1", "a whole number from 0");
    expect_refused(&p, "num_ctx", "4096.5", "a whole number");
    expect_refused(&p, "num_ctx", "99999999999999999999999", "a whole number");
    expect_refused(&p, "seed", "x", "a whole number");
    expect_refused(&p, "seed", "-2", "or -1");
    expect_refused(&p, "drop_oldest", "maybe", "on or off");
    expect_refused(&p, "kv", "f8", "f16, f32, bf16 or q8_0");
    expect_refused(&p, "self_extend", "4", "G,W");
    expect_refused(&p, "self_extend", "4,130", "multiple");
    expect_refused(&p, "self_extend", "0,8", "G,W");
    expect_refused(&p, "samplers", "top_k,magic", "penalties");
    expect_refused(&p, "logit_bias", "15", "sign");
    expect_refused(&p, "logit_bias", "-15+1", "sign");
    expect_refused(&p, "logit_bias", "15+inf", "sign");
    expect_refused(&p, "logit_bias", "99999999999+1", "sign");
    assert_true(p.sampling.temperature == primer_sampling_default().temperature);
    assert_null(p.order);
    assert_int_equal(p.bias_count, 0);
    parameters_free(&p);
}

/* What is shown sets the same value again, for every parameter. */
static void shows_what_it_sets(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"temperature", "0.3"},
        {"top_k", "3"},
        {"top_p", "0.123456"},
        {"min_p", "1e-06"},
        {"typical_p", "0.5"},
        {"repeat_penalty", "1.1"},
        {"presence_penalty", "-2"},
        {"frequency_penalty", "0.25"},
        {"repeat_last_n", "-1"},
        {"seed", "12345678901234567890"},
        {"samplers", "temperature,top_k"},
        {"logit_bias", "7-1.5"},
        {"stop", "x\\ny"},
        {"num_predict", "17"},
        {"ignore_eos", "on"},
        {"speculation", "off"},
        {"think", "hide"},
        {"num_ctx", "4096"},
        {"drop_oldest", "on"},
        {"num_keep", "4"},
        {"kv", "bf16"},
        {"self_extend", "8,256"},
        {"rope_freq_base", "500000"},
        {"rope_scale", "0.1"},
    };
    size_t rows = 0;
    struct parameters p;
    struct buffer text = {0};
    parameters_default(&p);
    parameters_table(&rows);
    assert_int_equal(rows, sizeof values / sizeof values[0]);
    for (size_t i = 0; i < rows; i++) {
        const struct parameter *row = parameters_named(values[i][0]);
        assert_non_null(row);
        assert_int_equal(parameters_set(&p, row, row->name, values[i][1], NULL), PRIMER_OK);
        assert_int_equal(parameters_count(&p, row), 1);
        buffer_clear(&text);
        assert_int_equal(parameters_show(&p, row, 0, &text, NULL), PRIMER_OK);
        assert_string_equal(text.bytes, values[i][1]);
    }
    buffer_free(&text);
    parameters_free(&p);
}

static void gives_the_engine_what_was_meant(void **state)
{
    (void)state;
    struct parameters p;
    parameters_default(&p);
    assert_int_equal(parameters_sampling(&p).penalty_window,
                     primer_sampling_default().penalty_window);
    assert_int_equal(set(&p, "repeat_penalty", "1.5", NULL), PRIMER_OK);
    assert_int_equal(set(&p, "presence_penalty", "1", NULL), PRIMER_OK);
    assert_int_equal(set(&p, "repeat_last_n", "-1", NULL), PRIMER_OK);
    assert_int_equal(parameters_sampling(&p).penalty_window, 0); /* the engine's "all" */
    assert_true(parameters_sampling(&p).repeat_penalty == 1.5f);
    assert_int_equal(set(&p, "repeat_last_n", "0", NULL), PRIMER_OK); /* none */
    assert_true(parameters_sampling(&p).repeat_penalty == 1 &&
                parameters_sampling(&p).presence_penalty == 0);
    parameters_draw_seed(&p);
    const uint64_t drawn = p.sampling.seed;
    parameters_draw_seed(&p);
    assert_true(p.sampling.seed != drawn);
    assert_int_equal(set(&p, "seed", "5", NULL), PRIMER_OK);
    parameters_draw_seed(&p);
    assert_true(p.sampling.seed == 5);
    parameters_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_what_is_valid),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(shows_what_it_sets),
        cmocka_unit_test(gives_the_engine_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
