/* test_data_journal.c - the work so far: what is read back, what isn't believed, what isn't touched. */
#include "data/data_journal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data_helper.h"

#define KEY 77

static struct data_journal journal;
static struct buffer found;
static bool other;

static void begin(uint64_t key)
{
    primer_error error = {0};
    if (data_journal_open(&journal, helper_path("out"), key, &other, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
}

static void add(const char *results)
{
    assert_int_equal(data_journal_add(&journal, results, strlen(results), NULL), PRIMER_OK);
}

static void next(const char *expected)
{
    bool there = false;
    buffer_clear(&found);
    assert_int_equal(data_journal_next(&journal, &found, &there, NULL), PRIMER_OK);
    assert_int_equal(there, expected != NULL);
    if (there)
        assert_string_equal(found.bytes, expected);
}

/* Two rounds that a killed run has left. */
static void leave_two(void)
{
    begin(KEY);
    add("first");
    add("second");
    data_journal_close(&journal, true);
}

static void change(size_t at, size_t length)
{
    struct buffer bytes = {0};
    assert_int_equal(file_read(helper_path("out.work"), 1000, &bytes, NULL), PRIMER_OK);
    if (at < bytes.length)
        bytes.bytes[at] ^= 1;
    helper_write("out.work", bytes.bytes, length < bytes.length ? length : bytes.length);
    buffer_free(&bytes);
}

static void what_was_left_comes_back_in_order(void **state)
{
    (void)state;
    begin(KEY);
    next(NULL);
    data_journal_close(&journal, true);
    assert_false(file_exists(helper_path("out.work")));
    leave_two();
    begin(KEY);
    assert_false(other);
    next("first");
    next("second");
    next(NULL);
    assert_int_equal(journal.rounds, 2);
    add("third");
    data_journal_close(&journal, true);
    begin(KEY);
    next("first");
    next("second");
    next("third");
    next(NULL);
    data_journal_close(&journal, false);
    assert_false(file_exists(helper_path("out.work")));
}

/* 24 of the header, 16 + 5 of the first round, 16 + 6 of the second. */
static void what_is_torn_or_changed_is_dropped(void **state)
{
    (void)state;
    for (size_t length = 0; length < 67; length++) {
        leave_two();
        change(SIZE_MAX, length);
        begin(KEY);
        if (length >= 45) {
            next("first");
        }
        next(NULL);
        add("again");
        data_journal_close(&journal, true);
        begin(KEY);
        if (length >= 45) {
            next("first");
        }
        next("again");
        next(NULL);
        data_journal_close(&journal, false);
    }
    for (size_t at = 24; at < 67; at++) {
        leave_two();
        change(at, SIZE_MAX);
        begin(KEY);
        if (at >= 45) {
            next("first");
        }
        next(NULL);
        data_journal_close(&journal, false);
    }
}

static void another_run_s_is_replaced_by_the_first_round(void **state)
{
    (void)state;
    leave_two();
    begin(KEY + 1);
    assert_true(other);
    next(NULL);
    data_journal_close(&journal, true);
    begin(KEY);
    next("first");
    data_journal_close(&journal, true);
    begin(KEY + 1);
    add("mine");
    data_journal_close(&journal, true);
    begin(KEY + 1);
    next("mine");
    next(NULL);
    data_journal_close(&journal, false);
}

static void another_file_is_left_alone(void **state)
{
    (void)state;
    primer_error error = {0};
    helper_write("out.work", "my notes", 8);
    assert_int_equal(data_journal_open(&journal, helper_path("out"), KEY, &other, &error),
                     PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "out.work: "));
    data_journal_close(&journal, true);
    found.length = 0;
    assert_int_equal(file_read(helper_path("out.work"), 1000, &found, NULL), PRIMER_OK);
    assert_string_equal(found.bytes, "my notes");
    buffer_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_left_comes_back_in_order, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(what_is_torn_or_changed_is_dropped, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(another_run_s_is_replaced_by_the_first_round, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(another_file_is_left_alone, helper_setup, helper_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
