/* test_eval_item.c - lines of tests: what is asked, which are taken, what is refused; and the
 * figures of the summary. */
#include "eval/eval_item.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/eval_report.h"

#define CALLS "\"calls\":[{\"arguments\":[1],\"expected\":2}]"

static primer_status read_text(const char *text, const struct eval_choice *choice,
                               struct eval_items *items, size_t *left_out, primer_error *error)
{
    char path[] = "/tmp/eval-item-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *const file = fdopen(descriptor, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    *left_out = 0;
    const primer_status status = eval_item_read(items, path, 0, choice, left_out, error);
    remove(path);
    return status;
}

static size_t count_of(const char *text, struct eval_choice choice, size_t *left_out)
{
    struct eval_items items = {0};
    primer_error error;
    if (read_text(text, &choice, &items, left_out, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    const size_t count = items.count;
    eval_item_free(&items);
    return count;
}

static void conversations(void **state)
{
    (void)state;
    struct eval_items items = {0};
    size_t left_out;
    primer_error error;
    const struct eval_choice choice = {0};
    const char *const text =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"
        "\"def b(): pass\"}]," CALLS "}\n\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"c\"}],\"answer\":3}\n"
        "{\"prompt\":\"def f():\\n\",\"completion\":\"x\"," CALLS ",\"entry\":\"f\"}\n"
        "{\"index\":1,\"text\":\"words\"," CALLS "}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"c\"}]}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"e\"},{\"role\":\"assistant\",\"content\":"
        "\"It adds.\"}]," CALLS "}\n"
        "{\"request\":\"d\",\"calls\":[]}";
    assert_int_equal(read_text(text, &choice, &items, &left_out, &error), PRIMER_OK);
    assert_int_equal(items.count, 3);
    assert_int_equal(left_out, 4);
    assert_int_equal(json_array_size(items.items[0].messages), 1);
    assert_int_equal(items.items[1].line, 3);
    assert_int_equal(items.items[1].kind, EVAL_ITEM_NUMBER);
    assert_null(items.items[2].messages);
    assert_string_equal(items.items[2].prompt.bytes, "def f():\n");
    assert_string_equal(items.items[2].entry, "f");
    eval_item_free(&items);
}

static void mbpp_prompts(void **state)
{
    (void)state;
    struct eval_items items = {0};
    size_t left_out;
    primer_error error;
    struct eval_choice choice = {.raw = true};
    const char *const text =
        "{\"text\":\"Adds.\",\"code\":\"def helper(x):\\r\\n  return x\\r\\ndef add(a, b): \\r\\n  "
        "return a+b\",\"task_id\":12,\"test_list\":[\"assert set(add(1, 2)) == 3\"]}";
    assert_int_equal(read_text(text, &choice, &items, &left_out, &error), PRIMER_OK);
    assert_string_equal(items.items[0].prompt.bytes, "def add(a, b):\n    \"\"\"Adds.\"\"\"\n");
    assert_int_equal(items.items[0].number, 12);
    eval_item_free(&items);
    choice.raw = false;
    assert_int_equal(read_text(text, &choice, &items, &left_out, &error), PRIMER_OK);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(items.items[0].messages, 0), "content")),
        "Adds.\nassert set(add(1, 2)) == 3");
    eval_item_free(&items);
}

static void choices(void **state)
{
    (void)state;
    size_t left_out;
    const char *const text = "{\"request\":\"a\"," CALLS ",\"task_id\":\"X/7\"}\n"
                             "{\"request\":\"a\"," CALLS ",\"task_id\":8}\n"
                             "{\"request\":\"a\"," CALLS "}\n"
                             "{\"request\":\"a\"," CALLS ",\"task_id\":9}\n";
    assert_int_equal(count_of(text, (struct eval_choice){0}, &left_out), 4);
    assert_int_equal(count_of(text, (struct eval_choice){.limit = 2}, &left_out), 2);
    assert_int_equal(count_of(text, (struct eval_choice){.from = 7, .to = 8}, &left_out), 2);
    assert_int_equal(count_of(text, (struct eval_choice){.to = 3}, &left_out), 1);
    assert_int_equal(left_out, 0);
}

static void refuses(const char *text, const char *expected)
{
    struct eval_items items = {0};
    size_t left_out;
    primer_error error = {0};
    const struct eval_choice choice = {0};
    assert_int_equal(read_text(text, &choice, &items, &left_out, &error), PRIMER_EFORMAT);
    if (strstr(error.message, expected) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.message, expected);
    eval_item_free(&items);
}

static void bad_lines(void **state)
{
    (void)state;
    refuses("\n{\"request\":\"a\",", "line 2");
    refuses("[1]", "expected an object");
    refuses("{" CALLS "}", "nothing is asked");
    refuses("{\"messages\":[]," CALLS "}", "messages: empty");
    refuses("{\"messages\":[{\"role\":\"assistant\",\"content\":\"def b()\"}]," CALLS "}",
            "nobody asks");
    refuses("{\"request\":\"a\",\"calls\":[{\"expected\":1}]}", "calls[0].arguments");
    refuses("{\"request\":\"a\",\"calls\":[{\"arguments\":[]}]}", "calls[0].expected");
    refuses("{\"text\":\"a\",\"test_list\":[1]}", "test_list[0]");
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 5e-5;
}

/* The interval's values are those of the formula worked out by hand in Python. */
static void figures(void **state)
{
    (void)state;
    double low, high;
    assert_true(is_near(eval_report_pass_at(10, 3, 1), 0.3));
    assert_true(is_near(eval_report_pass_at(5, 2, 2), 0.7)); /* 1 - C(3,2)/C(5,2) */
    assert_true(is_near(eval_report_pass_at(4, 0, 4), 0));
    assert_true(is_near(eval_report_pass_at(4, 1, 4), 1));
    eval_report_wilson(0.5, 100, &low, &high);
    assert_true(is_near(low, 0.40383) && is_near(high, 0.59617));
    eval_report_wilson(0, 20, &low, &high);
    assert_true(is_near(low, 0) && is_near(high, 0.16113));
    eval_report_wilson(1, 164, &low, &high);
    assert_true(is_near(low, 0.97711) && is_near(high, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations), cmocka_unit_test(mbpp_prompts), cmocka_unit_test(choices),
        cmocka_unit_test(bad_lines),     cmocka_unit_test(figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
