/* cmocka.h - the few names of cmocka that the kernel tests use, for builds by a cross compiler,
 * whose machine's cmocka isn't installed: put this folder first in the include path. The first
 * failure ends the program with status 1. */
#ifndef TESTS_KERNEL_CROSS_CMOCKA_H
#define TESTS_KERNEL_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(function)                                                                 \
    {                                                                                              \
#function, function                                                                        \
    }
#define print_message printf
#define fail_msg(...)                                                                              \
    (printf("[  FAILED  ] %s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), printf("\n"), exit(1))
#define assert_true(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s", #condition);                                                            \
    } while (0)
#define assert_false(condition) assert_true(!(condition))
#define assert_int_equal(a, b)  assert_true((a) == (b))
#define skip()                  exit(77)

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cross_run((tests), sizeof(tests) / sizeof(tests)[0])

static inline int cross_run(const struct CMUnitTest *tests, size_t count)
{
    void *state = NULL;
    for (size_t i = 0; i < count; i++) {
        tests[i].run(&state);
        printf("[       OK ] %s\n", tests[i].name);
        fflush(stdout);
    }
    return 0;
}

#endif
