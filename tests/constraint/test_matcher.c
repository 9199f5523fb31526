/* test_matcher.c - answers followed: marks and control tokens, ends, refused tokens, vocabularies
 * that can't, several of them, many threads on one constraint, memory that is given up or can't be
 * had.
 */
#include "constraint/constraint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/memory.h"
#include "base/random.h"
#include "constraint/constraint_internal.h"
#include "constraint_helper.h"

/* Ids of the vocabulary that most tests use: 256 bytes, then these, then control tokens. */
enum { HELLO = 256, CALL_TEXT, SPACES, CALL, CALL_END, STOP, IDS };

static struct tokenizer *tokenizer;
static struct constraint_vocabulary *vocabulary;

static int set_up(void **state)
{
    static const char *const more[] = {"hello", "<call>{", "    "};
    static const char *const controls[] = {"<call>", "</call>"};
    (void)state;
    tokenizer = helper_byte_tokenizer(more, 3, controls, 2);
    assert_int_equal(tokenizer_vocabulary(tokenizer), IDS);
    assert_true(tokenizer_is_control(tokenizer, CALL) && tokenizer_ends(tokenizer, STOP));
    vocabulary = helper_vocabulary(tokenizer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
    return 0;
}

static size_t count_bits(const uint64_t *mask, size_t ids)
{
    size_t count = 0;
    for (size_t id = 0; id < ids; id++)
        count += helper_allowed(mask, id);
    return count;
}

static void take_text(struct constraint_matcher *matcher, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++)
        assert_true(constraint_matcher_take(matcher, (unsigned char)text[i]));
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void test_marks(void **state)
{
    (void)state;
    primer_constraint *const constraint = helper_gbnf("root ::= <call> \"{\" [a-z]* \"}\" </call>");
    struct constraint_matcher *matcher = helper_matcher(constraint, vocabulary);
    const uint64_t *mask = helper_mask(matcher);
    /* The control token, the text's first byte, the token of text and more. */
    assert_int_equal(count_bits(mask, IDS), 3);
    assert_true(helper_allowed(mask, CALL) && helper_allowed(mask, '<') &&
                helper_allowed(mask, CALL_TEXT));
    assert_false(constraint_matcher_take(matcher, CALL_END));
    assert_true(constraint_matcher_take(matcher, CALL));
    mask = helper_mask(matcher);
    assert_true(helper_allowed(mask, '{') && count_bits(mask, IDS) == 1);
    take_text(matcher, "{ab}");
    mask = helper_mask(matcher);
    assert_true(helper_allowed(mask, CALL_END) && helper_allowed(mask, '<'));
    assert_int_equal(count_bits(mask, IDS), 2);
    /* Within the text the control token is no way on. */
    take_text(matcher, "</");
    assert_false(helper_allowed(helper_mask(matcher), CALL_END));
    assert_false(constraint_matcher_take(matcher, CALL_END));
    take_text(matcher, "call>");
    assert_true(constraint_matcher_complete(matcher) && constraint_matcher_finished(matcher));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
    /* What is no mark matches no control token, be the text the same. */
    primer_constraint *const text = helper_gbnf("root ::= \"<call>\" | .+");
    matcher = helper_matcher(text, vocabulary);
    assert_false(helper_allowed(helper_mask(matcher), CALL));
    assert_false(constraint_matcher_take(matcher, CALL));
    constraint_matcher_free(matcher);
    constraint_free(text);
}

/* Text, then calls: what tools want. */
static void test_text_before_mark(void **state)
{
    (void)state;
    struct grammar *const grammar = grammar_create();
    const size_t call[] = {grammar_mark(grammar, "<call>"), grammar_text(grammar, "{}"),
                           grammar_mark(grammar, "</call>")};
    const size_t parts[] = {
        grammar_without(grammar, (const char *const[]){"<call>"}, 1),
        grammar_repeat(grammar, grammar_sequence(grammar, call, 3), 0, GRAMMAR_ENDLESS)};
    primer_constraint *const constraint =
        helper_finish(grammar, grammar_sequence(grammar, parts, 2));
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    take_text(matcher, "see: <cal");
    assert_true(constraint_matcher_complete(matcher));
    assert_true(helper_allowed(helper_mask(matcher), CALL));
    take_text(matcher, "l>");
    assert_false(constraint_matcher_complete(matcher));
    assert_int_equal(count_bits(helper_mask(matcher), IDS), 1);
    take_text(matcher, "{}");
    assert_true(constraint_matcher_take(matcher, CALL_END));
    assert_true(constraint_matcher_complete(matcher));
    assert_false(constraint_matcher_finished(matcher));
    assert_true(constraint_matcher_take(matcher, CALL));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void test_ends(void **state)
{
    (void)state;
    primer_error error = {0};
    primer_constraint *const constraint = helper_gbnf("root ::= \"a\" \"b\"?");
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    assert_false(helper_allowed(helper_mask(matcher), STOP));
    assert_false(constraint_matcher_complete(matcher));
    assert_false(constraint_matcher_take(matcher, STOP));
    assert_false(constraint_matcher_take(matcher, 'b'));
    assert_false(constraint_matcher_take(matcher, -1));
    assert_false(constraint_matcher_take(matcher, IDS));
    assert_true(constraint_matcher_take(matcher, 'a'));
    assert_true(helper_allowed(helper_mask(matcher), STOP));
    assert_int_equal(count_bits(helper_mask(matcher), IDS), 2);
    assert_true(constraint_matcher_complete(matcher));
    assert_false(constraint_matcher_finished(matcher));
    assert_true(constraint_matcher_take(matcher, 'b'));
    assert_true(constraint_matcher_finished(matcher));
    assert_int_equal(count_bits(helper_mask(matcher), IDS), 1);
    assert_true(constraint_matcher_take(matcher, STOP));
    assert_true(constraint_matcher_finished(matcher));
    assert_false(constraint_matcher_take(matcher, STOP));
    assert_null(constraint_matcher_mask(matcher, &error));
    assert_int_equal(error.status, PRIMER_EUNSUPPORTED);
    constraint_matcher_free(matcher);
    constraint_free(constraint);
}

/* A mark that is an end token's text: the end, where the answer may end; else the mark. */
static void test_end_as_mark(void **state)
{
    (void)state;
    primer_constraint *const constraint = helper_gbnf("root ::= \"a\" </s> \"b\"");
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    take_text(matcher, "a");
    assert_true(helper_allowed(helper_mask(matcher), STOP));
    assert_true(constraint_matcher_take(matcher, STOP));
    assert_false(constraint_matcher_finished(matcher));
    take_text(matcher, "b");
    assert_true(constraint_matcher_finished(matcher));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
}

/* ---- vocabularies ---------------------------------------------------------------------------- */

static void test_cannot(void **state)
{
    (void)state;
    static const char *const few[] = {"a", "c"};
    primer_error error = {0};
    struct tokenizer *const small = helper_tokenizer(few, 2, NULL, 0);
    struct constraint_vocabulary *const words = helper_vocabulary(small);
    primer_constraint *const constraint = helper_gbnf("root ::= \"ab\"");
    struct constraint_matcher *const matcher = helper_matcher(constraint, words);
    assert_true(constraint_matcher_take(matcher, 0));
    assert_null(constraint_matcher_mask(matcher, &error));
    assert_int_equal(error.status, PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "no token of the vocabulary"));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
    constraint_vocabulary_free(words);
    tokenizer_free(small);
}

/* One constraint, many vocabularies, some of them gone: masks are of the right one. */
static void test_many_vocabularies(void **state)
{
    (void)state;
    primer_constraint *const constraint = helper_gbnf("root ::= \"x\" [a-z]{2,300}");
    for (size_t round = 0; round < 12; round++) {
        const char *const one[] = {round % 2 == 0 ? "xa" : "xab", "x", "q", "7"};
        struct tokenizer *const other = helper_tokenizer(one, 4, NULL, 0);
        struct constraint_vocabulary *const words = helper_vocabulary(other);
        struct constraint_matcher *const a = helper_matcher(constraint, words);
        struct constraint_matcher *const b = helper_matcher(constraint, vocabulary);
        assert_int_equal(count_bits(helper_mask(a), 5), 2);
        assert_int_equal(count_bits(helper_mask(b), IDS), 1);
        assert_true(constraint_matcher_take(a, 0));
        assert_true(constraint_matcher_take(a, 2));
        assert_false(helper_allowed(helper_mask(a), 3));
        constraint_matcher_free(a);
        constraint_matcher_free(b);
        constraint_vocabulary_free(words);
        tokenizer_free(other);
    }
    size_t count = 0;
    for (const struct masks *masks = constraint->masks; masks != NULL; masks = masks->next)
        count++;
    assert_in_range(count, 1, 4);
    constraint_free(constraint);
}

/* ---- bytes that are no token ----------------------------------------------------------------- */

static bool allows(struct constraint_matcher *matcher, const char *bytes)
{
    primer_error error = {0};
    bool allowed = false;
    if (constraint_matcher_allows(matcher, bytes, strlen(bytes), &allowed, &error) != PRIMER_OK)
        fail_msg("%s: %s", bytes, error.message);
    return allowed;
}

static void test_bytes(void **state)
{
    (void)state;
    primer_constraint *const constraint = helper_gbnf("root ::= \"a\" \"b\"* \"c\"");
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    assert_true(allows(matcher, "") && allows(matcher, "abb") && allows(matcher, "ac"));
    assert_false(allows(matcher, "b") || allows(matcher, "aba") || allows(matcher, "acc"));
    assert_false(constraint_matcher_take_bytes(matcher, "ax", 2));
    assert_true(constraint_matcher_take_bytes(matcher, "ab", 2));
    assert_true(allows(matcher, "bc") && constraint_matcher_take_bytes(matcher, "c", 1));
    assert_true(constraint_matcher_finished(matcher));
    assert_true(constraint_matcher_take(matcher, STOP));
    assert_false(allows(matcher, ""));
    constraint_matcher_free(matcher);
    constraint_free(constraint);
}

/* Neither a limit nor a lack of memory says that bytes aren't allowed. */
static void test_bytes_that_cannot_be_told(void **state)
{
    (void)state;
    primer_constraint *const constraint = helper_gbnf("root ::= \"a\" [a-z]{2,300} \"!\"");
    struct constraint_matcher *const matcher = helper_matcher(constraint, vocabulary);
    const size_t steps = constraint->steps_most;
    primer_error error = {0};
    bool allowed = true;
    constraint->steps_most = 0;
    assert_int_equal(constraint_matcher_allows(matcher, "ab", 2, &allowed, &error), PRIMER_ELIMIT);
    assert_true(allowed); /* as it was */
    assert_non_null(strstr(error.message, "ambiguous"));
    assert_false(constraint_matcher_take_bytes(matcher, "ab", 2));
    assert_null(constraint_matcher_mask(matcher, &error));
    assert_int_equal(error.status, PRIMER_ELIMIT);
    constraint->steps_most = steps;
    size_t n = 0;
    for (primer_status status = PRIMER_ENOMEM; status != PRIMER_OK; n++) {
        allowed = false;
        memory_fail_at(n);
        status = constraint_matcher_allows(matcher, "abcdefg!", 8, &allowed, &error);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK ? allowed : status == PRIMER_ENOMEM);
        assert_true(n < 1000);
    }
    assert_true(n > 1);
    constraint_matcher_free(matcher);
    constraint_free(constraint);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Masks are begun anew while answers go on: nobody notices, and no memory piles up. */
static void test_given_up(void **state)
{
    (void)state;
    static const char text[] = "{\"ab\":[1,2,{\"c\":\"d\"}],\"e\":\"hello\"}";
    primer_constraint *const constraint =
        helper_gbnf("root ::= object\n"
                    "object ::= \"{\" (pair (\",\" pair)*)? \"}\"\n"
                    "pair ::= string \":\" value\n"
                    "value ::= object | string | [0-9]+ | \"[\" (value (\",\" value)*)? \"]\"\n"
                    "string ::= \"\\\"\" [^\"\\\\]{0,1000} \"\\\"\"\n");
    struct constraint_matcher *const steady = helper_matcher(constraint, vocabulary);
    take_text(steady, "{\"ab\":[");
    const struct masks *const first = constraint->masks;
    constraint->bytes_most = 1;
    for (size_t round = 0; round < 3; round++)
        assert_int_equal(helper_follow_with(constraint, vocabulary, text, sizeof text - 1), 1);
    assert_ptr_not_equal(constraint->masks, first);
    take_text(steady, "1,2,{\"c\":\"d\"}],\"e\":\"hello\"}");
    assert_true(constraint_matcher_finished(steady));
    assert_true(constraint->masks != NULL && constraint->masks->next == NULL);
    constraint_matcher_free(steady);
    constraint_free(constraint);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char grammar[] = "root ::= (\"x\" [a-z]{2,300} | <call>) \"!\"\n";
    size_t n = 0;
    for (bool failed = true; failed; n++) {
        primer_error error = {0};
        primer_constraint *const constraint = helper_gbnf(grammar);
        constraint->walk_nodes = 0;
        struct constraint_matcher *matcher = NULL;
        memory_fail_at(n);
        failed = constraint_matcher_create(constraint, vocabulary, &matcher, &error) != PRIMER_OK;
        static const char text[] = "xabc!";
        for (size_t i = 0; i < sizeof text - 1 && !failed; i++) {
            const uint64_t *const mask = constraint_matcher_mask(matcher, &error);
            failed = mask == NULL || !constraint_matcher_take(matcher, text[i]);
            if (mask != NULL)
                assert_true(helper_allowed(mask, (size_t)text[i]));
        }
        memory_fail_at(SIZE_MAX);
        assert_true(!failed || error.status == PRIMER_ENOMEM || error.status == PRIMER_OK);
        /* A failure is told, and then it goes on. */
        if (matcher != NULL && failed && error.status == PRIMER_OK) {
            assert_null(constraint_matcher_mask(matcher, &error));
            assert_int_equal(error.status, PRIMER_ENOMEM);
        }
        if (matcher != NULL)
            assert_true(constraint_matcher_finished(matcher) || helper_mask(matcher) != NULL);
        constraint_matcher_free(matcher);
        constraint_free(constraint);
    }
    assert_in_range(n, 20, 2000);
    for (n = 0;; n++) {
        primer_error error = {0};
        struct constraint_vocabulary *words = NULL;
        memory_fail_at(n);
        const primer_status status = constraint_vocabulary_create(tokenizer, &words, &error);
        memory_fail_at(SIZE_MAX);
        constraint_vocabulary_free(words);
        if (status == PRIMER_OK)
            break;
        assert_int_equal(status, PRIMER_ENOMEM);
    }
    assert_in_range(n, 5, 500);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, ANSWERS = 30, TOKENS = 40 };

struct worker {
    primer_constraint *constraint;
    uint64_t seed;
    const char *wrong;
};

/* An answer at random: what the mask allows can be taken, what it doesn't can't. */
static void *work(void *argument)
{
    struct worker *const worker = argument;
    struct random random;
    random_seed(&random, worker->seed);
    for (size_t answer = 0; answer < ANSWERS && worker->wrong == NULL; answer++) {
        struct constraint_matcher *matcher = NULL;
        if (constraint_matcher_create(worker->constraint, vocabulary, &matcher, NULL) !=
            PRIMER_OK) {
            worker->wrong = "no matcher";
            break;
        }
        for (size_t i = 0; i < TOKENS && !constraint_matcher_finished(matcher); i++) {
            const uint64_t *const mask = constraint_matcher_mask(matcher, NULL);
            if (mask == NULL) {
                worker->wrong = "no mask";
                break;
            }
            size_t id = (size_t)random_below(&random, IDS);
            const bool refused = !helper_allowed(mask, id);
            while (!helper_allowed(mask, id))
                id = (id + 1) % IDS;
            if (refused && constraint_matcher_take(matcher, STOP) != helper_allowed(mask, STOP))
                worker->wrong = "an end that the mask doesn't know";
            if (!constraint_matcher_finished(matcher) &&
                !constraint_matcher_take(matcher, (int32_t)id))
                worker->wrong = "an allowed token is refused";
        }
        constraint_matcher_free(matcher);
    }
    return NULL;
}

static void run_threads(size_t bytes_most)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    primer_constraint *const constraint =
        helper_gbnf("root ::= value+\n"
                    "value ::= <call> value* </call> | \"(\" value* \")\" | [a-h]{2,90} \";\"\n");
    if (bytes_most > 0)
        constraint->bytes_most = bytes_most;
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){constraint, i + 1, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (workers[i].wrong != NULL)
            fail_msg("thread %zu: %s", i, workers[i].wrong);
    }
    for (const struct masks *masks = constraint->masks; masks != NULL; masks = masks->next)
        assert_int_equal(masks->users, 0);
    constraint_free(constraint);
}

static void test_threads(void **state)
{
    (void)state;
    run_threads(0);
    run_threads(200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_text_before_mark),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_end_as_mark),
        cmocka_unit_test(test_cannot),
        cmocka_unit_test(test_many_vocabularies),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bytes_that_cannot_be_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
