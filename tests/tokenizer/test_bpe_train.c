/* test_bpe_train.c - learning a byte-level BPE: the published example, the plain definition (count
 * all pairs, join the most frequent, begin again), the files that come out, errors.
 */
#include "tokenizer/bpe_train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "bpe_train_plain.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer_helper.h"

#define REFERENCE "data/tok-bpe-trainer-reference/"

static const char *const end_of_text[] = {BPE_TRAIN_PLAIN_END};

/* ---- files ----------------------------------------------------------------------------------- */

/* A name of this process's own; static, `which` in 0..3. */
static const char *file_name(unsigned which, const char *ending)
{
    static char names[4][64];
    snprintf(names[which], sizeof names[which], "/tmp/primer-bpe-train-%d-%u%s", (int)getpid(),
             which, ending);
    return names[which];
}

static const char *write_text(unsigned which, const char *text, size_t length)
{
    const char *const path = file_name(which, ".txt");
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

static struct bpe_trained *train_file(const char *path, const struct bpe_train_options *options)
{
    primer_error error = {0};
    struct bpe_trained *trained = NULL;
    if (bpe_train(&path, 1, options, &trained, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return trained;
}

static struct bpe_trained *train_text(const char *text, size_t length,
                                      const struct bpe_train_options *options)
{
    struct bpe_trained *const trained = train_file(write_text(0, text, length), options);
    unlink(file_name(0, ".txt"));
    return trained;
}

static primer_status refuse_text(const char *text, const struct bpe_train_options *options,
                                 primer_error *error)
{
    struct bpe_trained *trained = NULL;
    const char *const path = write_text(0, text, strlen(text));
    const primer_status status = bpe_train(&path, 1, options, &trained, error);
    unlink(path);
    if (status == PRIMER_OK)
        bpe_train_free(trained);
    else
        assert_null(trained);
    return status;
}

static struct tokenizer *save_and_load(const struct bpe_trained *trained, const char *ending)
{
    primer_error error = {0};
    const char *const path = file_name(1, ending);
    if (bpe_train_write(trained, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    struct tokenizer *const tokenizer = helper_load(path);
    unlink(path);
    assert_int_equal(tokenizer_vocabulary(tokenizer), bpe_train_vocabulary(trained));
    return tokenizer;
}

static void assert_same_merges(const struct bpe_trained *a, const struct bpe_trained *b)
{
    assert_int_equal(a->merge_count, b->merge_count);
    for (size_t i = 0; i < a->merge_count; i++) {
        assert_int_equal(a->merges[i].left, b->merges[i].left);
        assert_int_equal(a->merges[i].right, b->merges[i].right);
    }
}

/* ---- the published example ------------------------------------------------------------------- */

static void encode_token(const struct bpe_trained *trained, uint32_t symbol, struct buffer *out)
{
    for (uint32_t i = 0; i < trained->tokens[symbol].length; i++) {
        char text[2];
        const char byte = trained->bytes.bytes[trained->tokens[symbol].at + i];
        const size_t width = vocabulary_alphabet_encode((unsigned char)byte, text);
        assert_int_equal(buffer_append(out, text, width, NULL), PRIMER_OK);
    }
}

/* The merges as merges.txt has them, a line each. */
static struct buffer merge_lines(const struct bpe_trained *trained)
{
    struct buffer lines = {0};
    for (size_t i = 0; i < trained->merge_count; i++) {
        encode_token(trained, trained->merges[i].left, &lines);
        assert_int_equal(buffer_text(&lines, " ", NULL), PRIMER_OK);
        encode_token(trained, trained->merges[i].right, &lines);
        assert_int_equal(buffer_text(&lines, "\n", NULL), PRIMER_OK);
    }
    return lines;
}

static void test_reference_merges(void **state)
{
    (void)state;
    const char *path = helper_shared(REFERENCE "train-bpe-reference-merges.txt");
    if (path == NULL)
        skip();
    struct buffer expected = helper_read(path);
    while (expected.bytes[expected.length - 1] == '\n')
        expected.length--;
    struct bpe_train_options options = {
        .vocabulary = 500, .special = end_of_text, .special_count = 1};
    for (options.threads = 1; options.threads <= 2; options.threads++) {
        for (options.part = 0; options.part <= 5000; options.part += 2500) {
            struct bpe_trained *const trained =
                train_file(helper_shared(REFERENCE "corpus.en"), &options);
            struct buffer lines = merge_lines(trained);
            assert_int_equal(trained->merge_count, 243);
            assert_int_equal(lines.length, expected.length + 1);
            assert_memory_equal(lines.bytes, expected.bytes, expected.length);
            buffer_free(&lines);
            bpe_train_free(trained);
        }
    }
    buffer_free(&expected);
}

/* The ids of the published vocabulary: a line `"text": id,` each. */
static void test_reference_vocabulary(void **state)
{
    (void)state;
    const char *path = helper_shared(REFERENCE "train-bpe-reference-vocab.json");
    if (path == NULL)
        skip();
    struct buffer expected = helper_read(path);
    const struct bpe_train_options options = {
        .vocabulary = 500, .special = end_of_text, .special_count = 1};
    struct bpe_trained *const trained = train_file(helper_shared(REFERENCE "corpus.en"), &options);
    assert_int_equal(bpe_train_vocabulary(trained), 500);
    struct buffer line = {0};
    assert_non_null(strstr(expected.bytes, "\n    \"<|endoftext|>\": 0,\n"));
    for (uint32_t symbol = 0; symbol < 256 + 243; symbol++) {
        struct buffer token = {0};
        encode_token(trained, symbol, &token);
        buffer_clear(&line);
        const bool escaped = strcmp(token.bytes, "\"") == 0 || strcmp(token.bytes, "\\") == 0;
        assert_int_equal(buffer_format(&line, NULL, "\n    \"%s%s\": %d%s", escaped ? "\\" : "",
                                       token.bytes, bpe_train_id(trained, symbol),
                                       symbol == 256 + 242 ? "\n}" : ",\n"),
                         PRIMER_OK);
        if (strstr(expected.bytes, line.bytes) == NULL)
            fail_msg("the published vocabulary has no line '%s'", line.bytes);
        buffer_free(&token);
    }
    buffer_free(&line);
    buffer_free(&expected);
    bpe_train_free(trained);
}

/* ---- the plain definition -------------------------------------------------------------------- */

static void compare_to_plain(const struct bpe_trained *trained, const char *text, size_t length,
                             uint64_t least)
{
    struct bpe_train_plain *const plain = calloc(1, sizeof *plain);
    bpe_train_plain_cut(plain, &trained->pattern.pattern, text, length);
    for (size_t i = 0; i < 256; i++)
        plain->tokens[plain->token_count++] = (struct bpe_train_plain_token){{(char)i}, 1};
    for (size_t i = 0; i < PLAIN_MERGES; i++) {
        uint32_t left = 0, right = 0;
        if (!bpe_train_plain_best(plain, least, &left, &right)) {
            assert_int_equal(trained->merge_count, i);
            break;
        }
        assert_true(i < trained->merge_count);
        assert_int_equal(trained->merges[i].left, left);
        assert_int_equal(trained->merges[i].right, right);
        bpe_train_plain_join(plain, left, right);
    }
    free(plain->symbols);
    free(plain);
}

/* Words of few letters, so that pairs overlap ("aaab") and counts are equal often; with special
 * tokens, digits, several bytes a character and bytes that are none. */
static size_t random_text(struct random *random, char *out, size_t length)
{
    static const char *const parts[] = {"a",   "a",  "b",        "b",    "c",
                                        " ",   " ",  "\n",       "'s",   "12",
                                        "3",   ".",  "\xC3\xA9", "\xFF", "\xE2\x82\xAC",
                                        "  x", "aa", "<|",       "ab",   "<|endoftext|>"};
    const size_t kinds = 2 + random_below(random, sizeof parts / sizeof parts[0] - 1);
    size_t written = 0;
    while (written + 16 < length) {
        const char *const part = parts[random_below(random, kinds)];
        memcpy(out + written, part, strlen(part));
        written += strlen(part);
    }
    return written;
}

static void test_equal_to_definition(void **state)
{
    (void)state;
    static const char *const patterns[] = {NULL, "llama-bpe", "starcoder", "[ab]+|\\s+"};
    struct random random;
    random_seed(&random, 5);
    char text[3000];
    for (size_t round = 0; round < 48; round++) {
        const size_t length = random_text(&random, text, 40 + random_below(&random, 2900));
        const struct bpe_train_options options = {
            .vocabulary = 256 + PLAIN_MERGES + 1,
            .pattern = patterns[round % 4],
            .split_digits = round % 4 == 3 && round % 8 == 3,
            .least_count = round % 3 == 0 ? 1 + round % 5 : 0,
            .fewer = true,
            .special = end_of_text,
            .special_count = 1,
            .threads = 1 + round % 2,
            .part = round % 5 == 0 ? 0 : 16 + round,
        };
        struct bpe_trained *const trained = train_text(text, length, &options);
        compare_to_plain(trained, text, length, options.least_count == 0 ? 2 : options.least_count);
        bpe_train_free(trained);
    }
}

/* A piece as long as the text: its tokens double until they reach the limit. */
static void test_long_piece(void **state)
{
    (void)state;
    char *const text = malloc(100000);
    memset(text, 'a', 100000);
    const struct bpe_train_options options = {.vocabulary = 300, .fewer = true};
    struct bpe_trained *const trained = train_text(text, 100000, &options);
    size_t longest = 0;
    for (size_t i = 0; i < 256 + trained->merge_count; i++) {
        if (trained->tokens[i].length > longest)
            longest = trained->tokens[i].length;
    }
    assert_true(longest > 1024);
    assert_true(longest <= BPE_TRAIN_TOKEN_MOST);
    assert_int_equal(trained->distinct, 1);
    struct tokenizer *const tokenizer = save_and_load(trained, ".gguf");
    helper_round_trip(tokenizer, text, 10000, 0);
    tokenizer_free(tokenizer);
    bpe_train_free(trained);
    free(text);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* Wherever the borders between threads lie, every piece is counted once and whole. */
static void test_parts(void **state)
{
    (void)state;
    static const char *const patterns[] = {"gpt-2",     "llama-bpe",    "qwen2",  "starcoder",
                                           "falcon",    "gpt-4o",       "tekken", "default",
                                           "\\S+|\\s+", "[a-z ]{2,5}|."};
    struct random random;
    random_seed(&random, 6);
    char text[6000];
    size_t length = random_text(&random, text, 3000);
    length += (size_t)snprintf(text + length, sizeof text - length,
                               "It's the \xD0\xBC\xD0\xB8\xD1\x80 (caf\xC3\xA9 No. 12) -- don't\n\n"
                               "you?\r\n \xE4\xBD\xA0\xE5\xA5\xBD \xE3\x80\x82\n 3 5.5 I'LL x/\n");
    length += random_text(&random, text + length, 2500);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct bpe_train_options options = {.vocabulary = 400,
                                            .pattern = patterns[i],
                                            .fewer = true,
                                            .special = end_of_text,
                                            .special_count = 1,
                                            .threads = 1};
        struct bpe_trained *const whole = train_text(text, length, &options);
        for (options.part = 1; options.part < 100; options.part += 13) {
            options.threads = 1 + options.part % 3;
            struct bpe_trained *const parted = train_text(text, length, &options);
            assert_same_merges(whole, parted);
            assert_int_equal(whole->pieces, parted->pieces);
            assert_int_equal(whole->distinct, parted->distinct);
            bpe_train_free(parted);
        }
        bpe_train_free(whole);
    }
}

/* Two special tokens of which one begins as the other does: the longer one is the border. */
static void test_special_borders(void **state)
{
    (void)state;
    static const char *const special[] = {"<end>", "<end> of text>", "xy"};
    static const char text[] = "abab<end> of text>abab<end>ababxyab abab<end> of abab";
    struct bpe_train_options options = {
        .vocabulary = 262, .special = special, .special_count = 3, .threads = 2};
    for (options.part = 1; options.part < 60; options.part++) {
        struct bpe_trained *const trained = train_text(text, strlen(text), &options);
        /* abab, abab, abab, ab, " abab", " of", " abab" */
        assert_int_equal(trained->pieces, 7);
        assert_int_equal(trained->distinct, 4);
        assert_int_equal(trained->merges[0].left, 'a');
        assert_int_equal(trained->merges[0].right, 'b');
        assert_int_equal(trained->last_count, 2);
        bpe_train_free(trained);
    }
}

/* ---- files that come out --------------------------------------------------------------------- */

/* The ids by applying the merges one after the other to the whole list, as they were learned. */
static void encode_plainly(const struct bpe_trained *trained, const char *text, size_t length,
                           struct token_list *out)
{
    struct bpe_train_plain *const plain = calloc(1, sizeof *plain);
    bpe_train_plain_cut(plain, &trained->pattern.pattern, text, length);
    for (uint32_t merge = 0; merge < trained->merge_count; merge++) {
        size_t kept = 0;
        for (size_t i = 0; i < plain->count; i++) {
            const bool here = i + 1 < plain->count &&
                              plain->symbols[i] == trained->merges[merge].left &&
                              plain->symbols[i + 1] == trained->merges[merge].right;
            plain->symbols[kept++] = here ? 256 + merge : plain->symbols[i];
            i += here;
        }
        plain->count = kept;
    }
    for (size_t i = 0; i < plain->count; i++) {
        if (plain->symbols[i] != UINT32_MAX)
            assert_int_equal(token_list_append(out, bpe_train_id(trained, plain->symbols[i]), NULL),
                             PRIMER_OK);
    }
    free(plain->symbols);
    free(plain);
}

static void check_encoding(const struct bpe_trained *trained, const struct tokenizer *tokenizer,
                           struct random *random)
{
    char text[600];
    for (size_t round = 0; round < 40; round++) {
        size_t length = random_text(random, text, 30 + random_below(random, 500));
        /* No special token in it: that isn't a matter of merges. */
        for (char *at = text; (at = memmem(at, length - (size_t)(at - text), "<|end", 5)) != NULL;)
            *at = '-';
        for (size_t i = 0; round % 2 == 1 && i < length; i++)
            text[i] = (char)random_u64(random);
        struct token_list expected = {0};
        struct token_list found = helper_encode(tokenizer, text, length, 0);
        encode_plainly(trained, text, length, &expected);
        assert_int_equal(found.count, expected.count);
        if (found.count > 0)
            assert_memory_equal(found.ids, expected.ids, found.count * sizeof *found.ids);
        helper_round_trip(tokenizer, text, length, 0);
        token_list_free(&found);
        token_list_free(&expected);
    }
}

static void check_special(const struct tokenizer *tokenizer, int32_t id)
{
    assert_int_equal(tokenizer_find(tokenizer, BPE_TRAIN_PLAIN_END, strlen(BPE_TRAIN_PLAIN_END)),
                     id);
    assert_int_equal(tokenizer_eos(tokenizer), id);
    assert_int_equal(tokenizer_bos(tokenizer), id);
    assert_true(tokenizer_is_control(tokenizer, id));
    assert_true(tokenizer_ends(tokenizer, id));
    assert_false(tokenizer_adds_bos(tokenizer));
    struct token_list ids =
        helper_encode(tokenizer, BPE_TRAIN_PLAIN_END, strlen(BPE_TRAIN_PLAIN_END),
                      TOKENIZER_SPECIAL | TOKENIZER_BOS);
    assert_int_equal(ids.count, 1);
    assert_int_equal(ids.ids[0], id);
    token_list_free(&ids);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name; /* name: what the GGUF says; NULL: no GGUF, "-": no JSON */
        bool split_digits, special_last, no_json;
    } cases[] = {
        {NULL, "gpt-2", false, false, false},
        {NULL, "starcoder", true, true, false},
        {"phi-2", "phi-2", false, true, false},
        {"llama-bpe", "llama-bpe", false, false, false},
        {"llama-bpe", "qwen2", true, false, false},
        {"smollm", "smollm", true, false, false},
        {"falcon", "falcon", false, false, true},
        {"tekken", "tekken", true, false, true},
        {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
         "gpt-2", false, false, false},
        {"[^\\s\"]+|\\s+", NULL, false, false, false},
        {"[^\\s\"]+|\\s+", NULL, true, false, false},
    };
    struct random random;
    random_seed(&random, 7);
    char text[4000];
    const size_t length = random_text(&random, text, sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bpe_train_options options = {.vocabulary = 330,
                                                  .pattern = cases[i].pattern,
                                                  .split_digits = cases[i].split_digits,
                                                  .fewer = true,
                                                  .special = end_of_text,
                                                  .special_count = 1,
                                                  .special_last = cases[i].special_last};
        struct bpe_trained *const trained = train_text(text, length, &options);
        const int32_t special =
            cases[i].special_last ? (int32_t)bpe_train_vocabulary(trained) - 1 : 0;
        assert_true(trained->merge_count > 20);
        assert_string_equal(trained->pattern.name, cases[i].name == NULL ? "" : cases[i].name);
        for (size_t kind = 0; kind < 2; kind++) {
            const bool json = kind == 1;
            if (json ? cases[i].no_json : cases[i].name == NULL) {
                primer_error error = {0};
                assert_int_equal(
                    bpe_train_write(trained, file_name(1, json ? ".json" : ".gguf"), &error),
                    PRIMER_EUNSUPPORTED);
                assert_false(file_exists(file_name(1, json ? ".json" : ".gguf")));
                continue;
            }
            struct tokenizer *const tokenizer = save_and_load(trained, json ? ".json" : ".gguf");
            check_encoding(trained, tokenizer, &random);
            check_special(tokenizer, special);
            tokenizer_free(tokenizer);
        }
        bpe_train_free(trained);
    }
}

static void test_digits(void **state)
{
    (void)state;
    static const char text[] = "in 1999 and 1999 and 1999 1999";
    const struct bpe_train_options together = {.vocabulary = 400, .fewer = true};
    const struct bpe_train_options alone = {.vocabulary = 400, .fewer = true, .split_digits = true};
    struct bpe_trained *trained = train_text(text, strlen(text), &together);
    struct tokenizer *tokenizer = save_and_load(trained, ".gguf");
    struct token_list ids = helper_encode(tokenizer, " 1999", 5, 0);
    assert_int_equal(ids.count, 1);
    token_list_free(&ids);
    tokenizer_free(tokenizer);
    bpe_train_free(trained);

    trained = train_text(text, strlen(text), &alone);
    tokenizer = save_and_load(trained, ".gguf");
    ids = helper_encode(tokenizer, " 1999", 5, 0);
    assert_int_equal(ids.count, 5);
    assert_int_equal(ids.ids[2], bpe_train_id(trained, '9'));
    assert_int_equal(ids.ids[2], ids.ids[4]);
    token_list_free(&ids);
    tokenizer_free(tokenizer);
    bpe_train_free(trained);
}

/* A special token that is how a merged token would be written: the merge is passed over. The same
 * for texts that every tokenizer takes for the end. */
static void test_refused_tokens(void **state)
{
    (void)state;
    static const char *const special[] = {"\xC4\xA0the"};
    static const char text[] = "on the on the on the on the </s></s></s>";
    const struct bpe_train_options options = {.vocabulary = 400,
                                              .pattern = "\\s?\\S+",
                                              .fewer = true,
                                              .special = special,
                                              .special_count = 1};
    struct bpe_trained *const trained = train_text(text, strlen(text), &options);
    for (uint32_t i = 0; i < 256 + trained->merge_count; i++) {
        const char *const bytes = trained->bytes.bytes + trained->tokens[i].at;
        assert_false(trained->tokens[i].length == 4 && memcmp(bytes, " the", 4) == 0);
        assert_false(trained->tokens[i].length == 4 && memcmp(bytes, "</s>", 4) == 0);
    }
    struct tokenizer *const tokenizer = save_and_load(trained, ".json");
    helper_round_trip(tokenizer, text, strlen(text), 0);
    tokenizer_free(tokenizer);
    bpe_train_free(trained);
}

static void test_characters(void **state)
{
    (void)state;
    static const char text[] = "First Citizen:\nBefore \xC3\xA9\xC3\xA8 \xE2\x82\xAC\xE2\x82\xAD "
                               "\xF0\x9F\x98\x80<|endoftext|>any";
    /* Merges: two that begin with C3; E2 82 and two that begin so; three of F0. */
    const struct bpe_train_options options = {
        .characters = true, .special = end_of_text, .special_count = 1, .part = 5};
    struct bpe_trained *const trained = train_text(text, strlen(text), &options);
    const size_t length = (size_t)(strstr(text, BPE_TRAIN_PLAIN_END) - text);
    bool seen[256] = {false};
    size_t bytes = 0, characters = 0;
    for (size_t i = 0; i < length; i++)
        characters += ((unsigned char)text[i] & 0xC0) != 0x80;
    for (const char *at = text; *at != '\0'; at++) {
        if (strncmp(at, BPE_TRAIN_PLAIN_END, strlen(BPE_TRAIN_PLAIN_END)) == 0)
            at += strlen(BPE_TRAIN_PLAIN_END);
        bytes += !seen[(unsigned char)*at];
        seen[(unsigned char)*at] = true;
    }
    assert_int_equal(trained->byte_count, bytes);
    assert_int_equal(trained->merge_count, 2 + 3 + 3);
    assert_int_equal(bpe_train_vocabulary(trained), 1 + bytes + 8);
    for (size_t kind = 0; kind < 2; kind++) {
        struct tokenizer *const tokenizer = save_and_load(trained, kind == 0 ? ".gguf" : ".json");
        struct token_list ids = helper_encode(tokenizer, text, length, 0);
        assert_int_equal(ids.count, characters);
        token_list_free(&ids);
        helper_round_trip(tokenizer, text, length, 0);
        primer_error error = {0};
        assert_int_equal(tokenizer_encode(tokenizer, "Q", 1, 0, &ids, &error), PRIMER_EUNSUPPORTED);
        assert_non_null(strstr(error.message, "'Q'"));
        token_list_free(&ids);
        tokenizer_free(tokenizer);
    }
    bpe_train_free(trained);
}

/* ---- limits and errors ----------------------------------------------------------------------- */

/* A table that is too small for the text's words forgets rare ones, says how many, and the result
 * doesn't depend on the threads. */
static void test_forgetting(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (unsigned i = 0; i < 20000; i++)
        assert_int_equal(buffer_format(&text, NULL, "common word%c%c%c a ", 'a' + (int)(i % 26),
                                       'a' + (int)(i / 26 % 26), 'a' + (int)(i / 676 % 26)),
                         PRIMER_OK);
    struct bpe_train_options options = {
        .vocabulary = 300, .fewer = true, .pieces_most = 1000, .part = 200, .threads = 1};
    struct bpe_trained *const one = train_text(text.bytes, text.length, &options);
    options.threads = 3;
    struct bpe_trained *const three = train_text(text.bytes, text.length, &options);
    options.pieces_most = 0;
    struct bpe_trained *const all = train_text(text.bytes, text.length, &options);
    assert_int_equal(all->forgotten, 0);
    assert_int_equal(all->pieces, one->pieces);
    assert_true(all->distinct > 17000);
    assert_true(one->distinct <= 1000);
    assert_true(one->forgotten >= 16000);
    assert_true(one->forgotten_pieces > 0 && one->forgotten_pieces <= one->forgotten);
    assert_int_equal(one->forgotten, three->forgotten);
    assert_int_equal(one->forgotten_pieces, three->forgotten_pieces);
    assert_same_merges(one, three);
    bpe_train_free(one);
    bpe_train_free(three);
    bpe_train_free(all);

    /* By bytes. */
    options.bytes_most = 500;
    struct bpe_trained *const few = train_text(text.bytes, text.length, &options);
    assert_true(few->distinct < 60);
    assert_true(few->forgotten > 0);
    bpe_train_free(few);
    buffer_free(&text);
}

static void test_errors(void **state)
{
    (void)state;
    static const char *const twice[] = {"<a>", "<a>"}, *const byte[] = {"\xC4\xA0"},
                             *const empty[] = {""}, *const invalid[] = {"\xFF"};
    static const struct {
        struct bpe_train_options options;
        const char *text;
        primer_status status;
        const char *message;
    } cases[] = {
        {{.vocabulary = 300}, "", PRIMER_EINVAL, "there is no text"},
        {{.vocabulary = 255}, "ab", PRIMER_EINVAL, "found 255, expected at least 256"},
        {{.vocabulary = 256, .special = end_of_text, .special_count = 1},
         "ab",
         PRIMER_EINVAL,
         "at least 257"},
        {{.vocabulary = 2000000}, "ab", PRIMER_ELIMIT, "at most 1048576"},
        {{.vocabulary = 300}, "abab abab", PRIMER_EINVAL, "2 times after 258"},
        {{.vocabulary = 300, .characters = true}, "ab", PRIMER_EINVAL, "characters"},
        {{.vocabulary = 300, .pattern = "no-such"}, "ab", PRIMER_EUNSUPPORTED, "'no-such'"},
        {{.vocabulary = 300, .pattern = "(x"}, "ab", PRIMER_EFORMAT, "pattern, offset 2"},
        {{.vocabulary = 300, .pattern = ""}, "ab", PRIMER_EINVAL, "pattern"},
        {{.vocabulary = 300, .pattern = "falcon", .split_digits = true},
         "ab",
         PRIMER_EUNSUPPORTED,
         "'falcon'"},
        {{.vocabulary = 300, .special = twice, .special_count = 2}, "ab", PRIMER_EINVAL, "twice"},
        {{.vocabulary = 300, .special = byte, .special_count = 1}, "ab", PRIMER_EINVAL, "byte"},
        {{.vocabulary = 300, .special = empty, .special_count = 1}, "ab", PRIMER_EINVAL, "empty"},
        {{.vocabulary = 300, .special = invalid, .special_count = 1}, "ab", PRIMER_EINVAL, "UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        primer_error error = {0};
        assert_int_equal(refuse_text(cases[i].text, &cases[i].options, &error), cases[i].status);
        if (strstr(error.message, cases[i].message) == NULL)
            fail_msg("'%s' lacks '%s'", error.message, cases[i].message);
    }
    primer_error error = {0};
    struct bpe_trained *trained = NULL;
    const struct bpe_train_options options = {.vocabulary = 300};
    const char *const paths[] = {"/nonexistent/text", "/tmp"};
    assert_int_equal(bpe_train(paths, 1, &options, &trained, &error), PRIMER_EIO);
    assert_non_null(strstr(error.message, "/nonexistent/text"));
    assert_int_equal(bpe_train(paths + 1, 1, &options, &trained, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "folder"));
    assert_int_equal(bpe_train(paths, 0, &options, &trained, &error), PRIMER_EINVAL);
    assert_null(trained);
}

/* Exactly the bytes and the special token, and a file of no merges. */
static void test_no_merges(void **state)
{
    (void)state;
    const struct bpe_train_options options = {
        .vocabulary = 257, .special = end_of_text, .special_count = 1};
    struct bpe_trained *const trained = train_text("some text", 9, &options);
    assert_int_equal(trained->merge_count, 0);
    for (size_t kind = 0; kind < 2; kind++) {
        struct tokenizer *const tokenizer = save_and_load(trained, kind == 0 ? ".gguf" : ".json");
        struct token_list ids = helper_encode(tokenizer, "some text", 9, 0);
        assert_int_equal(ids.count, 9);
        token_list_free(&ids);
        tokenizer_free(tokenizer);
    }
    bpe_train_free(trained);
}

struct told {
    uint64_t calls, stop_at;
    uint64_t last_counting, last_merging;
};

static bool tell(void *context, const char *what, uint64_t done, uint64_t all)
{
    struct told *const told = context;
    uint64_t *const last =
        strcmp(what, "counting") == 0 ? &told->last_counting : &told->last_merging;
    assert_true(done <= all);
    assert_true(done >= *last);
    *last = done;
    return told->calls++ != told->stop_at;
}

static void test_progress(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_format(&text, NULL, "word %d and more\n", i), PRIMER_OK);
    struct told told = {.stop_at = UINT64_MAX};
    struct bpe_train_options options = {
        .vocabulary = 300, .part = 16, .progress = tell, .context = &told};
    bpe_train_free(train_text(text.bytes, text.length, &options));
    assert_int_equal(told.last_counting, text.length);
    const uint64_t calls = told.calls;
    assert_true(calls > 10);
    const char *const path = write_text(0, text.bytes, text.length);
    for (uint64_t stop = 0; stop < calls; stop++) {
        primer_error error = {0};
        struct bpe_trained *trained = NULL;
        told = (struct told){.stop_at = stop};
        assert_int_equal(bpe_train(&path, 1, &options, &trained, &error), PRIMER_ECANCELED);
        assert_null(trained);
    }
    unlink(path);
    buffer_free(&text);
}

/* Every allocation fails once: an error, and no part of a file. */
static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "abab abab a-very-long-word-that-is-no-short-one abab 12 "
                               "a-very-long-word-that-is-no-short-one<|endoftext|>ab";
    const struct bpe_train_options options = {.vocabulary = 265,
                                              .pattern = "\\S+|\\s+",
                                              .fewer = true,
                                              .special = end_of_text,
                                              .special_count = 1,
                                              .threads = 1};
    const char *const path = write_text(0, text, strlen(text));
    const char *const out = file_name(1, ".json");
    size_t failed = 0, needed = SIZE_MAX;
    for (size_t n = 0; n < needed; n++) {
        primer_error error = {0};
        struct bpe_trained *trained = NULL;
        const size_t before = memory_allocation_count();
        memory_fail_at(n);
        primer_status status = bpe_train(&path, 1, &options, &trained, &error);
        if (status == PRIMER_OK)
            status = bpe_train_write(trained, out, &error);
        memory_fail_at(SIZE_MAX);
        bpe_train_free(trained);
        if (status == PRIMER_OK) { /* or PCRE2 did without */
            if (memory_allocation_count() - before <= n)
                needed = n;
            unlink(out);
            continue;
        }
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_int_equal(error.status, PRIMER_ENOMEM);
        if (file_exists(out)) /* whole: its folder could not be flushed */
            tokenizer_free(helper_load(out));
        unlink(out);
        failed++;
    }
    assert_true(failed > 30);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_merges),
        cmocka_unit_test(test_reference_vocabulary),
        cmocka_unit_test(test_equal_to_definition),
        cmocka_unit_test(test_long_piece),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_special_borders),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_refused_tokens),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_merges),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
