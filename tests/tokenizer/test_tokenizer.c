/* test_tokenizer.c - real vocabularies: known ids, text that comes back, streams, linear time.
 *
 * *.test beside this file: "vocabulary FILE" (of the shared data), then pairs of lines "text |...|"
 * (or "special |...|": special tokens count as such) and "ids 1 2 3"; \n \t \r \\ \xNN in the text.
 */
#include "tokenizer/tokenizer.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/utf8.h"
#include "tokenizer/stream.h"
#include "tokenizer_helper.h"

#define VOCABULARIES "data/tok-llamacpp-vocab/ggml-vocab-"
static const char *const real[] = {
    VOCABULARIES "gpt-2.gguf", VOCABULARIES "phi-3.gguf", "data/tok-phi/phi-2/tokenizer.json",
    "data/tok-phi/phi-3-mini/tokenizer.json", "models/stories260K.gguf"};
enum { REAL = sizeof real / sizeof real[0] };

/* ---- known ids ---- */

static size_t unescape(const char *from, size_t length, char *to)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        if (from[i] != '\\') {
            to[written++] = from[i];
            continue;
        }
        i++;
        if (from[i] == 'x') {
            const char digits[3] = {from[i + 1], from[i + 2], '\0'};
            to[written++] = (char)strtol(digits, NULL, 16);
            i += 2;
        } else {
            to[written++] = from[i] == 'n'   ? '\n'
                            : from[i] == 't' ? '\t'
                            : from[i] == 'r' ? '\r'
                                             : from[i];
        }
    }
    return written;
}

/* Returns how many texts were compared; 0 where the vocabulary isn't there. */
static size_t check_file(const char *path)
{
    struct buffer lines = helper_read(path);
    struct tokenizer *tokenizer = NULL;
    size_t checked = 0;
    for (char *line = strtok(lines.bytes, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (*line == '#')
            continue;
        if (strncmp(line, "vocabulary ", 11) == 0) {
            const char *const file = helper_shared(line + 11);
            if (file == NULL)
                break;
            tokenizer = helper_load(file);
            continue;
        }
        const unsigned flags = strncmp(line, "special ", 8) == 0 ? TOKENIZER_SPECIAL : 0;
        char *const from = strchr(line, '|') + 1, *const ids = strtok(NULL, "\n");
        char text[1024];
        const size_t length = unescape(from, strlen(from) - 1, text);
        assert_true(tokenizer != NULL && ids != NULL && strncmp(ids, "ids", 3) == 0);
        helper_expect(tokenizer, text, length, flags, ids[3] == ' ' ? ids + 4 : "");
        if (flags == 0)
            helper_round_trip(tokenizer, text, length, flags);
        checked++;
    }
    tokenizer_free(tokenizer);
    buffer_free(&lines);
    return checked;
}

static void test_known_ids(void **state)
{
    (void)state;
    size_t checked = 0, files = 0;
    DIR *const folder = opendir("tests/tokenizer");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const size_t length = strlen(entry->d_name);
        char path[512];
        if (length < 6 || strcmp(entry->d_name + length - 5, ".test") != 0)
            continue;
        snprintf(path, sizeof path, "tests/tokenizer/%s", entry->d_name);
        checked += check_file(path);
        files++;
    }
    closedir(folder);
    assert_true(files >= 4);
    if (checked == 0)
        skip();
}

/* llama.cpp's 46 texts and the ids it ships with them. */
static void check_shipped(const char *vocabulary, const char *answers)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    const char *path = helper_shared(vocabulary);
    if (path == NULL)
        skip();
    struct tokenizer *const tokenizer = helper_load(path);
    struct buffer texts = helper_read(helper_shared(VOCABULARIES "ALL.gguf.inp"));
    struct buffer ids = helper_read(helper_shared(answers));
    char *text = texts.bytes, *line = ids.bytes;
    size_t checked = 0;
    for (; *line != '\0'; checked++) {
        char *const end = strchr(line, '\n');
        *end = '\0';
        char *const stop = strstr(text, separator);
        assert_non_null(stop);
        helper_expect(tokenizer, text, (size_t)(stop - text), 0, *line == ' ' ? line + 1 : line);
        helper_round_trip(tokenizer, text, (size_t)(stop - text), 0);
        text = stop + sizeof separator - 1;
        line = end + 1;
    }
    assert_int_equal(checked, 46);
    buffer_free(&texts);
    buffer_free(&ids);
    tokenizer_free(tokenizer);
}

static void test_gpt2(void **state)
{
    (void)state;
    check_shipped(VOCABULARIES "gpt-2.gguf", VOCABULARIES "gpt-2.gguf.out");
}

static void test_phi3(void **state)
{
    (void)state;
    check_shipped(VOCABULARIES "phi-3.gguf", VOCABULARIES "phi-3.gguf.out");
    check_shipped("data/tok-phi/phi-3-mini/tokenizer.json", VOCABULARIES "phi-3.gguf.out");
}

static void test_llama_spm(void **state)
{
    (void)state;
    check_shipped(VOCABULARIES "phi-3.gguf", VOCABULARIES "llama-spm.gguf.out");
}

/* ---- properties ---- */

static void test_marks(void **state)
{
    (void)state;
    static const struct {
        size_t vocabulary;
        int32_t bos, eos, ends;
        bool adds_bos;
    } expected[REAL] = {{50257, 50256, 50256, 50256, false},
                        {32064, 1, 32000, 32007, true},
                        {50295, 50256, 50256, 50256, false},
                        {32011, 1, 2, 32007, false},
                        {512, 1, 2, 2, true}};
    for (size_t i = 0; i < REAL; i++) {
        const char *const path = helper_shared(real[i]);
        if (path == NULL)
            skip();
        struct tokenizer *const tokenizer = helper_load(path);
        assert_int_equal(tokenizer_vocabulary(tokenizer), expected[i].vocabulary);
        assert_int_equal(tokenizer_bos(tokenizer), expected[i].bos);
        assert_int_equal(tokenizer_eos(tokenizer), expected[i].eos);
        assert_int_equal(tokenizer_adds_bos(tokenizer), expected[i].adds_bos);
        assert_true(tokenizer_ends(tokenizer, expected[i].ends));
        assert_true(tokenizer_is_control(tokenizer, expected[i].eos));
        assert_false(tokenizer_ends(tokenizer, -1));
        assert_false(tokenizer_ends(tokenizer, 300));
        struct token_list ids = helper_encode(tokenizer, " the", 4, TOKENIZER_CONTINUE);
        assert_int_equal(ids.count, 1);
        assert_int_equal(tokenizer_find(tokenizer, " the", 4), ids.ids[0]);
        token_list_free(&ids);
        size_t length = 9;
        assert_null(tokenizer_bytes(tokenizer, -1, false, &length));
        assert_null(tokenizer_bytes(tokenizer, (int32_t)expected[i].vocabulary, false, &length));
        assert_int_equal(length, 0);
        tokenizer_bytes(tokenizer, expected[i].eos, false, &length);
        assert_int_equal(length, 0);
        tokenizer_bytes(tokenizer, expected[i].eos, true, &length);
        assert_true(length > 3 && length <= tokenizer_longest(tokenizer));
        tokenizer_free(tokenizer);
    }
}

static size_t random_bytes(struct random *random, char *out, size_t capacity)
{
    const size_t length = random_below(random, capacity);
    const uint64_t kind = random_below(random, 4);
    size_t at = 0;
    while (at < length) {
        char character[4];
        const uint64_t below = kind == 0 ? 256 : kind == 1 ? 0x110000 : kind == 2 ? 0x3000 : 128;
        const uint32_t value = (uint32_t)random_below(random, below);
        size_t width = 1;
        character[0] = (char)(value & 0xFF);
        if (kind != 0 && value != 0x2581) /* "▁" itself is how the vocabulary writes a space */
            width = utf8_encode(value, character);
        if (at + width > length)
            break;
        memcpy(out + at, character, width);
        at += width;
    }
    return at;
}

/* Whatever bytes go in come out: random bytes, valid and broken UTF-8. */
static void test_round_trip(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 11);
    for (size_t i = 0; i < REAL; i++) {
        const char *const path = helper_shared(real[i]);
        if (path == NULL)
            skip();
        struct tokenizer *const tokenizer = helper_load(path);
        for (int j = 0; j < 300; j++) {
            char text[600];
            const size_t length = random_bytes(&random, text, j < 200 ? 40 : sizeof text);
            helper_round_trip(tokenizer, text, length, 0);
            helper_round_trip(tokenizer, text, length, TOKENIZER_CONTINUE);
            helper_round_trip(tokenizer, text, length, TOKENIZER_SPECIAL);
        }
        tokenizer_free(tokenizer);
    }
}

/* Special tokens in a text come back too, where the vocabulary doesn't let them take white space.
 */
static void test_special_round_trip(void **state)
{
    (void)state;
    static const char *const files[] = {"models/stories260K.gguf", VOCABULARIES "gpt-2.gguf"};
    static const char *const texts[] = {"<s>",
                                        "</s>",
                                        " a<s>b</s> c<s><s>  d ",
                                        "<|endoftext|>",
                                        " x<|endoftext|> y<|endoftext|><|endoftext|>z",
                                        "<s",
                                        "<unk> <unk>"};
    for (size_t i = 0; i < 2; i++) {
        const char *const path = helper_shared(files[i]);
        if (path == NULL)
            skip();
        struct tokenizer *const tokenizer = helper_load(path);
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++)
            helper_round_trip(tokenizer, texts[j], strlen(texts[j]), TOKENIZER_SPECIAL);
        tokenizer_free(tokenizer);
    }
}

/* A text in two parts, the second continuing the first, is the whole text. */
static void test_continue(void **state)
{
    (void)state;
    for (size_t i = 0; i < REAL; i++) {
        const char *const path = helper_shared(real[i]);
        if (path == NULL)
            skip();
        primer_error error = {0};
        struct tokenizer *const tokenizer = helper_load(path);
        struct token_list ids = helper_encode(tokenizer, "Once upon", 9, TOKENIZER_BOS);
        assert_int_equal(
            tokenizer_encode(tokenizer, " a time", 7, TOKENIZER_CONTINUE, &ids, &error), PRIMER_OK);
        struct buffer text = {0};
        assert_int_equal(tokenizer_decode(tokenizer, ids.ids, ids.count, 0, &text, &error),
                         PRIMER_OK);
        assert_string_equal(text.bytes, "Once upon a time");
        buffer_free(&text);
        token_list_free(&ids);
        tokenizer_free(tokenizer);
    }
}

/* ---- streams ---- */

static void stream(const struct tokenizer *tokenizer, const char *text, size_t length, bool valid)
{
    primer_error error = {0};
    struct token_list ids = helper_encode(tokenizer, text, length, 0);
    struct buffer out = {0}, whole = {0};
    struct token_stream state;
    stream_begin(&state, tokenizer, 0);
    for (size_t i = 0; i < ids.count; i++) {
        const size_t before = out.length;
        assert_int_equal(stream_push(&state, ids.ids[i], &out, &error), PRIMER_OK);
        assert_true(state.held_length <= 3);
        if (valid)
            assert_true(utf8_valid(out.bytes + before, out.length - before));
    }
    if (valid)
        assert_int_equal(state.held_length, 0);
    assert_int_equal(stream_flush(&state, &out, &error), PRIMER_OK);
    assert_int_equal(tokenizer_decode(tokenizer, ids.ids, ids.count, 0, &whole, &error), PRIMER_OK);
    assert_int_equal(out.length, whole.length);
    if (length > 0)
        assert_memory_equal(out.bytes, whole.bytes, whole.length);
    assert_int_equal(out.length, length);
    buffer_free(&out);
    buffer_free(&whole);
    token_list_free(&ids);
}

static void test_stream(void **state)
{
    (void)state;
    static const char text[] =
        " Smile \xF0\x9F\x99\x82\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD \xE6\x97\xA5\xE6\x9C\xAC!";
    struct random random;
    random_seed(&random, 12);
    for (size_t i = 0; i < REAL; i++) {
        const char *const path = helper_shared(real[i]);
        if (path == NULL)
            skip();
        struct tokenizer *const tokenizer = helper_load(path);
        stream(tokenizer, text, sizeof text - 1, true);
        stream(tokenizer, text, 0, true);
        for (int j = 0; j < 200; j++) {
            char bytes[200];
            const size_t length = random_bytes(&random, bytes, sizeof bytes);
            stream(tokenizer, bytes, length, utf8_valid(bytes, length));
        }
        struct token_stream other;
        struct buffer out = {0};
        primer_error error = {0};
        stream_begin(&other, tokenizer, 0);
        assert_int_equal(stream_push(&other, -1, &out, &error), PRIMER_EINVAL);
        assert_int_equal(stream_push(&other, 1 << 30, &out, &error), PRIMER_EINVAL);
        assert_int_equal(tokenizer_decode(tokenizer, (int32_t[]){5, -1}, 2, 0, &out, &error),
                         PRIMER_EINVAL);
        assert_int_equal(out.length, 0);
        buffer_free(&out);
        tokenizer_free(tokenizer);
    }
}

/* ---- time ---- */

/* A megabyte that is one word, one run, or nothing that is a character: quadratic work would take
 * hours; the bound leaves room for a sanitizer on a slow machine. */
static void test_linear_time(void **state)
{
    (void)state;
    enum { SIZE = 1000000 };
    char *const text = malloc(SIZE);
    struct random random;
    random_seed(&random, 13);
    for (size_t i = 0; i < REAL; i++) {
        const char *const path = helper_shared(real[i]);
        if (path == NULL) {
            free(text);
            skip();
        }
        struct tokenizer *const tokenizer = helper_load(path);
        for (int kind = 0; kind < 5; kind++) {
            for (size_t j = 0; j < SIZE; j++) {
                static const char fixed[] = {'a', ' ', '\n'};
                text[j] = kind < 3    ? fixed[kind]
                          : kind == 3 ? (char)random_below(&random, 256)
                                      : "etaoinshrdlu"[random_below(&random, 12)];
            }
            const uint64_t start = clock_cpu_nanoseconds();
            helper_round_trip(tokenizer, text, SIZE, 0);
            const double seconds = (double)(clock_cpu_nanoseconds() - start) * 1e-9;
            if (seconds > 10)
                fail_msg("%s: kind %d took %.1f s", real[i], kind, seconds);
        }
        tokenizer_free(tokenizer);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_ids),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_phi3),
        cmocka_unit_test(test_llama_spm),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_special_round_trip),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
