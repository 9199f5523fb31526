/* test_pieces.c - SentencePiece-style BPE against its plain definition on random vocabularies, and
 * what vocabularies without byte tokens, unknown tokens or some characters do.
 */
#include "tokenizer/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "tokenizer_helper.h"

#define SPACE "\xE2\x96\x81"
enum { PIECES_MOST = 60, TEXT_MOST = 400 };

static const char *const letters[] = {"a", "b", "c", SPACE, "\xC3\xA9", "\xE4\xB8\xAD", "-", "z"};

/* A vocabulary: <unk>, then pieces of letters, no two alike. The last letter is in none. */
struct made {
    char texts[PIECES_MOST][40];
    const char *tokens[PIECES_MOST];
    float scores[PIECES_MOST];
    int32_t kinds[PIECES_MOST];
    size_t count;
};

static int32_t find(const struct made *made, const char *text, size_t length)
{
    for (size_t i = 1; i < made->count; i++) {
        if (strlen(made->texts[i]) == length && memcmp(made->texts[i], text, length) == 0)
            return (int32_t)i;
    }
    return -1;
}

static void make(struct made *made, struct random *random, uint64_t scores)
{
    strcpy(made->texts[0], "<unk>");
    made->count = 1;
    while (made->count < 5 + random_below(random, PIECES_MOST - 5)) {
        char *const text = made->texts[made->count];
        text[0] = '\0';
        for (uint64_t n = 1 + random_below(random, 5); n > 0; n--)
            strcat(text, letters[random_below(random, 7)]);
        if (find(made, text, strlen(text)) < 0)
            made->count++;
    }
    for (size_t i = 0; i < made->count; i++) {
        made->tokens[i] = made->texts[i];
        made->scores[i] = -(float)random_below(random, scores);
        made->kinds[i] = i == 0 ? 2 : 1;
    }
}

/* The definition: join the pair of highest score, the leftmost among equals, until none is a piece.
 */
static size_t encode_plainly(const struct made *made, const char *text, size_t length, int32_t *ids)
{
    size_t ends[TEXT_MOST], n = 0, count = 0;
    for (size_t at = 0; at < length; n++) {
        uint32_t code_point;
        const size_t width = utf8_decode(text + at, length - at, &code_point);
        at += width == 0 ? 1 : width;
        ends[n] = at;
    }
    for (;;) {
        size_t best = n;
        float score = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const size_t begin = i == 0 ? 0 : ends[i - 1];
            const int32_t id = find(made, text + begin, ends[i + 1] - begin);
            if (id >= 0 && (best == n || made->scores[id] > score)) {
                best = i;
                score = made->scores[id];
            }
        }
        if (best == n)
            break;
        memmove(ends + best, ends + best + 1, (n - best - 1) * sizeof *ends);
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t begin = i == 0 ? 0 : ends[i - 1];
        const int32_t id = find(made, text + begin, ends[i] - begin);
        if (id >= 0 || count == 0 || ids[count - 1] != 0)
            ids[count++] = id < 0 ? 0 : id;
    }
    return count;
}

static void compare(const struct made *made, const struct tokenizer *tokenizer,
                    struct random *random)
{
    char marked[TEXT_MOST], text[TEXT_MOST];
    int32_t plain[TEXT_MOST];
    size_t marked_length = 0, length = 0;
    const uint64_t wanted = random_below(random, 90);
    for (uint64_t i = 0; i < wanted; i++) {
        const char *const letter =
            random_below(random, 50) == 0 ? "\xFF" : letters[random_below(random, 8)];
        const bool space = strcmp(letter, SPACE) == 0 && random_below(random, 2) == 0;
        memcpy(marked + marked_length, letter, strlen(letter));
        memcpy(text + length, space ? " " : letter, space ? 1 : strlen(letter));
        marked_length += strlen(letter);
        length += space ? 1 : strlen(letter);
    }
    struct token_list ids = helper_encode(tokenizer, text, length, 0);
    const size_t count = encode_plainly(made, marked, marked_length, plain);
    assert_int_equal(ids.count, count);
    if (count > 0)
        assert_memory_equal(ids.ids, plain, count * sizeof *plain);
    token_list_free(&ids);
}

static void test_equal_to_definition(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 5);
    for (int i = 0; i < 150; i++) {
        struct made made;
        make(&made, &random, i % 3 == 0 ? 1 : i % 3 == 1 ? 4 : 1000);
        const struct helper_gguf plan = {.model = "llama",
                                         .tokens = made.tokens,
                                         .count = made.count,
                                         .kinds = made.kinds,
                                         .scores = made.scores,
                                         .unknown = 1,
                                         .add_bos = -1,
                                         .add_prefix = -1};
        struct tokenizer *tokenizer = NULL;
        primer_error error = {0};
        if (helper_from_gguf(&plan, &tokenizer, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        for (int j = 0; j < 40; j++)
            compare(&made, tokenizer, &random);
        tokenizer_free(tokenizer);
    }
}

/* ---- small vocabularies by hand ---- */

static struct tokenizer *load(const struct helper_gguf *plan)
{
    struct tokenizer *tokenizer = NULL;
    primer_error error = {0};
    if (helper_from_gguf(plan, &tokenizer, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

#define EXPECT(tokenizer, text, flags, ids)                                                        \
    helper_expect(tokenizer, text, sizeof text - 1, flags, ids)

static void test_without_bytes(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "h", "i", "hi", SPACE, SPACE "hi"};
    struct helper_gguf plan = {.model = "llama", .tokens = tokens, .count = 8};
    struct tokenizer *tokenizer = load(&plan);
    EXPECT(tokenizer, "", 0, "");
    EXPECT(tokenizer, "hi", 0, "7");
    EXPECT(tokenizer, "hi", TOKENIZER_BOS, "1 7");
    EXPECT(tokenizer, "hi", TOKENIZER_CONTINUE, "5");
    EXPECT(tokenizer, "hi xyz\xFFhi", 0, "7 6 0 5"); /* a run of unknown characters is one token */
    EXPECT(tokenizer, "<s>hi", 0, "6 0 5");
    EXPECT(tokenizer, "<s>hi<unk>", TOKENIZER_SPECIAL, "1 7 0");
    assert_int_equal(tokenizer_bos(tokenizer), 1);
    assert_int_equal(tokenizer_eos(tokenizer), 2);
    assert_true(tokenizer_adds_bos(tokenizer));
    assert_true(tokenizer_ends(tokenizer, 2));
    assert_false(tokenizer_ends(tokenizer, 1));
    assert_true(tokenizer_is_control(tokenizer, 1));
    assert_false(tokenizer_is_control(tokenizer, 3));
    tokenizer_free(tokenizer);
    plan.unknown = 1 + (int64_t)UINT32_MAX; /* none */
    tokenizer = load(&plan);
    struct token_list ids = {0};
    primer_error error = {0};
    assert_int_equal(tokenizer_encode(tokenizer, "hi x", 4, 0, &ids, &error), PRIMER_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "'x' (first byte 0x78)"));
    assert_int_equal(ids.count, 0);
    token_list_free(&ids);
    tokenizer_free(tokenizer);
}

/* Some bytes only: a character falls back to bytes when all of its bytes are there. */
static void test_some_bytes(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "<0x20>", "a"};
    const struct helper_gguf plan = {
        .model = "llama", .tokens = tokens, .count = 7, .add_prefix = -1};
    struct tokenizer *const tokenizer = load(&plan);
    EXPECT(tokenizer, "a\xC3\xA9\xC3\xA8 \xC3", 0, "6 3 4 0 5 3");
    helper_round_trip(tokenizer, "a \xC3\xA9 \xC3", 6, 0);
    assert_int_equal(tokenizer_find(tokenizer, "a", 1), 6);
    assert_int_equal(tokenizer_find(tokenizer, " ", 1), 5);
    assert_int_equal(tokenizer_find(tokenizer, "</s>", 4), 2);
    assert_int_equal(tokenizer_find(tokenizer, "b", 1), -1);
    tokenizer_free(tokenizer);
}

/* User-defined tokens are found in any text, the longest first, control tokens where they are asked
 * for; a space goes before what follows one. */
static void test_user_defined(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>",    "[a]", "[a][b]",
                                         "x",     SPACE, SPACE "x", "[c]"};
    static const int32_t kinds[] = {2, 3, 3, 4, 4, 1, 1, 1, 3};
    const struct helper_gguf plan = {
        .model = "llama", .tokens = tokens, .count = 9, .kinds = kinds};
    struct tokenizer *const tokenizer = load(&plan);
    EXPECT(tokenizer, "x[a][b]x[a][", 0, "7 4 7 3 6 0");
    EXPECT(tokenizer, "x[c]x", 0, "7 0 5");
    EXPECT(tokenizer, "x[c]x", TOKENIZER_SPECIAL, "7 8 7");
    helper_round_trip(tokenizer, "x[a][b]x[a] x", 13, 0);
    tokenizer_free(tokenizer);
}

/* A text can't spell out a control token, even where merges would make one. */
static void test_control_is_not_merged(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<", "s", ">", "<s", "s>"};
    static const int32_t kinds[] = {2, 3, 3, 1, 1, 1, 1, 1};
    const struct helper_gguf plan = {
        .model = "llama", .tokens = tokens, .count = 8, .kinds = kinds, .add_prefix = -1};
    struct tokenizer *const tokenizer = load(&plan);
    EXPECT(tokenizer, "<s>", 0, "6 5");
    EXPECT(tokenizer, "<s>", TOKENIZER_SPECIAL, "1");
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_definition),
        cmocka_unit_test(test_without_bytes),
        cmocka_unit_test(test_some_bytes),
        cmocka_unit_test(test_user_defined),
        cmocka_unit_test(test_control_is_not_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
