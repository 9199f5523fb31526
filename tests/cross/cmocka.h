/* cmocka.h - the part of cmocka that the tests use, for a cross compiler whose machine's cmocka isn't
 * installed. It prints what cmocka prints, so that tests/run reads both; a failed assertion leaves its case
 * by longjmp, as there. Only in the include path where NO_LIBRARIES=1 builds the tests. */
#ifndef TESTS_CROSS_CMOCKA_H
#define TESTS_CROSS_CMOCKA_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};
#define cmocka_unit_test(run) {#run, run, NULL, NULL}
#define cmocka_unit_test_setup_teardown(run, setup, teardown) {#run, run, setup, teardown}

enum { CROSS_FAILED = 1, CROSS_SKIPPED };
static jmp_buf cross_end;

static inline void cross_leave(int how)
{
    fflush(stdout);
    longjmp(cross_end, how);
}

#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                              \
    (printf(__VA_ARGS__), printf("\n%s:%d: error: Failure!\n", __FILE__, __LINE__),                \
     cross_leave(CROSS_FAILED))
#define fail() fail_msg("fail()")
#define skip() cross_leave(CROSS_SKIPPED)
#define cross_assert(good, text) ((good) ? (void)0 : fail_msg("%s", text))

#define assert_true(c) cross_assert((c), #c)
#define assert_false(c) cross_assert(!(c), "not " #c)
#define assert_null(p) cross_assert((p) == NULL, #p " == NULL")
#define assert_non_null(p) cross_assert((p) != NULL, #p " != NULL")
#define assert_int_equal(a, b) cross_assert((long long)(a) == (long long)(b), #a " == " #b)
#define assert_int_not_equal(a, b) cross_assert((long long)(a) != (long long)(b), #a " != " #b)
#define assert_ptr_equal(a, b) cross_assert((const void *)(a) == (const void *)(b), #a " == " #b)
#define assert_ptr_not_equal(a, b) cross_assert((const void *)(a) != (const void *)(b), #a " != " #b)
#define assert_string_equal(a, b) cross_assert(strcmp((a), (b)) == 0, #a " equals " #b)
#define assert_string_not_equal(a, b) cross_assert(strcmp((a), (b)) != 0, #a " differs from " #b)
#define assert_memory_equal(a, b, n) cross_assert(memcmp((a), (b), (n)) == 0, #a " equals " #b)
#define assert_memory_not_equal(a, b, n) cross_assert(memcmp((a), (b), (n)) != 0, #a " differs from " #b)
#define assert_in_range(v, low, high) cross_assert((v) >= (low) && (v) <= (high), #v " in range")

static inline int cross_case(const struct CMUnitTest *test)
{
    void *state = NULL;
    printf("[ RUN      ] %s\n", test->name);
    int how = setjmp(cross_end);
    if (how == 0 && (!test->setup || test->setup(&state) == 0)) {
        test->run(&state);
    } else if (how == 0) {
        how = CROSS_FAILED;
    }
    if (test->teardown && test->teardown(&state) != 0) {
        how = CROSS_FAILED;
    }
    printf("%s%s\n",
           how == CROSS_FAILED    ? "[  FAILED  ] "
           : how == CROSS_SKIPPED ? "[  SKIPPED ] "
                                  : "[       OK ] ",
           test->name);
    fflush(stdout);
    return how == CROSS_FAILED;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cross_group((tests), sizeof(tests) / sizeof(tests)[0], (setup), (teardown))
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    cmocka_run_group_tests(tests, setup, teardown)

static inline int cross_group(const struct CMUnitTest *tests, size_t count, int (*setup)(void **),
                              int (*teardown)(void **))
{
    void *state = NULL;
    int failed = setup ? setup(&state) != 0 : 0;
    for (size_t i = 0; i < count; i++) {
        failed += cross_case(&tests[i]);
    }
    return failed + (teardown ? teardown(&state) != 0 : 0);
}

#endif
