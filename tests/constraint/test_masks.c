/* test_masks.c - masks are exact: for many grammars at random, along answers at random, each token
 * of a small vocabulary is allowed just where the oracle says so.
 *
 *   test_masks [GRAMMARS [SEED]]
 */
#include "constraint/constraint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "constraint/constraint_internal.h"
#include "constraint_helper.h"
#include "oracle.h"

static uint64_t grammars = 80, seed = 1;

/* Pieces of what the oracle's grammars have, straddling in all ways. */
static const char *const tokens[] = {"a",
                                     "b",
                                     "c",
                                     "ab",
                                     "ba",
                                     "aa",
                                     "bb",
                                     "abc",
                                     "bca",
                                     "aab",
                                     "\"",
                                     "a\"",
                                     "\"a",
                                     " ",
                                     " a",
                                     "a ",
                                     "\n",
                                     "\"\n",
                                     "b\"c",
                                     "cc",
                                     "ca",
                                     "aaa",
                                     "aaaaa",
                                     "bbbb",
                                     "\xC3",
                                     "\xA9",
                                     "\xC3\xA9",
                                     "a\xC3",
                                     "\xA9"
                                     "b",
                                     "\xE2",
                                     "\x82",
                                     "\xAC",
                                     "\xE2\x82",
                                     "\x82\xAC",
                                     "\xE2\x82\xAC",
                                     "\xE2\x82\xAC"
                                     "a",
                                     "\xF0\x90",
                                     "\x80\x80",
                                     "!",
                                     "  ",
                                     "abab",
                                     "\xC3\xA9\xC3\xA9",
                                     "c\"",
                                     "ac",
                                     "cab",
                                     "bc",
                                     "\xEF\xBF",
                                     "\xB0",
                                     "\xED\x9F",
                                     "\xDF\xBF",
                                     "\x7F"};
enum { TOKENS = sizeof tokens / sizeof tokens[0], STEPS = 8, TEXT = ORACLE_TEXT - 6 };

/* Grammars that chance seldom makes. */
static const struct oracle made[] = {
    /* Characters a number of times, then a quote, and that a number of times. */
    {.nodes = {{.kind = ORACLE_CLASS, .ranges = {{'a', 'c'}, {0x80, 0x17F}}, .count = 2},
               {.kind = ORACLE_REPEAT, .children = {0}, .count = 1, .least = 4, .most = 9},
               {.kind = ORACLE_BYTES, .texts = {"\""}, .count = 1},
               {.kind = ORACLE_SEQUENCE, .children = {1, 2}, .count = 2},
               {.kind = ORACLE_REPEAT, .children = {3}, .count = 1, .least = 2, .most = 40}},
     .count = 5,
     .root = 4},
    /* The same with blanks that need not be there, and at least so many. */
    {.nodes =
         {{.kind = ORACLE_CLASS, .ranges = {{'a', 'c'}, {0x80, 0x17F}}, .count = 2},
          {.kind = ORACLE_REPEAT, .children = {0}, .count = 1, .least = 5, .most = GRAMMAR_ENDLESS},
          {.kind = ORACLE_BYTES, .texts = {" "}, .count = 1},
          {.kind = ORACLE_REPEAT, .children = {2}, .count = 1, .least = 0, .most = 40},
          {.kind = ORACLE_BYTES, .texts = {"\""}, .count = 1},
          {.kind = ORACLE_SEQUENCE, .children = {1, 3, 4}, .count = 3}},
     .count = 6,
     .root = 5},
};
enum { MADE = sizeof made / sizeof made[0] };

struct walk {
    struct oracle oracle;
    struct random random;
    char text[ORACLE_TEXT + 8];
    size_t length;
};

static void check_mask(struct walk *walk, struct constraint_matcher *matcher, const uint64_t *mask)
{
    const int here = oracle_judge(&walk->oracle, walk->text, walk->length);
    assert_true(here >= 0);
    if (helper_allowed(mask, TOKENS) != (here == 1) ||
        constraint_matcher_complete(matcher) != (here == 1))
        fail_msg("seed %llu: behind '%.*s' the end is judged wrong\n%s", (unsigned long long)seed,
                 (int)walk->length, walk->text, oracle_show(&walk->oracle));
    for (size_t id = 0; id < TOKENS; id++) {
        const size_t bytes = strlen(tokens[id]);
        memcpy(walk->text + walk->length, tokens[id], bytes);
        const int judged = oracle_judge(&walk->oracle, walk->text, walk->length + bytes);
        if ((judged >= 0) != helper_allowed(mask, id))
            fail_msg("seed %llu: behind '%.*s' token %zu '%s' is %s\n%s", (unsigned long long)seed,
                     (int)walk->length, walk->text, id, tokens[id],
                     judged >= 0 ? "not allowed" : "allowed", oracle_show(&walk->oracle));
    }
}

/* A token that the mask allows, -1: only the end. */
static int32_t choose(struct walk *walk, const uint64_t *mask)
{
    int32_t allowed[TOKENS];
    size_t count = 0;
    for (size_t id = 0; id < TOKENS; id++)
        if (helper_allowed(mask, id))
            allowed[count++] = (int32_t)id;
    return count == 0 ? -1 : allowed[random_below(&walk->random, count)];
}

/* Whether the oracle says that some token leads on, or the end. */
static bool leads_on(struct walk *walk)
{
    bool any = oracle_judge(&walk->oracle, walk->text, walk->length) == 1;
    for (size_t id = 0; id < TOKENS && !any; id++) {
        const size_t bytes = strlen(tokens[id]);
        memcpy(walk->text + walk->length, tokens[id], bytes);
        any = oracle_judge(&walk->oracle, walk->text, walk->length + bytes) >= 0;
    }
    return any;
}

static size_t follow(struct walk *walk, primer_constraint *constraint,
                     const struct constraint_vocabulary *vocabulary)
{
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    size_t masks = 0;
    walk->length = 0;
    for (size_t step = 0; step < STEPS; step++) {
        primer_error error = {0};
        const uint64_t *const mask = constraint_matcher_mask(matcher, &error);
        if (mask == NULL) {
            if (leads_on(walk))
                fail_msg("seed %llu: behind '%.*s': %s\n%s", (unsigned long long)seed,
                         (int)walk->length, walk->text, error.message, oracle_show(&walk->oracle));
            break;
        }
        check_mask(walk, matcher, mask);
        masks++;
        const int32_t id = choose(walk, mask);
        if (id < 0 || walk->length + strlen(tokens[id]) > TEXT)
            break;
        for (int32_t other = 0; other < TOKENS; other++)
            if (!helper_allowed(mask, (size_t)other))
                assert_false(constraint_matcher_take(matcher, other));
        assert_true(constraint_matcher_take(matcher, id));
        memcpy(walk->text + walk->length, tokens[id], strlen(tokens[id]));
        walk->length += strlen(tokens[id]);
    }
    constraint_matcher_free(matcher);
    return masks;
}

/* bytes_most: of the masks, before they are begun anew; 0: as always. */
static void judge_many(size_t bytes_most, size_t walk_nodes, uint64_t count)
{
    struct tokenizer *const tokenizer = helper_tokenizer(tokens, TOKENS, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    static struct walk walk;
    size_t refused = 0, impossible = 0, masks = 0;
    for (uint64_t i = 0; i < count; i++, seed++) {
        primer_constraint *constraint = NULL;
        primer_error error = {0};
        random_seed(&walk.random, seed);
        oracle_random(&walk.oracle, &walk.random, 4 + (size_t)random_below(&walk.random, 16));
        if (i < MADE)
            walk.oracle = made[i];
        struct grammar *const grammar = grammar_create();
        const size_t root = oracle_build(&walk.oracle, grammar);
        const primer_status status = grammar_finish(grammar, root, &constraint, &error);
        if (status != PRIMER_OK) {
            impossible += !oracle_possible(&walk.oracle);
            refused++;
            if (oracle_possible(&walk.oracle) && strstr(error.message, "calls itself") == NULL)
                fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, error.message,
                         oracle_show(&walk.oracle));
            continue;
        }
        assert_true(oracle_possible(&walk.oracle));
        if (bytes_most > 0)
            constraint->bytes_most = bytes_most;
        constraint->walk_nodes = walk_nodes;
        for (int answer = 0; answer < (i < MADE ? 12 : 3); answer++)
            masks += follow(&walk, constraint, vocabulary);
        constraint_free(constraint);
    }
    print_message("%llu grammars, %zu refused, %zu of them match nothing; %zu masks\n",
                  (unsigned long long)count, refused, impossible, masks);
    assert_true(refused - impossible <= count / 4);
    assert_true(masks > 2 * count);
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
}

/* By analyses wherever that can be. */
static void test_analyses(void **state)
{
    (void)state;
    judge_many(0, 0, grammars);
}

static void test_walks(void **state)
{
    (void)state;
    judge_many(0, SIZE_MAX, grammars / 4);
}

/* Where an analysis begins within the tree too. */
static void test_both(void **state)
{
    (void)state;
    judge_many(0, 3, grammars / 4);
}

/* Places are found anew all the time. */
static void test_little_memory(void **state)
{
    (void)state;
    judge_many(1, 0, grammars / 4);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analyses),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_little_memory),
    };
    if (argc > 1)
        grammars = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
