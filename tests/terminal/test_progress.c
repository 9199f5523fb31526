/* test_progress.c - what a prompt's progress counts into the speed: not what was known before. */
#include "terminal/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_where_a_prompt_begins(void **state)
{
    (void)state;
    struct progress cold = progress_begin("reading", "tokens");
    progress_prompt(&cold, 0, 2048);
    progress_prompt(&cold, 512, 2048);
    assert_int_equal(cold.first, 0);
    struct progress warm = progress_begin("reading", "tokens");
    progress_prompt(&warm, 1024, 2048);
    progress_prompt(&warm, 1536, 2048);
    assert_int_equal(warm.first, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_where_a_prompt_begins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
