/* test_masks_real.c - over the vocabulary of GPT-2: masks by analyses are those of plain walks,
 * along answers at random to grammars as they are used.
 */
#include "constraint/constraint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "constraint/constraint_internal.h"
#include "constraint_helper.h"
#include "format/gguf.h"

enum { WAYS = 3, STEPS = 25, ANSWERS = 3 };

static const char *const grammars[] = {
    /* JSON, with strings of every kind of limit. */
    "root ::= object\n"
    "value ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n"
    "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? ws \"}\"\n"
    "array ::= \"[\" ws (value (\",\" ws value)*)? ws \"]\"\n"
    "string ::= \"\\\"\" char* \"\\\"\" | \"'\" char{3,12} \"'\" | \"`\" char{20,} \"`\"\n"
    "char ::= [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" [0-9a-fA-F]{4})\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]+)?\n"
    "ws ::= [ \\n]{0,40}\n",
    /* Counts within counts, words that end wherever the next begins. */
    "root ::= (word{1,12} [,.;]? (\" \" | \"\\n\")){2,200}\nword ::= [A-Za-z]{1,9} \"-\"? | \" "
    "\"\n",
    /* A language, recursive on both sides. */
    "root ::= statement+\n"
    "statement ::= name \" = \" sum \";\\n\" | \"if (\" sum \") {\\n\" statement* \"}\\n\"\n"
    "sum ::= sum (\" + \" | \" - \") product | product\n"
    "product ::= product (\" * \" | \" / \") factor | factor\n"
    "factor ::= name | [0-9]+ | name \"(\" (sum (\", \" sum)*)? \")\" | \"(\" sum \")\"\n"
    "name ::= [a-zA-Z_] [a-zA-Z_0-9]*\n",
    /* What is long, then anything. */
    "root ::= [a-zA-Z ]{1,60} \":\" .{10,100} \"\\n\" .*\n",
};

static struct constraint_vocabulary *load(void)
{
    char path[1024];
    const char *const folder = getenv("PRIMER_SHARED");
    primer_error error = {0};
    struct gguf *gguf = NULL;
    struct tokenizer *tokenizer = NULL;
    snprintf(path, sizeof path, "%s/data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf",
             folder == NULL || *folder == '\0' ? "../shared" : folder);
    if (!file_exists(path))
        return NULL;
    if (gguf_open(&gguf, path, &error) != PRIMER_OK ||
        tokenizer_from_gguf(&tokenizer, gguf, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    tokenizer_free(tokenizer);
    gguf_free(gguf);
    return vocabulary;
}

/* A token of those that are allowed: of a few at random one that is long, so that answers come on.
 * */
static int32_t choose(const struct constraint_vocabulary *vocabulary, struct random *random,
                      const uint64_t *mask)
{
    int32_t best = -1;
    for (int i = 0; i < 3; i++) {
        size_t id = (size_t)random_below(random, vocabulary->count);
        while (!helper_allowed(mask, id))
            id = (id + 1) % vocabulary->count;
        if (best < 0 || vocabulary->bytes[id].length > vocabulary->bytes[best].length)
            best = (int32_t)id;
    }
    return best;
}

static void compare(const uint64_t *const masks[WAYS],
                    const struct constraint_vocabulary *vocabulary, const char *grammar)
{
    for (size_t way = 1; way < WAYS; way++)
        for (size_t id = 0; id < vocabulary->count; id++)
            if (helper_allowed(masks[way], id) != helper_allowed(masks[0], id))
                fail_msg("%s: id %zu \"%.*s\" is %sallowed by a walk", grammar, id,
                         (int)vocabulary->bytes[id].length,
                         vocabulary->store.bytes + vocabulary->bytes[id].first,
                         helper_allowed(masks[0], id) ? "" : "not ");
}

static void follow(const char *grammar, const struct constraint_vocabulary *vocabulary,
                   struct random *random)
{
    static const size_t walk_nodes[WAYS] = {SIZE_MAX, 1024, 0};
    primer_constraint *constraints[WAYS];
    for (size_t way = 0; way < WAYS; way++) {
        constraints[way] = helper_gbnf(grammar);
        constraints[way]->walk_nodes = walk_nodes[way];
    }
    for (size_t answer = 0; answer < ANSWERS; answer++) {
        struct constraint_matcher *matchers[WAYS];
        for (size_t way = 0; way < WAYS; way++)
            matchers[way] = helper_matcher(constraints[way], vocabulary);
        for (size_t step = 0; step < STEPS && !constraint_matcher_finished(matchers[0]); step++) {
            const uint64_t *masks[WAYS];
            for (size_t way = 0; way < WAYS; way++)
                masks[way] = helper_mask(matchers[way]);
            compare(masks, vocabulary, grammar);
            const int32_t id = choose(vocabulary, random, masks[0]);
            for (size_t way = 0; way < WAYS; way++)
                assert_true(constraint_matcher_take(matchers[way], id));
        }
        for (size_t way = 0; way < WAYS; way++)
            constraint_matcher_free(matchers[way]);
    }
    for (size_t way = 0; way < WAYS; way++)
        constraint_free(constraints[way]);
}

static void test_real(void **state)
{
    (void)state;
    struct random random;
    struct constraint_vocabulary *const vocabulary = load();
    if (vocabulary == NULL)
        skip();
    random_seed(&random, 1);
    for (size_t i = 0; i < sizeof grammars / sizeof grammars[0]; i++)
        follow(grammars[i], vocabulary, &random);
    constraint_vocabulary_free(vocabulary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_real)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
