/* test_schedule.c - learning rates at the steps where they turn, between them, and at the edges. */
#include "train/train_optimizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static struct train_schedule schedule_of(enum train_schedule_kind kind)
{
    return (struct train_schedule){
        .kind = kind, .peak = 1e-3, .final = 1e-4, .warm_up = 9, .steps = 110, .decay = 20};
}

static void assert_rate(const struct train_schedule *s, uint64_t step, double expected)
{
    assert_int_equal(train_schedule_check(s, NULL), PRIMER_OK);
    const double found = train_schedule_rate(s, step);
    if (!(fabs(found - expected) <= 1e-12 * fabs(expected) + 1e-18))
        fail_msg("step %llu: found %.17g, expected %.17g", (unsigned long long)step, found,
                 expected);
}

static void all_warm_up_alike(void **state)
{
    (void)state;
    for (int kind = 0; kind <= (int)TRAIN_SCHEDULE_STABLE; kind++) {
        const struct train_schedule s = schedule_of((enum train_schedule_kind)kind);
        for (uint64_t step = 0; step < 9; step++)
            assert_rate(&s, step, 1e-4 * (double)(step + 1));
        assert_true(train_schedule_rate(&s, 9) == 1e-3);
    }
}

static void constant(void **state)
{
    (void)state;
    const struct train_schedule s = schedule_of(TRAIN_SCHEDULE_CONSTANT);
    for (uint64_t step = 9; step < 130; step++)
        assert_true(train_schedule_rate(&s, step) == 1e-3);
}

static void linear(void **state)
{
    (void)state;
    const struct train_schedule s = schedule_of(TRAIN_SCHEDULE_LINEAR);
    assert_rate(&s, 59, 5.5e-4); /* half-way from 9 to 109 */
    assert_rate(&s, 34, 7.75e-4);
    assert_rate(&s, 108, 1e-4 + 9e-6);
    assert_true(train_schedule_rate(&s, 109) == 1e-4);
    assert_true(train_schedule_rate(&s, UINT64_MAX) == 1e-4);
}

static void cosine(void **state)
{
    (void)state;
    const struct train_schedule s = schedule_of(TRAIN_SCHEDULE_COSINE);
    assert_rate(&s, 59, 5.5e-4);
    for (uint64_t step = 9; step < 110; step++)
        assert_rate(&s, step, 1e-4 + 0.5 * 9e-4 * (1 + cos(acos(-1.0) * (double)(step - 9) / 100)));
    assert_rate(&s, 109, 1e-4);
    assert_rate(&s, 1000000, 1e-4);
}

static void stable(void **state)
{
    (void)state;
    const struct train_schedule s = schedule_of(TRAIN_SCHEDULE_STABLE);
    for (uint64_t step = 9; step < 90; step++)
        assert_true(train_schedule_rate(&s, step) == 1e-3);
    assert_rate(&s, 90, 1e-3 - 9e-4 / 20);
    assert_rate(&s, 99, 5.5e-4);
    assert_true(train_schedule_rate(&s, 109) == 1e-4);
    assert_true(train_schedule_rate(&s, 110) == 1e-4);
}

static void edges(void **state)
{
    (void)state;
    for (int kind = 0; kind <= (int)TRAIN_SCHEDULE_STABLE; kind++) {
        struct train_schedule s = schedule_of((enum train_schedule_kind)kind);
        s.warm_up = 0;
        assert_rate(&s, 0, 1e-3); /* no rise */
        s.steps = 1;
        s.decay = 0;
        assert_rate(&s, 0, 1e-3); /* the only step */
        s.steps = 2;
        s.decay = 1;
        assert_rate(&s, 0, 1e-3);
        assert_rate(&s, 1, kind == (int)TRAIN_SCHEDULE_CONSTANT ? 1e-3 : 1e-4);
        s.warm_up = 1;
        assert_rate(&s, 0, 5e-4);
        s.final = 0;
        s.steps = UINT64_MAX; /* no overflow */
        s.decay = UINT64_MAX - 1;
        s.warm_up = 1;
        assert_true(isfinite(train_schedule_rate(&s, UINT64_MAX - 1)));
        assert_true(train_schedule_rate(&s, UINT64_MAX / 2) <= 1e-3);
        s.peak = 0;
        assert_rate(&s, 5, 0);
    }
}

/* Never above the peak, and never rising after the warm-up. */
static void falls_only(void **state)
{
    (void)state;
    for (int kind = 0; kind <= (int)TRAIN_SCHEDULE_STABLE; kind++) {
        const struct train_schedule s = schedule_of((enum train_schedule_kind)kind);
        for (uint64_t step = 9; step < 120; step++) {
            const double here = train_schedule_rate(&s, step);
            assert_true(here <= 1e-3 && here >= 1e-4 * (1 - 1e-12));
            assert_true(train_schedule_rate(&s, step + 1) <= here);
        }
    }
}

static void refuse(struct train_schedule s, const char *field, const char *found)
{
    primer_error error = {0};
    assert_int_equal(train_schedule_check(&s, &error), PRIMER_EINVAL);
    if (strncmp(error.message, field, strlen(field)) != 0 || strstr(error.message, found) == NULL)
        fail_msg("\"%s\" names neither %s nor %s", error.message, field, found);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct train_schedule s = schedule_of(TRAIN_SCHEDULE_STABLE);
    s.decay = 102;
    refuse(s, "decay_steps:", "102");
    s.decay = 101;
    assert_int_equal(train_schedule_check(&s, NULL), PRIMER_OK);
    s.decay = 111;
    s.kind = TRAIN_SCHEDULE_COSINE; /* doesn't ask for it */
    assert_int_equal(train_schedule_check(&s, NULL), PRIMER_OK);
    s.warm_up = 110;
    refuse(s, "warm_up:", "110");
    s.warm_up = 0;
    s.steps = 0;
    refuse(s, "steps:", "0");
    s.steps = 10;
    s.final = 2e-3;
    refuse(s, "final_rate:", "0.002");
    s.final = NAN;
    refuse(s, "final_rate:", "nan");
    s.kind = TRAIN_SCHEDULE_CONSTANT; /* doesn't ask for it */
    assert_int_equal(train_schedule_check(&s, NULL), PRIMER_OK);
    s.peak = -1e-3;
    refuse(s, "rate:", "-0.001");
    s.peak = INFINITY;
    refuse(s, "rate:", "inf");
    s = schedule_of((enum train_schedule_kind)4);
    refuse(s, "schedule:", "4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_warm_up_alike),
        cmocka_unit_test(constant),
        cmocka_unit_test(linear),
        cmocka_unit_test(cosine),
        cmocka_unit_test(stable),
        cmocka_unit_test(edges),
        cmocka_unit_test(falls_only),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
