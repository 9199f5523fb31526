/* test_grammar.c - the builder of grammars: what it refuses, what large repetitions, many texts and
 * recursion cost, and every allocation failing.
 */
#include "constraint/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "constraint/constraint_internal.h"
#include "constraint_helper.h"

#define FOLLOW(constraint, text) helper_follow(constraint, text, sizeof text - 1)

/* ---- refusals -------------------------------------------------------------------------------- */

static void expect_failure(struct grammar *grammar, size_t root, primer_status status,
                           const char *words)
{
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    assert_int_equal(grammar_finish(grammar, root, &constraint, &error), status);
    assert_null(constraint);
    if (strstr(error.message, words) == NULL)
        fail_msg("\"%s\" doesn't say \"%s\"", error.message, words);
}

static void test_refusals(void **state)
{
    (void)state;
    struct grammar *grammar = grammar_create();
    const struct grammar_range reversed = {'b', 'a'}, beyond = {0, 0x110000};
    expect_failure(NULL, 0, PRIMER_ENOMEM, "no memory");
    expect_failure(grammar, 0, PRIMER_EINVAL, "node 0 isn't there");
    grammar = grammar_create();
    expect_failure(grammar, grammar_class(grammar, &reversed, 1, false), PRIMER_EINVAL,
                   "U+0062 to U+0061");
    grammar = grammar_create();
    expect_failure(grammar, grammar_class(grammar, &beyond, 1, true), PRIMER_EINVAL, "U+110000");
    grammar = grammar_create();
    expect_failure(grammar, grammar_repeat(grammar, grammar_text(grammar, "a"), 3, 2),
                   PRIMER_EINVAL, "3 to 2 times");
    grammar = grammar_create();
    expect_failure(grammar,
                   grammar_repeat(grammar, grammar_text(grammar, "a"), SIZE_MAX - 1, SIZE_MAX),
                   PRIMER_ELIMIT, "at most");
    grammar = grammar_create();
    expect_failure(grammar, grammar_without(grammar, (const char *const[]){"a", ""}, 2),
                   PRIMER_EINVAL, "empty text");
    grammar = grammar_create();
    expect_failure(grammar, grammar_rule(grammar), PRIMER_EINVAL, "isn't defined");
    grammar = grammar_create();
    const size_t rule = grammar_rule(grammar);
    grammar_define(grammar, rule, rule);
    grammar_define(grammar, rule, rule);
    expect_failure(grammar, rule, PRIMER_EINVAL, "expected a rule that isn't yet");
    grammar = grammar_create();
    const primer_error own = {PRIMER_EUNSUPPORTED, "so says a notation"};
    grammar_failure(grammar, &own);
    grammar_failure(grammar, &(primer_error){PRIMER_EFORMAT, "too late"});
    expect_failure(grammar, grammar_text(grammar, "a"), PRIMER_EUNSUPPORTED, "so says a notation");
}

/* No text at all: recursion without an end, a class of nothing, a choice of nothing. */
static void test_nothing(void **state)
{
    (void)state;
    struct grammar *grammar = grammar_create();
    const size_t rule = grammar_rule(grammar);
    const size_t parts[] = {grammar_text(grammar, "a"), rule};
    grammar_define(grammar, rule, grammar_sequence(grammar, parts, 2));
    expect_failure(grammar, rule, PRIMER_EUNSUPPORTED, "no text");
    grammar = grammar_create();
    expect_failure(grammar, grammar_class(grammar, NULL, 0, false), PRIMER_EUNSUPPORTED, "no text");
    grammar = grammar_create();
    expect_failure(grammar, grammar_choice(grammar, NULL, 0), PRIMER_EUNSUPPORTED, "no text");
    /* Surrogates are no characters. */
    grammar = grammar_create();
    const struct grammar_range surrogates = {0xD800, 0xDFFF};
    expect_failure(grammar, grammar_class(grammar, &surrogates, 1, false), PRIMER_EUNSUPPORTED,
                   "no text");
    /* The empty text is one. */
    grammar = grammar_create();
    primer_constraint *const constraint =
        helper_finish(grammar, grammar_sequence(grammar, NULL, 0));
    assert_int_equal(FOLLOW(constraint, ""), 1);
    assert_int_equal(FOLLOW(constraint, "a"), -1);
    constraint_free(constraint);
}

static void test_depth(void **state)
{
    (void)state;
    struct grammar *grammar = grammar_create();
    size_t node = grammar_text(grammar, "x");
    size_t end = grammar_text(grammar, "y");
    for (int i = 0; i < 3990; i++)
        node = grammar_choice(grammar,
                              (const size_t[]){grammar_sequence(grammar, &node, 1),
                                               grammar_repeat(grammar, end, 0, 1)},
                              2);
    primer_constraint *const constraint = helper_finish(grammar, node);
    assert_int_equal(FOLLOW(constraint, "x"), 1);
    constraint_free(constraint);
    grammar = grammar_create();
    node = grammar_text(grammar, "x");
    end = grammar_text(grammar, "y");
    for (size_t i = 0; i < 4010; i++)
        node = grammar_sequence(grammar, (const size_t[]){node, end}, 2);
    expect_failure(grammar, node, PRIMER_ELIMIT, "nested");
}

/* ---- what is the same is one ----------------------------------------------------------------- */

static void test_same_nodes(void **state)
{
    (void)state;
    struct grammar *const grammar = grammar_create();
    const struct grammar_range a = {'a', 'c'}, b[] = {{'b', 'c'}, {'a', 'b'}};
    const size_t text = grammar_text(grammar, "same");
    assert_int_equal(grammar_bytes(grammar, "same", 4), text);
    assert_int_not_equal(grammar_mark(grammar, "same"), text);
    assert_int_equal(grammar_class(grammar, &a, 1, false), grammar_class(grammar, b, 2, false));
    assert_int_equal(grammar_repeat(grammar, text, 2, 5), grammar_repeat(grammar, text, 2, 5));
    assert_int_not_equal(grammar_repeat(grammar, text, 2, 5), grammar_repeat(grammar, text, 2, 6));
    assert_int_equal(grammar_repeat(grammar, text, 1, 1), text);
    const size_t two[] = {text, grammar_text(grammar, "other")};
    assert_int_equal(grammar_sequence(grammar, two, 2), grammar_sequence(grammar, two, 2));
    assert_int_not_equal(grammar_sequence(grammar, two, 2), grammar_choice(grammar, two, 2));
    assert_int_not_equal(grammar_rule(grammar), grammar_rule(grammar));
    grammar_free(grammar);
}

/* Doubled thirty times, a text of a billion bytes: nodes that stand in several places are rules. */
static void test_doubling(void **state)
{
    (void)state;
    struct grammar *const grammar = grammar_create();
    size_t node = grammar_text(grammar, "ab");
    for (int i = 0; i < 30; i++)
        node = grammar_sequence(grammar, (const size_t[]){node, node}, 2);
    primer_constraint *const constraint = helper_finish(grammar, node);
    assert_true(constraint->network->state_count < 200);
    assert_int_equal(FOLLOW(constraint, "ababababababababababababababababababababababab"), 0);
    assert_int_equal(FOLLOW(constraint, "abababababababababababababababababababa"
                                        "a"),
                     -1);
    constraint_free(constraint);
}

/* ---- large repetitions ----------------------------------------------------------------------- */

static void test_large_repetition(void **state)
{
    (void)state;
    struct grammar *const grammar = grammar_create();
    const struct grammar_range letters[] = {{'a', 'z'}, {0x80, 0x10FFFF}};
    const size_t class = grammar_class(grammar, letters, 2, false);
    const size_t parts[] = {grammar_text(grammar, "<"), grammar_repeat(grammar, class, 9990, 10000),
                            grammar_text(grammar, ">")};
    primer_constraint *const constraint =
        helper_finish(grammar, grammar_sequence(grammar, parts, 3));
    assert_true(constraint->network->state_count < 100);
    char text[10003];
    memset(text, 'm', sizeof text);
    text[0] = '<';
    assert_int_equal(helper_follow(constraint, text, 10001), 0);
    assert_int_equal(helper_follow(constraint, text, 10002), -1);
    text[10001] = '>';
    assert_int_equal(helper_follow(constraint, text, 10002), 1);
    text[10001] = 'm';
    text[9991] = '>';
    assert_int_equal(helper_follow(constraint, text, 9992), 1);
    text[9990] = '>';
    assert_int_equal(helper_follow(constraint, text, 9991), -1);
    constraint_free(constraint);
}

/* Counts within counts, of what may be empty, of what calls itself behind a byte. */
static void test_nested_repetition(void **state)
{
    (void)state;
    primer_constraint *constraint = helper_gbnf("root ::= ([a-z]{2,40} \"-\"?){3,50} \".\"\n");
    assert_int_equal(FOLLOW(constraint, "ab-cd-ef."), 1);
    assert_int_equal(FOLLOW(constraint, "abcdef."), 1);
    assert_int_equal(FOLLOW(constraint, "ab-cd."), -1);
    constraint_free(constraint);
    constraint = helper_gbnf("root ::= (\"a\"?){100,200} \"b\"\n");
    assert_int_equal(FOLLOW(constraint, "b"), 1);
    assert_int_equal(FOLLOW(constraint, "aaab"), 1);
    constraint_free(constraint);
    constraint = helper_gbnf("root ::= \"(\" root{0,60} \")\"\n");
    assert_int_equal(FOLLOW(constraint, "(()(()()))"), 1);
    assert_int_equal(FOLLOW(constraint, "(()(()())"), 0);
    assert_int_equal(FOLLOW(constraint, "())"), -1);
    constraint_free(constraint);
}

/* ---- many texts ------------------------------------------------------------------------------ */

static void test_choice(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static char texts[COUNT][32];
    const char *choices[COUNT];
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "common beginning %zu", i);
        choices[i] = texts[i];
    }
    assert_int_equal(constraint_choice(choices, COUNT, &constraint, &error), PRIMER_OK);
    assert_int_equal(FOLLOW(constraint, "common beginning 2999"), 1);
    assert_int_equal(FOLLOW(constraint, "common beginning 29"), 1);
    assert_int_equal(FOLLOW(constraint, "common beginning 3000"), -1);
    assert_int_equal(FOLLOW(constraint, "common beginning 300"), 1);
    assert_int_equal(FOLLOW(constraint, "common beginning "), 0);
    constraint_free(constraint);
    assert_int_equal(constraint_choice(choices, 0, &constraint, &error), PRIMER_EINVAL);
    const char *const odd[] = {"", "a", "aa", "aa", "\xC3\xA9"};
    assert_int_equal(constraint_choice(odd, 5, &constraint, &error), PRIMER_OK);
    assert_int_equal(FOLLOW(constraint, ""), 1);
    assert_int_equal(FOLLOW(constraint, "aa"), 1);
    assert_int_equal(FOLLOW(constraint, "aaa"), -1);
    assert_int_equal(FOLLOW(constraint, "\xC3"), 0);
    constraint_free(constraint);
}

static void test_without(void **state)
{
    (void)state;
    struct grammar *const grammar = grammar_create();
    const size_t parts[] = {
        grammar_without(grammar, (const char *const[]){"</call>", "<<", "\xC3\xA9t"}, 3),
        grammar_text(grammar, "</call>")};
    primer_constraint *const constraint =
        helper_finish(grammar, grammar_sequence(grammar, parts, 2));
    assert_int_equal(FOLLOW(constraint, "</call>"), 1);
    assert_int_equal(FOLLOW(constraint, "some < text </calm> </call>"), 1);
    assert_int_equal(FOLLOW(constraint, "</call> more"), -1);
    assert_int_equal(FOLLOW(constraint, "a << b"), -1);
    assert_int_equal(FOLLOW(constraint, "\xC3\xA9\xC3"), 0);
    assert_int_equal(FOLLOW(constraint, "\xC3\xA9t"), -1);
    assert_int_equal(FOLLOW(constraint, "\xC3t"), -1);
    assert_int_equal(FOLLOW(constraint, "\xED\xA0"), -1);
    assert_int_equal(FOLLOW(constraint, "\xF4\x8F\xBF\xBF\xF4\x90"), -1);
    constraint_free(constraint);
}

/* ---- recursion ------------------------------------------------------------------------------- */

static void test_left_recursion(void **state)
{
    (void)state;
    primer_constraint *constraint = helper_gbnf("root ::= sum\n"
                                                "sum ::= sum \"+\" product | product\n"
                                                "product ::= product \"*\" atom | atom\n"
                                                "atom ::= [0-9]+ | \"(\" sum \")\"\n");
    assert_int_equal(FOLLOW(constraint, "1+2*(3+4)*5+6"), 1);
    assert_int_equal(FOLLOW(constraint, "1+2*(3+4"), 0);
    assert_int_equal(FOLLOW(constraint, "1++"), -1);
    assert_int_equal(FOLLOW(constraint, "(1))"), -1);
    constraint_free(constraint);
    /* Through each other, through what may be empty, through itself alone. */
    constraint = helper_gbnf("root ::= a \"!\"\n"
                             "a ::= b \"x\" | a | \"0\"\n"
                             "b ::= e a \"y\" | \"1\"\n"
                             "e ::= \"-\"*\n");
    assert_int_equal(FOLLOW(constraint, "0yx!"), 1);
    assert_int_equal(FOLLOW(constraint, "-0yx!"), 1);
    assert_int_equal(FOLLOW(constraint, "--1xyxyx!"), 1);
    assert_int_equal(FOLLOW(constraint, "0x"), -1);
    constraint_free(constraint);
    constraint = helper_gbnf("root ::= root root | \"a\"\n");
    assert_int_equal(FOLLOW(constraint, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 1);
    constraint_free(constraint);
    primer_error error = {0};
    const char counted[] = "root ::= (root \"a\"){1,90} | \"b\"";
    assert_int_equal(constraint_gbnf(counted, sizeof counted - 1, &constraint, &error),
                     PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "calls itself"));
}

/* Blanks that call themselves at their end don't pile up; brackets do, and have a limit. */
static void test_depth_of_answers(void **state)
{
    (void)state;
    static char text[8200];
    struct tokenizer *const tokenizer = helper_byte_tokenizer(NULL, 0, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    primer_constraint *constraint = helper_gbnf("root ::= \"x\" ws\nws ::= | \" \" ws\n");
    memset(text, ' ', sizeof text);
    text[0] = 'x';
    assert_int_equal(helper_follow_with(constraint, vocabulary, text, sizeof text), 1);
    assert_true(constraint->masks->places.stacks.set_count < 50);
    constraint_free(constraint);
    constraint = helper_gbnf("root ::= \"[\" root? \"]\"\n");
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    primer_error error = {0};
    size_t depth = 0;
    while (depth < sizeof text && constraint_matcher_take(matcher, '['))
        depth++;
    assert_in_range(depth, 2000, STACKS_DEPTH_MOST);
    assert_null(constraint_matcher_mask(matcher, &error));
    assert_int_equal(error.status, PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "nested deeper"));
    assert_true(constraint_matcher_take(matcher, ']'));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
}

/* Read in more ways than there are atoms, and still a few frames: stacks share both their ends. */
static void test_shared_ambiguity(void **state)
{
    (void)state;
    static const char *const grammars[] = {
        "root ::= s\ns ::= s s s | s s | \"a\"",
        "root ::= s\ns ::= \"a\" s s \"a\" | \"a\" s \"b\" | \"a\"",
        "root ::= s\ns ::= s \"a\" s | s s | \"a\" | \"aa\""};
    struct tokenizer *const tokenizer = helper_byte_tokenizer(NULL, 0, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    static char text[301];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < 3; i++) {
        primer_constraint *const constraint = helper_gbnf(grammars[i]);
        constraint->steps_most = 100000;
        assert_int_equal(helper_follow_with(constraint, vocabulary, text, sizeof text), 1);
        assert_true(constraint->masks->places.stacks.frame_count < 20000);
        constraint_free(constraint);
    }
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
}

/* A grammar that is read in ever more ways is refused, not followed wrongly. */
static void test_ambiguity(void **state)
{
    (void)state;
    struct tokenizer *const tokenizer = helper_byte_tokenizer(NULL, 0, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    primer_constraint *const constraint =
        helper_gbnf("root ::= ((\"a\" | \"aa\" | \"aaa\"){1,1000}){1,1000}\n");
    constraint->steps_most = 2000;
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    primer_error error = {0};
    size_t count = 0;
    while (count < 1000 && constraint_matcher_mask(matcher, &error) != NULL) {
        constraint_matcher_take(matcher, 'a');
        count++;
    }
    assert_in_range(count, 5, 999);
    assert_int_equal(error.status, PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "ambiguous"));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static primer_status build(primer_constraint **constraint, primer_error *error)
{
    static const char text[] =
        "root ::= <think> sum{2,90} .* (\"if\" | \"ifs\" | [^a-z\\u00e9]){40}\n"
        "sum ::= sum \"+\" (\"1\" | sum \"*\" sum) | \"(\" sum{2,40} \")\" | \"2\"\n";
    return constraint_gbnf(text, sizeof text - 1, constraint, error);
}

static void test_no_memory(void **state)
{
    (void)state;
    primer_error error = {0};
    primer_constraint *constraint = NULL;
    size_t n = 0;
    for (;; n++) {
        memory_fail_at(n);
        const primer_status status = build(&constraint, &error);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK)
            break;
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_null(constraint);
    }
    assert_in_range(n, 50, 5000);
    constraint_free(constraint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_same_nodes),
        cmocka_unit_test(test_doubling),
        cmocka_unit_test(test_large_repetition),
        cmocka_unit_test(test_nested_repetition),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_left_recursion),
        cmocka_unit_test(test_depth_of_answers),
        cmocka_unit_test(test_shared_ambiguity),
        cmocka_unit_test(test_ambiguity),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
