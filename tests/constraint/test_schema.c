/* test_schema.c - JSON Schema: what each line of schema.jsonl says, that the schemas of the corpus
 * all become constraints, and that strangers' schemas can't take memory or time without end.
 */
#include "constraint/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "constraint_cases.h"
#include "constraint_helper.h"

static primer_status make(const json_t *notation, primer_constraint **constraint,
                          primer_error *error)
{
    struct buffer text = {0};
    char *const dumped = json_dumps(notation, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(dumped);
    assert_int_equal(buffer_text(&text, dumped, NULL), PRIMER_OK);
    free(dumped);
    const primer_status status = constraint_schema(text.bytes, text.length, constraint, error);
    buffer_free(&text);
    return status;
}

static void test_cases(void **state)
{
    (void)state;
    assert_true(cases_run("tests/constraint/schema.jsonl", "schema", true, make) > 500);
}

/* Each line of the corpus: {"id": .., "schema": ..}. */
static void test_corpus(void **state)
{
    (void)state;
    struct buffer text = {0};
    size_t count = 0, wrong = 0;
    assert_int_equal(file_read("tests/constraint/schemas.jsonl", (size_t)1 << 28, &text, NULL),
                     PRIMER_OK);
    for (char *rest = text.bytes, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *const object = json_loads(line, 0, NULL);
        primer_constraint *constraint = NULL;
        primer_error error = {0};
        assert_non_null(object);
        count++;
        if (make(json_object_get(object, "schema"), &constraint, &error) != PRIMER_OK) {
            print_message("%s: %s\n", json_string_value(json_object_get(object, "id")),
                          error.message);
            wrong++;
        }
        constraint_free(constraint);
        json_decref(object);
    }
    assert_int_equal(wrong, 0);
    assert_true(count >= 200);
    buffer_free(&text);
}

/* ---- strangers ------------------------------------------------------------------------------- */

static void expect_error(const char *text, size_t length, primer_status status, const char *words)
{
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    const primer_status found = constraint_schema(text, length, &constraint, &error);
    if (found != status || strstr(error.message, words) == NULL)
        fail_msg("%.200s: found %d \"%s\", expected %d \"%s\"", text, (int)found, error.message,
                 (int)status, words);
}

static void repeat(struct buffer *text, const char *piece, size_t times)
{
    for (size_t i = 0; i < times; i++)
        assert_int_equal(buffer_text(text, piece, NULL), PRIMER_OK);
}

static void test_deep_schemas(void **state)
{
    (void)state;
    struct buffer text = {0};
    repeat(&text, "{\"items\":", 500);
    repeat(&text, "true", 1);
    repeat(&text, "}", 500);
    expect_error(text.bytes, text.length, PRIMER_ELIMIT, "in one another");
    buffer_clear(&text);
    repeat(&text, "{\"allOf\":[", 500);
    repeat(&text, "true", 1);
    repeat(&text, "]}", 500);
    expect_error(text.bytes, text.length, PRIMER_ELIMIT, "in one another");
    buffer_clear(&text);
    repeat(&text, "[", 100000);
    expect_error(text.bytes, text.length, PRIMER_EFORMAT, "no JSON");
    buffer_free(&text);
}

/* Unions that multiply: 3 to the power of 20 sets. */
static void test_multiplying_unions(void **state)
{
    (void)state;
    struct buffer text = {0};
    repeat(&text, "{\"type\":\"object\",\"allOf\":[true", 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(
            buffer_format(&text, NULL,
                          ",{\"anyOf\":[{\"properties\":{\"a%d\":{\"minLength\":1}}},"
                          "{\"properties\":{\"b%d\":{\"minLength\":2}}},{\"minProperties\":%d}]}",
                          i, i, i),
            PRIMER_OK);
    repeat(&text, "]}", 1);
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    assert_int_equal(constraint_schema(text.bytes, text.length, &constraint, &error),
                     PRIMER_ELIMIT);
    buffer_free(&text);
}

/* The values of a large enum are held against their pattern's automaton, which is made once. */
static void test_patterns_of_given_texts(void **state)
{
    (void)state;
    struct buffer text = {0};
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    assert_int_equal(buffer_text(&text,
                                 "{\"pattern\":\"^(?:v?(0|[1-9][0-9]*)-[a-z]{1,20}|"
                                 "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3})$\","
                                 "\"enum\":[\"x\"",
                                 NULL),
                     PRIMER_OK);
    for (int i = 0; i < 19000; i++)
        assert_int_equal(buffer_format(&text, NULL, ",\"v%d-y\"", i), PRIMER_OK);
    assert_int_equal(buffer_text(&text, "]}", NULL), PRIMER_OK);
    if (constraint_schema(text.bytes, text.length, &constraint, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(helper_follow(constraint, "\"v18999-y\"", 10), 1);
    assert_int_equal(helper_follow(constraint, "\"x\"", 3), -1);
    constraint_free(constraint);
    buffer_free(&text);
}

/* Each allocation fails once: an error or a constraint, and nothing is left behind. */
static void test_without_memory(void **state)
{
    (void)state;
    static const char text[] =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^a+$\","
        "\"maxLength\":5},\"b\":{\"oneOf\":[{\"required\":[\"x\"]},{\"required\":[\"y\"]}]},"
        "\"c\":{\"type\":\"number\",\"minimum\":0.5,\"maximum\":2}},\"patternProperties\":"
        "{\"^x\":{\"enum\":[1,\"b\"]}},\"additionalProperties\":{\"$ref\":\"#\"}}";
    for (size_t n = 0;; n++) {
        primer_constraint *constraint = NULL;
        primer_error error = {0};
        memory_fail_at(n);
        const primer_status status = constraint_schema(text, sizeof text - 1, &constraint, &error);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK) {
            constraint_free(constraint);
            assert_true(n > 20);
            return;
        }
        if (status != PRIMER_ENOMEM)
            fail_msg("allocation %zu: %s", n, error.message);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void expect_json(bool object, const char *text, int expected)
{
    primer_constraint *constraint = NULL;
    assert_int_equal(constraint_json(object, &constraint, NULL), PRIMER_OK);
    const int found = helper_follow(constraint, text, strlen(text));
    if (found != expected)
        fail_msg("%s: found %d, expected %d", text, found, expected);
    constraint_free(constraint);
}

static void test_json(void **state)
{
    (void)state;
    expect_json(false, "1", 1);
    expect_json(false, "-0.5e+10", 1);
    expect_json(false, "01", -1);
    expect_json(false, "1.", 0);
    expect_json(false, ".5", -1);
    expect_json(false, "\"\\u00e9\\ud83d\\ude00\\n\"", 1);
    expect_json(false, "\"\\ud83d\"", -1);
    expect_json(false, "\"\\ude00\"", -1);
    expect_json(false, "\"a\nb\"", -1);
    expect_json(false, "[1, 2,3,\n  {}]", 1);
    expect_json(false, "[1,]", -1);
    expect_json(false, "[1,  2]", -1);
    expect_json(false, " 1", -1);
    expect_json(false, "null", 1);
    expect_json(false, "nul", 0);
    expect_json(true, "{\n  \"a\": [\n    true\n  ],\n  \"b\": {}\n}", 1);
    expect_json(true, "{\"a\":1,\"b\":\"x\"}", 1);
    expect_json(true, "[]", -1);
    expect_json(true, "{a:1}", -1);
    expect_json(true, "{}}", -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_deep_schemas),
        cmocka_unit_test(test_multiplying_unions),
        cmocka_unit_test(test_patterns_of_given_texts),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
