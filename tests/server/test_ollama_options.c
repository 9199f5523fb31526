/* test_ollama_options.c - Ollama's defaults, names of old, null, wrong types, and what is noted. */
#include "server/ollama_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct read {
    struct ollama_options options;
    json_t *object, *warnings;
    struct problem problem;
    primer_error error;
    primer_status status;
};

static void read_text(struct read *read, const char *text)
{
    *read = (struct read){.warnings = json_array()};
    read->object = text != NULL ? json_loads(text, 0, NULL) : NULL;
    assert_true(text == NULL || read->object != NULL);
    read->status = ollama_options_read(&read->options, read->object, read->warnings, &read->problem,
                                       &read->error);
}

static void read_free(struct read *read)
{
    if (read->status == PRIMER_OK)
        ollama_options_free(&read->options);
    json_decref(read->object);
    json_decref(read->warnings);
}

static void expect_defaults(const struct ollama_options *o)
{
    assert_true(o->sampling.temperature == 0.8f);
    assert_int_equal(o->sampling.top_k, 40);
    assert_true(o->sampling.top_p == 0.9f);
    assert_true(o->sampling.min_p == 0);
    assert_true(o->sampling.typical_p == 1);
    assert_true(o->sampling.repeat_penalty == 1);
    assert_int_equal(o->sampling.penalty_window, 64);
    assert_false(o->seeded);
    assert_int_equal(o->max_tokens, 0);
    assert_int_equal(o->num_ctx, 0);
    assert_int_equal(o->keep, 4);
    assert_int_equal(o->stop_count, 0);
}

static void test_defaults(void **state)
{
    (void)state;
    static const char *const texts[] = {
        NULL, "{}",
        "{\"temperature\":null,\"top_k\":null,\"top_p\":null,\"min_p\":null,\"seed\":null,"
        "\"stop\":null,\"num_predict\":null,\"num_ctx\":null,\"num_keep\":null,"
        "\"repeat_last_n\":null,\"mirostat\":null,\"num_thread\":null,\"use_mmap\":null}",
        "{\"seed\":-1,\"num_predict\":-1,\"num_ctx\":0,\"mirostat\":0,\"tfs_z\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct read read;
        read_text(&read, texts[i]);
        assert_int_equal(read.status, PRIMER_OK);
        expect_defaults(&read.options);
        assert_int_equal(json_array_size(read.warnings), 0);
        read_free(&read);
    }
}

static void test_values(void **state)
{
    (void)state;
    struct read read;
    read_text(&read, "{\"temperature\":0,\"top_k\":0,\"top_p\":1,\"min_p\":0.25,\"seed\":7,"
                     "\"num_predict\":12,\"num_ctx\":4096.0,\"num_keep\":-1,\"repeat_last_n\":-1,"
                     "\"repeat_penalty\":1.5,\"stop\":[\"a\",\"b\"]}");
    assert_int_equal(read.status, PRIMER_OK);
    assert_true(read.options.sampling.temperature == 0);
    assert_int_equal(read.options.sampling.top_k, 0);
    assert_true(read.options.sampling.min_p == 0.25f);
    assert_true(read.options.seeded);
    assert_int_equal(read.options.sampling.seed, 7);
    assert_int_equal(read.options.max_tokens, 12);
    assert_int_equal(read.options.num_ctx, 4096);
    assert_true(read.options.keep == SIZE_MAX);
    assert_int_equal(read.options.sampling.penalty_window, 0);
    assert_true(read.options.sampling.repeat_penalty == 1.5f);
    assert_int_equal(read.options.stop_count, 2);
    assert_string_equal(read.options.stops[1], "b");
    read_free(&read);
    read_text(&read, "{\"stop\":\"one\",\"num_predict\":-2,\"top_k\":-1}");
    assert_int_equal(read.options.stop_count, 1);
    assert_int_equal(read.options.max_tokens, 0);
    assert_int_equal(read.options.sampling.top_k, 0);
    read_free(&read);
}

/* What clients send where they mean no limit. */
static void test_the_largest_counts(void **state)
{
    (void)state;
    struct read read;
    read_text(&read, "{\"num_predict\":2147483647,\"num_keep\":2147483647,\"top_k\":2147483647,"
                     "\"repeat_last_n\":2147483647,\"num_ctx\":2147483647}");
    assert_int_equal(read.status, PRIMER_OK);
    assert_int_equal(read.options.max_tokens, INT32_MAX);
    assert_int_equal(read.options.keep, INT32_MAX);
    assert_int_equal(read.options.num_ctx, INT32_MAX);
    assert_int_equal(json_array_size(read.warnings), 0);
    read_free(&read);
    read_text(&read, "{\"num_predict\":9223372036854775807,\"top_k\":9223372036854775807,"
                     "\"repeat_last_n\":9223372036854775807}");
    assert_int_equal(read.status, PRIMER_OK);
    assert_true(read.options.max_tokens == INT64_MAX);
    read_free(&read);
}

static void test_no_window_is_no_penalty(void **state)
{
    (void)state;
    struct read read;
    read_text(&read, "{\"repeat_last_n\":0,\"repeat_penalty\":1.3,\"presence_penalty\":1,"
                     "\"frequency_penalty\":1}");
    assert_true(read.options.sampling.repeat_penalty == 1);
    assert_true(read.options.sampling.presence_penalty == 0);
    assert_true(read.options.sampling.frequency_penalty == 0);
    read_free(&read);
}

static void test_what_is_noted(void **state)
{
    (void)state;
    struct read read;
    read_text(&read, "{\"mirostat\":2,\"mirostat_tau\":5.0,\"tfs_z\":0.5,\"low_vram\":true,"
                     "\"f16_kv\":true,\"num_gpu\":99,\"num_thread\":8,\"colour\":\"blue\"}");
    assert_int_equal(read.status, PRIMER_OK);
    assert_int_equal(json_array_size(read.warnings), 3);
    static const char *const names[] = {"mirostat", "tfs_z", "colour"};
    for (size_t i = 0; i < 3; i++)
        assert_non_null(strstr(json_string_value(json_array_get(read.warnings, i)), names[i]));
    read_free(&read);
}

static void test_wrong_types_name_the_option(void **state)
{
    (void)state;
    static const struct {
        const char *text, *param;
    } rows[] = {
        {"{\"temperature\":\"hot\"}", "options.temperature"},
        {"{\"temperature\":-0.5}", "options.temperature"},
        {"{\"top_p\":1.5}", "options.top_p"},
        {"{\"top_k\":2.5}", "options.top_k"},
        {"{\"seed\":\"7\"}", "options.seed"},
        {"{\"stop\":[1]}", "options.stop[0]"},
        {"{\"stop\":{}}", "options.stop"},
        {"{\"stop\":[\"a\",\"\"]}", "options.stop"},
        {"{\"num_ctx\":-1}", "options.num_ctx"},
        {"{\"num_thread\":\"all\"}", "options.num_thread"},
        {"{\"use_mmap\":1}", "options.use_mmap"},
        {"{\"mirostat\":true}", "options.mirostat"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct read read;
        read_text(&read, rows[i].text);
        assert_int_not_equal(read.status, PRIMER_OK);
        assert_int_equal(read.problem.http, 400);
        assert_string_equal(read.problem.param, rows[i].param);
        assert_non_null(strstr(read.error.message, rows[i].param));
        read_free(&read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_the_largest_counts),
        cmocka_unit_test(test_no_window_is_no_penalty),
        cmocka_unit_test(test_what_is_noted),
        cmocka_unit_test(test_wrong_types_name_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
