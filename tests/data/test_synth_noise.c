/* test_synth_noise.c - requests as people type them: what changes, and what never does. */
#include <string.h>

#include "base/buffer.h"
#include "synth_helper.h"

/* How many of 400 seeds make `becomes` of the text; each must leave `kept` as it is. */
static size_t count(const char *text, const char *becomes, const char *kept)
{
    struct synth_helper helper;
    size_t found = 0;
    synth_helper_open(&helper, "talk t\n  user a\n  assistant b\n");
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct buffer typed = {0};
        synth_helper_seed(&helper, seed);
        assert_int_equal(buffer_text(&typed, text, NULL), 0);
        assert_int_equal(synth_noise_apply(&helper.synth, &typed, &helper.error), 0);
        if (strstr(typed.bytes, kept) == NULL)
            fail_msg("seed %d: %s", (int)seed, typed.bytes);
        found += strcmp(typed.bytes, becomes) == 0;
        buffer_free(&typed);
    }
    synth_helper_close(&helper);
    return found;
}

/* One in four each: lower case, no last sign; one in eight a slip, seldom of one word twice alike. */
static void most_requests_stay_as_they_are(void **state)
{
    (void)state;
    static const char text[] = "Add Three and Seven.";
    assert_in_range(count(text, text, "d"), 150, 250);
    assert_in_range(count(text, "add three and seven.", "d"), 40, 90);
    assert_in_range(count(text, "Add Three and Seven", "d"), 40, 90);
}

static void what_is_quoted_stays(void **state)
{
    (void)state;
    assert_true(count("Say 'Yes Sir' IF Odd", "say 'Yes Sir' if odd", "'Yes Sir'") > 0);
    assert_true(count("Say \"It's On\" IF Odd", "say \"It's On\" if odd", "\"It's On\"") > 0);
    assert_true(count("Use `Ab Cd` IF Odd", "use `Ab Cd` if odd", "`Ab Cd`") > 0);
}

/* The sign in "don't" and behind "boys" quotes nothing. */
static void an_apostrophe_is_no_quote(void **state)
{
    (void)state;
    assert_true(count("I Don't Add THE Odd", "i don't add the odd", "d") > 0);
    assert_true(count("All Boys' OWN Odd", "all boys' own odd", "d") > 0);
}

static void code_is_left_alone(void **state)
{
    (void)state;
    static const char text[] = "def Odd(Number):\n    return Number.";
    assert_int_equal(count(text, text, text), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_requests_stay_as_they_are),
        cmocka_unit_test(what_is_quoted_stays),
        cmocka_unit_test(an_apostrophe_is_no_quote),
        cmocka_unit_test(code_is_left_alone),
    };
    return cmocka_run_group_tests(tests, synth_helper_setup, synth_helper_teardown);
}
