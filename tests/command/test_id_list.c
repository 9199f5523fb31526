/* test_id_list.c - lists of ids as people and programs write them. */
#include "command/id_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

static void expect_ids(const char *text, const int32_t *expected, size_t expected_count)
{
    primer_error error = {0};
    int32_t *ids = NULL;
    size_t count = 99;
    assert_int_equal(id_list_parse(text, strlen(text), &ids, &count, &error), PRIMER_OK);
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ids[i], expected[i]);
    memory_free(ids);
}

static void expect_refused(const char *text, const char *words)
{
    primer_error error = {0};
    int32_t *ids = NULL;
    size_t count = 99;
    assert_int_equal(id_list_parse(text, strlen(text), &ids, &count, &error), PRIMER_EFORMAT);
    assert_non_null(strstr(error.message, words));
    assert_null(ids);
    assert_int_equal(count, 99);
}

static void reads_lists(void **state)
{
    (void)state;
    const int32_t three[] = {1, 2, INT32_MAX};
    expect_ids("1,2,2147483647", three, 3);
    expect_ids("[1,2,2147483647]\n", three, 3);
    expect_ids(" [ 1 , 2 , 2147483647 ] ", three, 3);
    expect_ids("1 2\n2147483647\n", three, 3);
    expect_ids("", NULL, 0);
    expect_ids("[]", NULL, 0);
    expect_ids(" \n", NULL, 0);
}

static void refuses_what_is_no_list(void **state)
{
    (void)state;
    expect_refused("1,,2", "\",\" at byte 2");
    expect_refused("1,2,", "ends at byte 4");
    expect_refused("[1,2", "ends at byte 4");
    expect_refused("[1,2,]", "\"]\" at byte 5");
    expect_refused("1,2]", "\"]\" at byte 3");
    expect_refused("[1] 2", "\"2\" at byte 4");
    expect_refused("-1", "\"-1\" at byte 0");
    expect_refused("1.5", "\".5\" at byte 1");
    expect_refused("2147483648", "at byte 0");
    expect_refused("99999999999999999999999", "at byte 0");
    expect_refused("a", "\"a\" at byte 0");
    expect_refused("[[1]]", "at byte 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(refuses_what_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
