/* test_ollama_messages.c - messages member by member, and which of them go where not all fit. */
#include "server/ollama_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/ollama_truncate.h"

/* ---- reading --------------------------------------------------------------------------------- */

static primer_status convert(const char *text, json_t **converted, struct problem *problem,
                             size_t *warned)
{
    primer_error error = {0};
    json_t *messages = json_loads(text, 0, NULL), *warnings = json_array();
    assert_non_null(messages);
    *problem = (struct problem){0};
    const primer_status status =
        ollama_messages_read(messages, warnings, problem, converted, &error);
    *warned = json_array_size(warnings);
    if (status != PRIMER_OK)
        assert_non_null(strstr(error.message, problem->param));
    json_decref(messages);
    json_decref(warnings);
    return status;
}

static void expect_converted(const char *text, const char *expected)
{
    json_t *converted = NULL, *wanted = json_loads(expected, 0, NULL);
    struct problem problem;
    size_t warned = 0;
    assert_int_equal(convert(text, &converted, &problem, &warned), PRIMER_OK);
    assert_true(json_equal(converted, wanted));
    assert_int_equal(warned, 0);
    json_decref(converted);
    json_decref(wanted);
}

static void test_members(void **state)
{
    (void)state;
    expect_converted("[{\"role\":\"user\",\"content\":\"hi\",\"images\":null}]",
                     "[{\"role\":\"user\",\"content\":\"hi\"}]");
    expect_converted("[{\"role\":\"assistant\",\"thinking\":\"hm\",\"images\":[],"
                     "\"tool_calls\":[]}]",
                     "[{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"hm\"}]");
    expect_converted("[{\"role\":\"tool\",\"content\":\"22\",\"tool_name\":\"w\","
                     "\"tool_call_id\":\"c1\"}]",
                     "[{\"role\":\"tool\",\"content\":\"22\",\"name\":\"w\","
                     "\"tool_call_id\":\"c1\"}]");
    expect_converted(
        "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"index\":0,"
        "\"name\":\"w\",\"arguments\":{\"city\":\"Oslo\"}}},{\"id\":\"x\",\"type\":\"function\","
        "\"function\":{\"name\":\"v\"}}]}]",
        "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"w\",\"arguments\":{\"city\":\"Oslo\"}}},{\"id\":\"x\","
        "\"type\":\"function\",\"function\":{\"name\":\"v\",\"arguments\":{}}}]}]");
}

static void test_wrong_members(void **state)
{
    (void)state;
    static const struct {
        const char *text, *param;
    } rows[] = {
        {"[1]", "messages[0]"},
        {"[{\"content\":\"x\"}]", "messages[0].role"},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":[]}]",
         "messages[1].content"},
        {"[{\"role\":\"user\",\"content\":\"\",\"images\":[\"AA==\"]}]", "messages[0].images"},
        {"[{\"role\":\"user\",\"images\":\"AA==\"}]", "messages[0].images"},
        {"[{\"role\":\"assistant\",\"tool_calls\":[7]}]", "messages[0].tool_calls[0]"},
        {"[{\"role\":\"assistant\",\"tool_calls\":[{}]}]", "messages[0].tool_calls[0].function"},
        {"[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":{}}}]}]",
         "messages[0].tool_calls[0].function.name"},
        {"[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
         "\"arguments\":\"{}\"}}]}]",
         "messages[0].tool_calls[0].function.arguments"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *converted = NULL;
        struct problem problem;
        size_t warned = 0;
        assert_int_not_equal(convert(rows[i].text, &converted, &problem, &warned), PRIMER_OK);
        assert_null(converted);
        assert_int_equal(problem.http, 400);
        assert_string_equal(problem.param, rows[i].param);
    }
}

static void test_unknown_members_are_noted(void **state)
{
    (void)state;
    json_t *converted = NULL;
    struct problem problem;
    size_t warned = 0;
    assert_int_equal(convert("[{\"role\":\"user\",\"content\":\"a\",\"mood\":1}]", &converted,
                             &problem, &warned),
                     PRIMER_OK);
    assert_int_equal(warned, 1);
    json_decref(converted);
}

/* ---- cutting --------------------------------------------------------------------------------- */

/* A conversation by the letters of its roles; each message has ten tokens. */
static json_t *conversation(const char *letters)
{
    json_t *messages = json_array();
    for (; *letters != '\0'; letters++) {
        const char *role = *letters == 'S'   ? "system"
                           : *letters == 'U' ? "user"
                           : *letters == 'A' ? "assistant"
                                             : "tool";
        json_array_append_new(messages, json_pack("{s:s}", "role", role));
    }
    return messages;
}

struct counting {
    size_t calls;
    bool fails;
};

static primer_status count(void *context, json_t *messages, size_t *tokens, primer_error *error)
{
    struct counting *counting = context;
    counting->calls++;
    *tokens = 10 * json_array_size(messages);
    return counting->fails ? error_set(error, PRIMER_EFORMAT, "a template that can't") : PRIMER_OK;
}

static void expect_cut(const char *letters, size_t most, const char *expected)
{
    struct counting counting = {0};
    json_t *messages = conversation(letters), *kept = NULL, *wanted = conversation(expected);
    assert_int_equal(ollama_truncate(messages, most, count, &counting, &kept, NULL), PRIMER_OK);
    assert_true(json_equal(kept, wanted));
    json_decref(messages);
    json_decref(wanted);
    json_decref(kept);
}

static void test_cut(void **state)
{
    (void)state;
    expect_cut("SUAUAU", 50, "SUAU"); /* a whole turn goes, though one message would do */
    expect_cut("SUAUAU", 30, "SU");
    expect_cut("SUAUAU", 20, "SU");
    expect_cut("UASUAU", 40, "SUAU");    /* the system's stays wherever it stands */
    expect_cut("UATATAU", 40, "U");      /* no turn's beginning between */
    expect_cut("SUATATAT", 50, "SATAT"); /* one long turn: by the assistant's messages */
    expect_cut("SUATATAT", 40, "SAT");
    expect_cut("SUATATAT", 20, "ST"); /* the last stays, even alone */
    expect_cut("SSU", 5, "SSU");      /* nothing to leave out: the caller finds that out */
    expect_cut("U", 5, "U");
}

static void test_counts_few_times(void **state)
{
    (void)state;
    struct counting counting = {0};
    json_t *messages = json_array(), *kept = NULL;
    for (size_t i = 0; i < 2000; i++)
        json_array_append_new(messages, json_pack("{s:s}", "role", i % 2 ? "assistant" : "user"));
    assert_int_equal(ollama_truncate(messages, 777 * 10, count, &counting, &kept, NULL), PRIMER_OK);
    assert_int_equal(json_array_size(kept), 776);
    assert_true(counting.calls <= 12);
    json_decref(messages);
    json_decref(kept);
}

static void test_failure_comes_through(void **state)
{
    (void)state;
    struct counting counting = {.fails = true};
    primer_error error = {0};
    json_t *messages = conversation("UAU"), *kept = NULL;
    assert_int_equal(ollama_truncate(messages, 5, count, &counting, &kept, &error), PRIMER_EFORMAT);
    assert_null(kept);
    json_decref(messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_wrong_members),
        cmocka_unit_test(test_unknown_members_are_noted),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_counts_few_times),
        cmocka_unit_test(test_failure_comes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
