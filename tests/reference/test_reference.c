/*
 * The reference on what was made elsewhere: ggml's blocks and the floats it decodes them to, a
 * trained model's greedy text, and its perplexity on texts twice as long as it was trained for.
 * All of it is data that is not part of this project and whose tests are skipped without it.
 */
#include "reference/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/reference_format.h"

enum { VOCABULARY = 512, BOS = 1 };

/* A file of the shared data, NUL-terminated; the test is skipped if it is absent. */
static char *read_shared(const char *name, size_t *size)
{
    const char *folder = getenv("PRIMER_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "../shared", name);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        print_message("%s isn't there\n", path);
        skip();
    }
    fseek(in, 0, SEEK_END);
    *size = (size_t)ftell(in);
    rewind(in);
    char *bytes = calloc(*size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, in), *size);
    fclose(in);
    return bytes;
}

static reference_model *open_shared(const char *name)
{
    const char *folder = getenv("PRIMER_SHARED");
    char path[1024];
    size_t size;
    free(read_shared(name, &size)); /* skips if need be */
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "../shared", name);
    reference_model *model = NULL;
    reference_error error = {""};
    if (!reference_open(path, &model, &error)) {
        fail_msg("%s", error.message);
    }
    return model;
}

/* Rows of log-probabilities [n][VOCABULARY]; the caller frees them. */
static double *evaluate(const reference_model *model, const reference_self_extend *extend,
                        const uint32_t *ids, size_t n)
{
    reference_error error = {""};
    double *rows = calloc(n, VOCABULARY * sizeof *rows);
    assert_non_null(rows);
    assert_int_equal(reference_vocabulary(model), VOCABULARY);
    if (!reference_evaluate(model, extend, ids, n, rows, &error)) {
        fail_msg("%s", error.message);
    }
    reference_log_softmax(rows, n, VOCABULARY);
    return rows;
}

/* Every format but F32, which has no codes: its blocks decode to ggml's floats, bit for bit. */
static void formats_decode_bit_for_bit(void **state)
{
    static const struct {
        uint32_t type;
        const char *name;
    } rows[] = {{1, "F16"},   {2, "Q4_0"},  {3, "Q4_1"},    {6, "Q5_0"},   {7, "Q5_1"},
                {8, "Q8_0"},  {10, "Q2_K"}, {11, "Q3_K"},   {12, "Q4_K"},  {13, "Q5_K"},
                {14, "Q6_K"}, {30, "BF16"}, {20, "IQ4_NL"}, {23, "IQ4_XS"}};
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        char path[128];
        size_t coded_size;
        size_t expected_size;
        snprintf(path, sizeof path, "vectors/quants/%s.bin", rows[r].name);
        char *coded = read_shared(path, &coded_size);
        snprintf(path, sizeof path, "vectors/quants/%s.f32", rows[r].name);
        char *expected = read_shared(path, &expected_size);
        const reference_format *format = reference_format_find(rows[r].type);
        const size_t count = expected_size / sizeof(float);
        assert_non_null(format);
        assert_string_equal(format->name, rows[r].name);
        assert_int_equal(count % format->length, 0);
        assert_int_equal(count / format->length * format->bytes, coded_size);
        for (size_t i = 0; i < count; i++) {
            const float value = (float)reference_format_at(format, (const uint8_t *)coded, i);
            if (memcmp(&value, expected + i * sizeof value, sizeof value) != 0) {
                fail_msg("%s: element %zu is %a", rows[r].name, i, (double)value);
            }
        }
        free(coded);
        free(expected);
    }
}

/* The greedy continuation of stories260K after BOS, as llama.cpp's token ids have it. */
static const uint32_t greedy[] = {
    1,   403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396,
    267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433, 426, 385, 328, 432, 358, 394, 261,
    370, 432, 352, 266, 268, 388, 426, 338, 391, 266, 267, 337, 335, 312, 432, 398, 312, 286, 267,
    414, 270, 333, 415, 426, 13,  438, 310, 439, 419, 357, 336, 432, 313, 438, 310, 432, 278, 316,
    439, 419, 298, 414, 267, 265, 282, 295, 433, 426, 436, 317, 286, 296, 418, 269, 279, 292, 416,
    439, 413, 409, 416, 327, 263, 415, 294, 267, 400, 426, 338, 336, 432, 313, 442, 391, 267, 337,
    335, 364, 420, 268, 388, 432, 398, 359, 280, 303, 439, 413, 272, 417, 264, 312, 426, 436, 13,
    438, 310, 286, 296, 418, 269, 279, 292, 416, 439, 413, 409, 416, 327, 263, 415, 294, 267, 400,
    426, 338, 336, 432, 313, 442, 439, 423, 262, 304, 420, 422, 432, 317, 426, 359, 279, 292, 416,
    439, 413, 409, 416, 327, 263, 415, 294, 267, 400, 426, 436, 13,  438, 310, 279, 292, 416, 439,
    413, 391, 267, 281, 421, 427, 311, 357, 432};

enum { GREEDY_COUNT = sizeof greedy / sizeof greedy[0] };

/* Appends a SentencePiece token's text: U+2581 is a space, <0xNN> a byte. */
static void append_text(const reference_model *model, uint32_t id, char *text, size_t *length)
{
    const char *piece;
    size_t size;
    assert_true(reference_piece(model, id, &piece, &size));
    if (size == 6 && memcmp(piece, "<0x", 3) == 0) {
        text[(*length)++] = (char)strtoul(piece + 3, NULL, 16);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (size - i >= 3 && memcmp(piece + i, "\xe2\x96\x81", 3) == 0) {
            text[(*length)++] = ' ';
            i += 2;
        } else {
            text[(*length)++] = piece[i];
        }
    }
}

/*
 * Each of the tokens is the most probable after those before it, so they are what the reference
 * itself would continue with; and they spell the expected text.
 */
static void continues_greedily(void **state)
{
    (void)state;
    reference_model *model = open_shared("models/stories260K.gguf");
    double *rows = evaluate(model, NULL, greedy, GREEDY_COUNT);
    char text[2048];
    size_t length = 0;
    for (size_t t = 0; t + 1 < GREEDY_COUNT; t++) {
        uint32_t best = 0;
        for (uint32_t v = 1; v < VOCABULARY; v++) {
            best = rows[t * VOCABULARY + v] > rows[t * VOCABULARY + best] ? v : best;
        }
        assert_int_equal(best, greedy[t + 1]);
        append_text(model, best, text, &length);
    }
    text[length] = '\0';
    size_t expected_size;
    char *expected = read_shared("models/stories260K.expected.txt", &expected_size);
    assert_int_equal(text[0], ' '); /* SentencePiece's, not the text's */
    assert_true(length > 450 && length - 1 <= expected_size);
    expected[length - 1] = '\0';
    assert_string_equal(text + 1, expected);
    assert_string_equal(text + length - 8, "her mom,");
    free(expected);
    free(rows);
    reference_free(model);
}

/*
 * SentencePiece's merging for this vocabulary, where a piece's rank is its id: of all neighbours
 * that make up a piece together, the pair with the lowest id merges first, the leftmost of equals.
 * merged[a][b] is that id, 0 if there is none; built once, a small piece of work.
 */
static uint16_t merged[VOCABULARY][VOCABULARY];

static void prepare_merges(const reference_model *model)
{
    const char *pieces[VOCABULARY];
    size_t sizes[VOCABULARY];
    for (size_t id = 0; id < VOCABULARY; id++) {
        assert_true(reference_piece(model, id, &pieces[id], &sizes[id]));
    }
    for (size_t id = 259; id < VOCABULARY; id++) {
        for (size_t a = 259; a < VOCABULARY; a++) {
            if (sizes[a] >= sizes[id] || memcmp(pieces[id], pieces[a], sizes[a]) != 0) {
                continue;
            }
            const char *rest = pieces[id] + sizes[a];
            for (size_t b = 259; b < VOCABULARY; b++) {
                if (sizes[a] + sizes[b] == sizes[id] && memcmp(rest, pieces[b], sizes[b]) == 0) {
                    merged[a][b] = (uint16_t)id;
                }
            }
        }
    }
}

static uint32_t id_of(const reference_model *model, const char *text, size_t size)
{
    for (uint32_t id = 259; id < VOCABULARY; id++) {
        const char *piece;
        size_t length;
        if (reference_piece(model, id, &piece, &length) && length == size &&
            memcmp(piece, text, size) == 0) {
            return id;
        }
    }
    assert_int_equal(size, 1);
    return 3 + (uint8_t)text[0]; /* a raw byte */
}

/* Appends a story's tokens, BOS first; returns the new count. */
static size_t append_story(const reference_model *model, const char *story, size_t size,
                           uint32_t *ids, size_t count)
{
    const size_t first = count + 1;
    ids[count++] = BOS;
    ids[count++] = id_of(model, "\xe2\x96\x81", 3);
    for (size_t i = 0; i < size; i++) {
        ids[count++] =
            story[i] == ' ' ? id_of(model, "\xe2\x96\x81", 3) : id_of(model, story + i, 1);
    }
    for (;;) {
        size_t where = 0;
        uint16_t lowest = UINT16_MAX;
        for (size_t i = first; i + 1 < count; i++) {
            const uint16_t id = merged[ids[i]][ids[i + 1]];
            if (id != 0 && id < lowest) {
                lowest = id;
                where = i;
            }
        }
        if (lowest == UINT16_MAX) {
            return count;
        }
        ids[where] = lowest;
        memmove(ids + where + 1, ids + where + 2, (count - where - 2) * sizeof *ids);
        count--;
    }
}

/* The first stories of the text file until there are `wanted` tokens; the caller frees them. */
static uint32_t *read_stories(const reference_model *model, size_t wanted)
{
    size_t size;
    char *text = read_shared("data/text-tinystories-sample/tinystories_sample.txt", &size);
    uint32_t *ids = calloc(wanted + 10000, sizeof *ids);
    assert_non_null(ids);
    prepare_merges(model);
    size_t count = 0;
    const char *story = text;
    while (count < wanted) {
        story += strspn(story, "\n ");
        const char *end = strstr(story, "<|endoftext|>");
        assert_non_null(end);
        size_t length = (size_t)(end - story);
        while (length > 0 && strchr("\n ", story[length - 1]) != NULL) {
            length--;
        }
        assert_true(length < 9000);
        count = append_story(model, story, length, ids, count);
        story = end + strlen("<|endoftext|>");
    }
    free(text);
    return ids;
}

/* Windows of `length` tokens from the beginning, each scored over its second half. */
static double perplexity(const reference_model *model, const reference_self_extend *extend,
                         const uint32_t *ids, size_t length, size_t windows)
{
    double loss = 0;
    for (size_t w = 0; w < windows; w++) {
        const uint32_t *part = ids + w * length;
        double *rows = evaluate(model, extend, part, length);
        for (size_t t = length / 2; t + 1 < length; t++) {
            loss -= rows[t * VOCABULARY + part[t + 1]];
        }
        free(rows);
    }
    return exp(loss / (double)(windows * (length / 2 - 1)));
}

/*
 * The figures of an independent computation over the same 8,192 tokens: 3.67 at 512, the length
 * the model was trained on, 3.50 at twice that with Self-Extend (3.97 without).
 */
static void self_extend_reads_longer_texts(void **state)
{
    (void)state;
    reference_model *model = open_shared("models/stories260K.gguf");
    uint32_t *ids = read_stories(model, 8192);
    const double trained = perplexity(model, NULL, ids, 512, 16);
    const double extended =
        perplexity(model, &(reference_self_extend){.group = 4, .window = 128}, ids, 1024, 8);
    print_message("perplexity at 512: %.4f, at 1024 with G=4 W=128: %.4f\n", trained, extended);
    assert_true(fabs(trained - 3.67) < 0.01);
    assert_true(fabs(extended - 3.50) < 0.01);
    free(ids);
    reference_free(model);
}

/* Beyond the trained length plain attention gets lost where Self-Extend doesn't. */
static void plain_attention_does_not(void **state)
{
    (void)state;
    reference_model *model = open_shared("models/stories260K.gguf");
    uint32_t *ids = read_stories(model, 1024);
    const double plain = perplexity(model, NULL, ids, 1024, 1);
    const double extended =
        perplexity(model, &(reference_self_extend){.group = 4, .window = 128}, ids, 1024, 1);
    print_message("perplexity of one text of 1024: %.4f, with G=4 W=128: %.4f\n", plain, extended);
    assert_true(plain > 1.1 * extended);
    free(ids);
    reference_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_decode_bit_for_bit),
        cmocka_unit_test(continues_greedily),
        cmocka_unit_test(self_extend_reads_longer_texts),
        cmocka_unit_test(plain_attention_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
