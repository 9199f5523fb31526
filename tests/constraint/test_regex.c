/* test_regex.c - regular expressions: what each line of regex.jsonl says, what patterns in schemas
 * do to strings, and that the ways by tree and by automaton say the same.
 */
#include "constraint/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "constraint_cases.h"

static primer_status make(const json_t *notation, primer_constraint **constraint,
                          primer_error *error)
{
    return constraint_regex(json_string_value(notation), json_string_length(notation), constraint,
                            error);
}

static void test_cases(void **state)
{
    (void)state;
    assert_true(cases_run("tests/constraint/regex.jsonl", "pattern", false, make) > 200);
}

/* The same by way of an automaton: every expression beside one that all texts match. */
static primer_status make_product(const json_t *notation, primer_constraint **constraint,
                                  primer_error *error)
{
    static const char anything[] = "[^]*";
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    struct regex_term terms[REGEX_TERMS];
    struct regex_automaton automaton = {0};
    struct grammar *const grammar = grammar_create();
    size_t count = 0, root = 0;
    primer_status status = regex_parse(&scratch, json_string_value(notation),
                                       json_string_length(notation), true, terms, &count, error);
    if (status == PRIMER_OK)
        status = regex_parse(&scratch, anything, strlen(anything), true, terms, &count, error);
    if (status == PRIMER_OK)
        status =
            regex_automaton_make(&scratch, terms, count, 0, GRAMMAR_ENDLESS, &automaton, error);
    if (status == PRIMER_OK && automaton.states == 0)
        status = error_set(error, PRIMER_EINVAL, "nothing matches it");
    if (status == PRIMER_OK)
        root = regex_automaton_grammar(grammar, &scratch, &automaton, false);
    scratch_free(&scratch);
    if (status == PRIMER_OK)
        return grammar_finish(grammar, root, constraint, error);
    grammar_free(grammar);
    return status;
}

static void test_automata_say_the_same(void **state)
{
    (void)state;
    assert_true(cases_run("tests/constraint/regex.jsonl", "pattern", false, make_product) > 200);
}

/* ---- lengths --------------------------------------------------------------------------------- */

static void expect_lengths(const char *pattern, bool whole, size_t least, size_t most)
{
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    struct regex_term terms[REGEX_TERMS];
    size_t count = 0, low = 0, high = 0;
    assert_int_equal(regex_parse(&scratch, pattern, strlen(pattern), whole, terms, &count, NULL),
                     PRIMER_OK);
    regex_lengths(terms[count - 1], &low, &high);
    if (low != least || high != most)
        fail_msg("%s: %zu to %zu, expected %zu to %zu", pattern, low, high, least, most);
    scratch_free(&scratch);
}

static void test_lengths(void **state)
{
    (void)state;
    expect_lengths("a(b|cd){2,3}e?", true, 3, 8);
    expect_lengths("a+", true, 1, GRAMMAR_ENDLESS);
    expect_lengths("^[a-z]{3}$", false, 3, 3);
    expect_lengths("^[a-z]{3}", false, 3, GRAMMAR_ENDLESS);
    expect_lengths("", true, 0, 0);
    expect_lengths("((((a{0,99999}){0,99999}){0,99999}){0,99999}){0,99999}", true, 0,
                   GRAMMAR_ENDLESS);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
    (void)state;
    struct buffer text = {0};
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(buffer_text(&text, "(", NULL), PRIMER_OK);
    assert_int_equal(constraint_regex(text.bytes, text.length, &constraint, &error), PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "groups"));
    buffer_clear(&text);
    for (size_t i = 0; i < 70000; i++)
        assert_int_equal(buffer_text(&text, "a", NULL), PRIMER_OK);
    assert_int_equal(constraint_regex(text.bytes, text.length, &constraint, &error), PRIMER_ELIMIT);
    buffer_free(&text);
    /* An exponential number of states. */
    static const char many[] = "\\b[^]*a[^]{30}";
    assert_int_equal(constraint_regex(many, sizeof many - 1, &constraint, &error), PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "states"));
}

static void expect_limit(const char *pattern, size_t length, const char *words)
{
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    const primer_status status = constraint_regex(pattern, length, &constraint, &error);
    if (status != PRIMER_ELIMIT || strstr(error.message, words) == NULL)
        fail_msg("%.60s: found %d \"%s\", expected a limit of %s", pattern, (int)status,
                 error.message, words);
}

/* What would take minutes: so many places that few states are too many; so many different
 * characters; and a property as often as the length allows, which is looked up once. */
static void test_limits_of_work(void **state)
{
    (void)state;
    struct buffer text = {0};
    primer_constraint *constraint = NULL;
    static const char places[] = "\\b(?:a?b?c?d?e?f?g?h?){0,2000}";
    expect_limit(places, sizeof places - 1, "steps");
    assert_int_equal(buffer_text(&text, "\\b", NULL), PRIMER_OK);
    for (uint32_t c = 0x4E00; c < 0x4E00 + 3000; c++) {
        char bytes[4];
        assert_int_equal(buffer_append(&text, bytes, utf8_encode(c, bytes), NULL), PRIMER_OK);
    }
    expect_limit(text.bytes, text.length, "different characters");
    buffer_clear(&text);
    for (size_t i = 0; i < 13000; i++)
        assert_int_equal(buffer_text(&text, "\\p{L}", NULL), PRIMER_OK);
    (void)constraint_regex(text.bytes, text.length, &constraint, NULL);
    constraint_free(constraint);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_automata_say_the_same),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_of_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
