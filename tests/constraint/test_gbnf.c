/* test_gbnf.c - GBNF: what each part of the notation matches, and where errors are said to be. */
#include "constraint/constraint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "constraint_helper.h"

/* ---- what it matches ------------------------------------------------------------------------- */

static const struct {
    const char *grammar, *text;
    int expected; /* as helper_follow */
} cases[] = {
    {"root ::= \"ab\" \"c\"", "abc", 1},
    {"root ::= \"ab\" \"c\"", "ab", 0},
    {"root ::= \"a\" | \"b\" | \"cd\"", "cd", 1},
    {"root ::= \"a\" | \"b\"", "c", -1},
    {"root ::= \"a\" |", "", 1},
    {"root ::= | \"a\"", "", 1},
    {"root ::= (\"a\" | \"b\") \"c\"", "bc", 1},
    {"root::=\"a\"|\"b\"", "b", 1},
    {"# a comment\nroot ::= \"a\" # another\n# the last", "a", 1},
    {"root ::= item # named below\r\n\r\nitem ::= \"x\"\r\n", "x", 1},
    {"root ::=\n  \"a\" |\n  \"b\"", "b", 1},
    {"root ::= \"a\"\n  | \"b\"\n  # between\n  | \"c\"\n", "c", 1},
    {"root ::= (\n  \"a\"\n  # within\n  \"b\"\n) \"c\"", "abc", 1},
    {"root ::= \"a\"*", "aaa", 1},
    {"root ::= \"a\"*", "", 1},
    {"root ::= \"a\"+", "", 0},
    {"root ::= \"ab\"+", "abab", 1},
    {"root ::= \"a\"? \"b\"", "b", 1},
    {"root ::= \"a\"? \"b\"", "aa", -1},
    {"root ::= \"a\" * \"b\"", "aab", 1},
    {"root ::= \"a\"+?", "", 1},
    {"root ::= \"ab\"{2}", "abab", 1},
    {"root ::= \"ab\"{2}", "ababab", -1},
    {"root ::= \"a\"{2,}", "aaaa", 1},
    {"root ::= \"a\"{2,}", "a", 0},
    {"root ::= \"a\"{ 1 , 3 }", "aaaa", -1},
    {"root ::= \"a\"{,2}", "", 1},
    {"root ::= \"a\"{,2}", "aaa", -1},
    {"root ::= \"a\"{0} \"b\"", "b", 1},
    {"root ::= [a-c]", "b", 1},
    {"root ::= [a-c]", "d", -1},
    {"root ::= [-a]", "-", 1},
    {"root ::= [a-]", "-", 1},
    {"root ::= [a\\-c]", "b", -1},
    {"root ::= [^a-c]", "d", 1},
    {"root ::= [^a-c]", "b", -1},
    {"root ::= [^a-c]", "\n", 1},
    {"root ::= [^\\n]", "\n", -1},
    {"root ::= [\\[\\]\\\\\"]*", "[]\\\"", 1},
    {"root ::= [\\x41-\\x43]", "B", 1},
    {"root ::= [\\u00e0-\\u00ff]", "\xC3\xA9", 1},
    {"root ::= [\\u00e0-\\u00ff]", "\xC3", 0},
    {"root ::= [\\U0001F600-\\U0001F64F]", "\xF0\x9F\x99\x82", 1},
    {"root ::= [\xC3\xA0-\xC3\xBF]", "\xC3\xA9", 1},
    {"root ::= [^\xC3\xA9]", "\xC3\xA9", -1},
    {"root ::= .", "\xE2\x82\xAC", 1},
    {"root ::= .", "\n", 1},
    {"root ::= .", "\xFF", -1},
    {"root ::= \"\\x41\\u20AC\\U0001F642\\n\\t\\r\\\"\\\\\"",
     "A\xE2\x82\xAC\xF0\x9F\x99\x82\n\t\r\"\\", 1},
    {"root ::= \"\\xe9\"", "\xC3\xA9", 1},
    {"root ::= \"\" \"a\"", "a", 1},
    {"root ::= a-b_9\na-b_9 ::= \"x\"", "x", 1},
    {"root ::= \"(\" root? \")\"", "((()))", 1},
    {"root ::= root \"+\" root | [0-9]", "1+2+3", 1},
    {"root ::= <think> [a-z]* </think>", "<think>ab</think>", 1},
};

static void test_cases(void **state)
{
    (void)state;
    struct tokenizer *const tokenizer = helper_byte_tokenizer(NULL, 0, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const text = cases[i].text;
        primer_constraint *const constraint = helper_gbnf(cases[i].grammar);
        const int found = helper_follow_with(constraint, vocabulary, text, strlen(text));
        if (found != cases[i].expected)
            fail_msg("%s: \"%s\": found %d, expected %d", cases[i].grammar, text, found,
                     cases[i].expected);
        constraint_free(constraint);
    }
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static const struct {
    const char *grammar, *words;
    primer_status status;
} errors[] = {
    {"", "line 1, column 1: the rule \"root\" isn't defined", PRIMER_EFORMAT},
    {"a ::= \"b\"\n", "line 2, column 1: the rule \"root\" isn't", PRIMER_EFORMAT},
    {"root ::= a\n  | b\na ::= \"x\"", "line 2, column 5: the rule \"b\" isn't defined",
     PRIMER_EFORMAT},
    {"root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: the rule \"root\" is there twice",
     PRIMER_EFORMAT},
    {"root = \"a\"", "line 1, column 6: expected ::=", PRIMER_EFORMAT},
    {"root ::= \"a\" )", "line 1, column 14: expected a text", PRIMER_EFORMAT},
    {"root ::= (\"a\"", "line 1, column 10: the group that begins here", PRIMER_EFORMAT},
    {"root ::= (\"a\" ]", "line 1, column 15: expected a text", PRIMER_EFORMAT},
    {"root ::= (\n\"a\")\n\"c\"", "line 3, column 1: expected the name of a rule", PRIMER_EFORMAT},
    {"root ::= \"a", "line 1, column 10: the text that begins here", PRIMER_EFORMAT},
    {"root ::= \"a\\", "expected one of", PRIMER_EFORMAT},
    {"root ::= [a", "line 1, column 10: the class that begins here", PRIMER_EFORMAT},
    {"root ::= []", "line 1, column 10: a class of no characters", PRIMER_EFORMAT},
    {"root ::= [b-a]", "line 1, column 11: a range's first", PRIMER_EFORMAT},
    {"root ::= \"\\q\"", "line 1, column 12: expected one of", PRIMER_EFORMAT},
    {"root ::= \"\\x4\"", "line 1, column 14: expected 2 hexadecimal", PRIMER_EFORMAT},
    {"root ::= \"\\u12g4\"", "column 15: expected 4 hexadecimal", PRIMER_EFORMAT},
    {"root ::= \"\\U0011\"", "expected 8 hexadecimal", PRIMER_EFORMAT},
    {"root ::= \"\\uD800\"", "line 1, column 13: that is no character", PRIMER_EFORMAT},
    {"root ::= \"\\U00110000\"", "that is no character", PRIMER_EFORMAT},
    {"root ::= \"\xFF\"", "line 1, column 11: expected UTF-8", PRIMER_EFORMAT},
    {"root ::= \"a\"{}", "line 1, column 14: expected a number", PRIMER_EFORMAT},
    {"root ::= \"a\"{2", "column 15: expected , or }", PRIMER_EFORMAT},
    {"root ::= \"a\"{3,2}", "line 1, column 13: at least more", PRIMER_EFORMAT},
    {"root ::= \"a\"{99999999999999999999999}", "too large", PRIMER_ELIMIT},
    {"root ::= \"a\"{9999999999}", "expected at most", PRIMER_ELIMIT},
    {"root ::= *", "line 1, column 10: expected a text", PRIMER_EFORMAT},
    {"root ::= <[1000]>", "line 1, column 10: a token by its number", PRIMER_EUNSUPPORTED},
    {"root ::= !<think>", "line 1, column 10: any token but one", PRIMER_EUNSUPPORTED},
    {"root ::= <think", "line 1, column 10: the mark", PRIMER_EFORMAT},
    {"\"a\"", "line 1, column 1: expected the name", PRIMER_EFORMAT},
    {"root ::= root", "no text", PRIMER_EUNSUPPORTED},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        primer_error error = {0};
        primer_constraint *constraint = NULL;
        const char *const text = errors[i].grammar;
        const primer_status status = constraint_gbnf(text, strlen(text), &constraint, &error);
        if (status != errors[i].status || strstr(error.message, errors[i].words) == NULL)
            fail_msg("%s: found %d \"%s\", expected %d \"%s\"", text, (int)status, error.message,
                     (int)errors[i].status, errors[i].words);
        assert_null(constraint);
    }
}

/* Bytes of any value, a 0 among them, and groups in groups without end. */
static void test_odd_bytes(void **state)
{
    (void)state;
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    static const char zero[] = "root ::= \"a\"\0 \"b\"";
    assert_int_equal(constraint_gbnf(zero, sizeof zero - 1, &constraint, &error), PRIMER_EFORMAT);
    static const char within[] = "root ::= \"a\0b\"";
    assert_int_equal(constraint_gbnf(within, sizeof within - 1, &constraint, &error), PRIMER_OK);
    assert_int_equal(helper_follow(constraint, "a", 1), 0);
    constraint_free(constraint);
    constraint = NULL;
    static char groups[1000] = "root ::= ";
    memset(groups + 9, '(', sizeof groups - 10);
    assert_int_equal(constraint_gbnf(groups, strlen(groups), &constraint, &error), PRIMER_ELIMIT);
    assert_null(constraint);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "root ::= \"a\" [b-d]* (name | <e>){2,50}\nname ::= \"f\"?\n";
    primer_constraint *constraint = NULL;
    size_t n = 0;
    for (;; n++) {
        primer_error error = {0};
        memory_fail_at(n);
        const primer_status status = constraint_gbnf(text, sizeof text - 1, &constraint, &error);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK)
            break;
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_null(constraint);
    }
    assert_in_range(n, 30, 3000);
    constraint_free(constraint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
