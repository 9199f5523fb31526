/* test_fields.c - members of requests: types, ranges, null, names in messages, unknown ones. */
#include "server/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"

struct given {
    json_t *object;
    struct fields fields;
    struct problem problem;
    primer_error error;
};

static struct given *open_text(const char *json)
{
    static struct given given;
    given = (struct given){.object = json_loads(json, 0, NULL)};
    assert_non_null(given.object);
    assert_int_equal(
        fields_open(&given.fields, given.object, "options", &given.problem, &given.error),
        PRIMER_OK);
    return &given;
}

static void close_given(struct given *given)
{
    fields_close(&given->fields);
    json_decref(given->object);
}

static void absent_and_null_leave_the_value(void **state)
{
    (void)state;
    struct given *g = open_text("{\"a\": null}");
    bool flag = true;
    double real = 1.5;
    int64_t integer = 7;
    size_t size = 9;
    const char *text = "kept", **texts = NULL;
    size_t count = 0;
    const char *const names[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fields_bool(&g->fields, names[i], &flag, &g->error), PRIMER_OK);
        assert_int_equal(fields_real(&g->fields, names[i], 0, 1, &real, &g->error), PRIMER_OK);
        assert_int_equal(fields_integer(&g->fields, names[i], 0, 1, &integer, &g->error),
                         PRIMER_OK);
        assert_int_equal(fields_size(&g->fields, names[i], 0, 1, &size, &g->error), PRIMER_OK);
        assert_int_equal(fields_text(&g->fields, names[i], &text, &g->error), PRIMER_OK);
        assert_int_equal(fields_texts(&g->fields, names[i], 4, &texts, &count, &g->error),
                         PRIMER_OK);
        assert_int_equal(fields_refuse(&g->fields, names[i], "why", &g->error), PRIMER_OK);
    }
    assert_true(flag && real == 1.5 && integer == 7 && size == 9 && count == 0 && texts == NULL);
    assert_string_equal(text, "kept");
    close_given(g);
}

static void values_are_taken(void **state)
{
    (void)state;
    struct given *g = open_text("{\"f\": true, \"r\": 2, \"i\": -3, \"j\": 5.0, \"t\": \"x\","
                                " \"one\": \"a\", \"many\": [\"a\", \"b\"]}");
    bool flag = false;
    double real = 0;
    int64_t integer = 0;
    size_t size = 0, count = 0;
    const char *text = NULL, **texts = NULL;
    assert_int_equal(fields_bool(&g->fields, "f", &flag, &g->error), PRIMER_OK);
    assert_int_equal(fields_real(&g->fields, "r", 0, 2, &real, &g->error), PRIMER_OK);
    assert_int_equal(fields_integer(&g->fields, "i", -3, 0, &integer, &g->error), PRIMER_OK);
    assert_int_equal(fields_size(&g->fields, "j", 0, 5, &size, &g->error), PRIMER_OK);
    assert_int_equal(fields_text(&g->fields, "t", &text, &g->error), PRIMER_OK);
    assert_true(flag && real == 2 && integer == -3 && size == 5);
    assert_string_equal(text, "x");
    assert_int_equal(fields_texts(&g->fields, "one", 2, &texts, &count, &g->error), PRIMER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(fields_texts(&g->fields, "many", 2, &texts, &count, &g->error), PRIMER_OK);
    assert_int_equal(count, 2);
    assert_string_equal(texts[1], "b");
    memory_free(texts);
    close_given(g);
}

/* The status, the member in `problem.param`, and both what was expected and found in the
 * message. */
static void assert_wrong(struct given *g, primer_status status, const char *param,
                         const char *message)
{
    assert_int_equal(status, PRIMER_EINVAL);
    assert_int_equal(g->problem.http, 400);
    assert_string_equal(g->problem.param, param);
    if (strstr(g->error.message, message) == NULL)
        fail_msg("\"%s\" isn't in \"%s\"", message, g->error.message);
}

static void wrong_types_are_named(void **state)
{
    (void)state;
    struct given *g = open_text("{\"n\": 1, \"t\": \"x\", \"a\": [1], \"o\": {}}");
    bool flag;
    double real;
    int64_t integer;
    const char *text, **texts = NULL;
    size_t count;
    json_t *value;
    assert_wrong(g, fields_bool(&g->fields, "n", &flag, &g->error), "options.n",
                 "options.n: expected true or false, found a number");
    assert_wrong(g, fields_real(&g->fields, "t", 0, 1, &real, &g->error), "options.t",
                 "expected a number, found a text");
    assert_wrong(g, fields_integer(&g->fields, "o", 0, 1, &integer, &g->error), "options.o",
                 "expected a whole number, found an object");
    assert_wrong(g, fields_text(&g->fields, "a", &text, &g->error), "options.a",
                 "expected a text, found an array");
    assert_wrong(g, fields_texts(&g->fields, "a", 4, &texts, &count, &g->error), "options.a[0]",
                 "expected a text, found a number");
    assert_wrong(g, fields_texts(&g->fields, "a", 0, &texts, &count, &g->error), "options.a",
                 "at most 0 texts, found 1");
    assert_wrong(g, fields_object(&g->fields, "a", &value, &g->error), "options.a",
                 "expected an object, found an array");
    assert_wrong(g, fields_array(&g->fields, "o", &value, &g->error), "options.o",
                 "expected an array, found an object");
    assert_null(texts);
    close_given(g);
}

static void ranges_are_held(void **state)
{
    (void)state;
    struct given *g = open_text("{\"r\": 2.5, \"i\": 11, \"f\": 1.5, \"huge\": 1e300}");
    double real = -1;
    int64_t integer = -1;
    assert_wrong(g, fields_real(&g->fields, "r", 0, 2, &real, &g->error), "options.r",
                 "from 0 to 2, found 2.5");
    assert_wrong(g, fields_integer(&g->fields, "i", 0, 10, &integer, &g->error), "options.i",
                 "from 0 to 10, found 11");
    assert_wrong(g, fields_integer(&g->fields, "f", 0, 10, &integer, &g->error), "options.f",
                 "expected a whole number, found 1.5");
    assert_wrong(g, fields_integer(&g->fields, "huge", INT64_MIN, INT64_MAX, &integer, &g->error),
                 "options.huge", "expected a whole number");
    assert_true(real == -1 && integer == -1);
    close_given(g);
}

static void refused_members_may_be_empty(void **state)
{
    (void)state;
    struct given *g = open_text("{\"a\": false, \"b\": 0, \"c\": \"\", \"d\": [], \"e\": {},"
                                " \"f\": true, \"g\": [1]}");
    const char *const empty[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(fields_refuse(&g->fields, empty[i], "why", &g->error), PRIMER_OK);
    assert_wrong(g, fields_refuse(&g->fields, "f", "isn't supported", &g->error), "options.f",
                 "options.f: isn't supported");
    assert_wrong(g, fields_refuse(&g->fields, "g", "isn't supported", &g->error), "options.g",
                 "isn't supported");
    close_given(g);
}

static void unknown_members_are_named(void **state)
{
    (void)state;
    struct given *g = open_text("{\"known\": 1, \"ignored\": 2, \"new\\nname\": 3}");
    json_t *warnings = json_array();
    fields_any(&g->fields, "known");
    fields_ignore(&g->fields, "ignored");
    assert_int_equal(fields_warn(&g->fields, warnings, &g->error), PRIMER_OK);
    assert_int_equal(json_array_size(warnings), 1);
    assert_string_equal(json_string_value(json_array_get(warnings, 0)),
                        "options.new?name: unknown, ignored");
    json_decref(warnings);
    close_given(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_null_leave_the_value),
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(ranges_are_held),
        cmocka_unit_test(refused_members_may_be_empty),
        cmocka_unit_test(unknown_members_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
