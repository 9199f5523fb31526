/* test_random.c - known sequences, and the moments of what is derived from them. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void sequence_is_xoshiro256_starstar(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {
        11520, 0, 1509978240, 1215971899390074240u, 1216172134540287360u, 607988272756665600u};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_true(random_u64(&random) == expected[i]);
}

static void seed_goes_through_splitmix64(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 0);
    assert_true(random.state[0] == 0xE220A8397B1DCDAFu);
    assert_true(random.state[1] == 0x6E789E6AA1B965F4u);
    assert_true(random.state[2] == 0x06C45D188009454Fu);
    assert_true(random.state[3] == 0xF88BB8A8724C81ECu);
}

static void same_seed_same_numbers(void **state)
{
    (void)state;
    struct random one, two, other;
    random_seed(&one, 42);
    random_seed(&two, 42);
    random_seed(&other, 43);
    size_t equal = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t value = random_u64(&one);
        assert_true(value == random_u64(&two));
        equal += value == random_u64(&other);
    }
    assert_int_equal(equal, 0);
}

static void units_fill_the_interval(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 1);
    double sum = 0, least = 1, most = 0;
    for (int i = 0; i < 100000; i++) {
        const double unit = random_unit(&random);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
        least = unit < least ? unit : least;
        most = unit > most ? unit : most;
    }
    assert_true(sum > 49500 && sum < 50500);
    assert_true(least < 0.001 && most > 0.999);
}

static void below_is_even(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 2);
    size_t counts[7] = {0};
    for (int i = 0; i < 70000; i++)
        counts[random_below(&random, 7)]++;
    for (size_t i = 0; i < 7; i++)
        assert_true(counts[i] > 9500 && counts[i] < 10500);
    for (int i = 0; i < 100; i++)
        assert_true(random_below(&random, 1) == 0);
    /* Of a limit of 3 * 2^62 a plain remainder would give the lower third twice as often. */
    const uint64_t limit = (uint64_t)3 << 62;
    size_t lower = 0;
    for (int i = 0; i < 30000; i++) {
        const uint64_t value = random_below(&random, limit);
        assert_true(value < limit);
        lower += value < limit / 3;
    }
    assert_true(lower > 9500 && lower < 10500);
}

static void normals_have_their_moments(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    double sum = 0, squares = 0;
    const int count = 100000;
    for (int i = 0; i < count; i++) {
        const double normal = random_normal(&random);
        assert_true(normal >= -6 && normal < 6);
        sum += normal;
        squares += normal * normal;
    }
    assert_true(sum / count > -0.02 && sum / count < 0.02);
    assert_true(squares / count > 0.97 && squares / count < 1.03);
}

static void normal_is_twelve_units(void **state)
{
    (void)state;
    struct random one, two;
    random_seed(&one, 9);
    random_seed(&two, 9);
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += random_unit(&one);
    assert_true(random_normal(&two) == sum - 6);
    assert_true(random_u64(&one) == random_u64(&two));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_is_xoshiro256_starstar),
        cmocka_unit_test(seed_goes_through_splitmix64),
        cmocka_unit_test(same_seed_same_numbers),
        cmocka_unit_test(units_fill_the_interval),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(normals_have_their_moments),
        cmocka_unit_test(normal_is_twelve_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
