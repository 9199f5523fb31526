/* test_quant.c - the table of block formats, and decoding: golden blocks written by hand, random
 * bytes against the definitions, and the shared vectors bit for bit.
 */
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_reference.h"

enum { WEIGHTS = 16 * 512 };

static const struct {
    uint32_t type;
    const char *name;
    size_t length, bytes;
    enum quant_kind kind;
    int32_t offset, most;
} rows[] = {
    {0, "F32", 1, 4, QUANT_KIND_FLOAT, 0, 0},
    {1, "F16", 1, 2, QUANT_KIND_FLOAT, 0, 0},
    {2, "Q4_0", 32, 18, QUANT_KIND_PLAIN, 8, 15},
    {3, "Q4_1", 32, 20, QUANT_KIND_MINIMUM, 0, 15},
    {6, "Q5_0", 32, 22, QUANT_KIND_PLAIN, 16, 31},
    {7, "Q5_1", 32, 24, QUANT_KIND_MINIMUM, 0, 31},
    {8, "Q8_0", 32, 34, QUANT_KIND_PLAIN, 128, 255},
    {10, "Q2_K", 256, 84, QUANT_KIND_HALVES_MINIMUM, 0, 3},
    {11, "Q3_K", 256, 110, QUANT_KIND_HALVES, 4, 7},
    {12, "Q4_K", 256, 144, QUANT_KIND_MINIMUM, 0, 15},
    {13, "Q5_K", 256, 176, QUANT_KIND_MINIMUM, 0, 31},
    {14, "Q6_K", 256, 210, QUANT_KIND_HALVES, 32, 63},
    {20, "IQ4_NL", 32, 18, QUANT_KIND_PLAIN, 128, 241},
    {23, "IQ4_XS", 256, 136, QUANT_KIND_PLAIN, 128, 241},
    {30, "BF16", 1, 2, QUANT_KIND_FLOAT, 0, 0},
};

static void table_has_every_format(void **state)
{
    (void)state;
    size_t known = 0;
    for (uint32_t type = 0; type < 300; type++)
        known += quant_format_of(type) != NULL;
    assert_int_equal(known, sizeof rows / sizeof *rows);
    assert_null(quant_format_of(UINT32_MAX));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct quant_format *format = quant_format_of(rows[i].type);
        assert_non_null(format);
        assert_int_equal(format->type, rows[i].type);
        assert_string_equal(format->name, rows[i].name);
        assert_int_equal(format->block_length, rows[i].length);
        assert_int_equal(format->block_bytes, rows[i].bytes);
        assert_int_equal(format->kind, rows[i].kind);
        assert_int_equal(format->offset, rows[i].offset);
        assert_int_equal(format->value_most, rows[i].most);
        assert_non_null(format->decode);
        assert_non_null(format->encode);
        assert_int_equal(format->unpack == NULL, rows[i].kind == QUANT_KIND_FLOAT);
    }
}

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ptr_equal(quant_format_named(rows[i].name), quant_format_of(rows[i].type));
    assert_ptr_equal(quant_format_named("iq4_xs"), quant_format_of(QUANT_IQ4_XS));
    assert_ptr_equal(quant_format_named("q4_k"), quant_format_of(QUANT_Q4_K));
    assert_ptr_equal(quant_format_named("bF16"), quant_format_of(QUANT_BF16));
    static const char *const unknown[] = {"",       "Q",     "Q4",   "Q4_", "Q4_00",
                                          "Q4_K_M", " Q4_0", "F32 ", "Q4-0"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_null(quant_format_named(unknown[i]));
}

static void sizes_are_checked(void **state)
{
    (void)state;
    size_t bytes = 7;
    assert_true(quant_bytes(quant_format_of(QUANT_Q4_K), 2560, &bytes));
    assert_int_equal(bytes, 1440);
    assert_true(quant_bytes(quant_format_of(QUANT_F32), 0, &bytes));
    assert_int_equal(bytes, 0);
    bytes = 7;
    assert_false(quant_bytes(quant_format_of(QUANT_Q4_0), 33, &bytes));
    assert_false(quant_bytes(quant_format_of(QUANT_Q6_K), 128, &bytes));
    assert_false(quant_bytes(quant_format_of(QUANT_F32), SIZE_MAX, &bytes));
    assert_false(quant_bytes(quant_format_of(QUANT_F16), SIZE_MAX / 2 + 1, &bytes));
    assert_false(quant_bytes(quant_format_of(QUANT_Q8_0), SIZE_MAX - 31, &bytes));
    assert_int_equal(bytes, 7);
    assert_true(quant_bytes(quant_format_of(QUANT_Q8_0), 32 * (SIZE_MAX / 34), &bytes));
    assert_int_equal(bytes, SIZE_MAX / 34 * 34);
}

/* A block whose bytes were written down by hand, and some of its weights. */
struct golden {
    enum quant_type type;
    struct {
        uint8_t at, value;
    } bytes[10];
    struct {
        uint8_t index;
        float weight;
    } weights[6];
};

/* Binary16: 3c = 1, 38 = 0.5, 40 = 2, c0 = -2 in the upper byte. Weights not named by a byte have
 * value 0. */
static const struct golden goldens[] = {
    {QUANT_F32, {{0, 0}, {1, 0}, {2, 0x20}, {3, 0xc0}}, {{0, -2.5f}}},
    {QUANT_F16, {{0, 0}, {1, 0xc1}}, {{0, -2.5f}}},
    {QUANT_BF16, {{0, 0x20}, {1, 0xc0}}, {{0, -2.5f}}},
    {QUANT_Q4_0, {{1, 0x38}, {2, 0xf0}, {17, 0x09}}, {{0, -4}, {16, 3.5f}, {15, 0.5f}, {31, -4}}},
    {QUANT_Q4_1, {{1, 0x40}, {3, 0xc0}, {4, 0xf1}}, {{0, 0}, {16, 28}, {1, -2}}},
    {QUANT_Q5_0, {{1, 0x3c}, {2, 1}, {4, 1}, {6, 0xf3}}, {{0, 3}, {16, 15}, {1, -16}}},
    {QUANT_Q5_1, {{1, 0x3c}, {3, 0x38}, {4, 1}, {8, 0xf3}}, {{0, 19.5f}, {16, 15.5f}, {31, 0.5f}}},
    {QUANT_Q8_0, {{1, 0x40}, {2, 0x80}, {33, 0x7f}}, {{0, -256}, {31, 254}, {5, 0}}},
    {QUANT_Q2_K,
     {{0, 0x53}, {15, 0xf1}, {16, 0x01}, {79, 0xc0}, {81, 0x3c}, {83, 0x38}},
     {{0, 0.5f}, {1, -2.5f}, {255, -4.5f}, {240, -7.5f}, {32, 0}}},
    {QUANT_Q3_K,
     {{0, 0x01}, {32, 0x0b}, {96, 0x05}, {104, 0x03}, {107, 0xc0}, {109, 0x3c}},
     {{0, 63}, {1, -84}, {32, 64}, {255, -64}, {64, 128}}},
    {QUANT_Q4_K,
     {{1, 0x3c}, {3, 0x38}, {4, 0xc2}, {8, 0x43}, {12, 0x21}, {16, 0x5f}, {80, 0x70}},
     {{0, 28.5f}, {1, -1.5f}, {32, 0}, {128, -9}, {160, 0}}},
    {QUANT_Q5_K,
     {{1, 0x3c}, {3, 0x38}, {4, 0xc2}, {8, 0x43}, {12, 0x21}, {16, 0x11}, {48, 0x5f}, {112, 0x02}},
     {{0, 60.5f}, {1, -1.5f}, {128, 873}, {129, -9}}},
    {QUANT_Q6_K,
     {{0, 0x9f}, {128, 0x93}, {192, 0xfe}, {196, 0x03}, {209, 0x38}},
     {{0, -31}, {1, 32}, {64, -10.5f}, {65, -48}, {96, 0}}},
    {QUANT_IQ4_NL, {{1, 0x38}, {2, 0xf7}}, {{0, -5}, {16, 56.5f}, {1, -63.5f}}},
    {QUANT_IQ4_XS,
     {{1, 0x3c}, {2, 0x03}, {4, 0xf1}, {8, 0x80}, {24, 0xf8}},
     {{0, -2159}, {16, 17}, {32, -17}, {48, -1921}, {64, 4064}}},
};

static void golden_blocks_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        const struct golden *golden = &goldens[i];
        const struct quant_format *format = quant_format_of(golden->type);
        uint8_t block[256] = {0};
        float out[256];
        for (size_t j = 0; j < sizeof golden->bytes / sizeof *golden->bytes; j++)
            if (golden->bytes[j].value != 0)
                block[golden->bytes[j].at] = golden->bytes[j].value;
        format->decode(block, out, format->block_length);
        for (size_t j = 0; j < sizeof golden->weights / sizeof *golden->weights; j++) {
            if (j > 0 && golden->weights[j].index == 0)
                break;
            const float weight = out[golden->weights[j].index];
            if (weight != golden->weights[j].weight)
                fail_msg("%s, weight %d: %g, expected %g", format->name, golden->weights[j].index,
                         (double)weight, (double)golden->weights[j].weight);
        }
    }
}

static void assert_same_bits(const char *name, size_t index, float found, float expected)
{
    if (isnan(found) && isnan(expected))
        return;
    if (memcmp(&found, &expected, sizeof found) != 0)
        fail_msg("%s, weight %zu: %a, expected %a", name, index, (double)found, (double)expected);
}

static void random_bytes_decode_as_defined(void **state)
{
    (void)state;
    size_t count;
    const enum quant_type *types = block_reference_types(&count);
    struct random random;
    random_seed(&random, 1);
    for (size_t t = 0; t < count; t++) {
        const struct quant_format *format = quant_format_of(types[t]);
        const size_t length = format->block_length, blocks = 2048 / length;
        for (int wild = 0; wild < 2; wild++) {
            uint8_t bytes[2048 * 4];
            float out[2048 + 1];
            out[2048] = 12345;
            block_reference_fill(format, &random, wild, bytes, blocks);
            format->decode(bytes, out, 2048);
            for (size_t i = 0; i < 2048; i++)
                assert_same_bits(
                    format->name, i, out[i],
                    (float)block_reference_weight(
                        types[t], bytes + i / length * format->block_bytes, i % length));
            assert_true(out[2048] == 12345);
        }
    }
}

/* Reads a file of the shared vectors; skips the case where they are not there. */
static void read_vector(const char *name, const char *suffix, void *out, size_t size)
{
    const char *shared = getenv("PRIMER_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/vectors/quants/%s.%s", shared == NULL ? "../shared" : shared,
             name, suffix);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        skip();
    const size_t length = fread(out, 1, size, file);
    fclose(file);
    assert_int_equal(length, size);
}

static void shared_vectors_decode_bit_for_bit(void **state)
{
    (void)state;
    size_t count;
    const enum quant_type *types = block_reference_types(&count);
    for (size_t t = 0; t < count; t++) {
        const struct quant_format *format = quant_format_of(types[t]);
        static uint8_t bytes[WEIGHTS * 4];
        static float expected[WEIGHTS], out[WEIGHTS];
        size_t size;
        assert_true(quant_bytes(format, WEIGHTS, &size));
        if (types[t] == QUANT_F32) { /* it has one file: the input of all */
            read_vector("input", "f32", bytes, size);
            read_vector("input", "f32", expected, sizeof expected);
        } else {
            read_vector(format->name, "bin", bytes, size);
            read_vector(format->name, "f32", expected, sizeof expected);
        }
        format->decode(bytes, out, WEIGHTS);
        if (memcmp(out, expected, sizeof out) != 0)
            fail_msg("%s differs from the reference", format->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_has_every_format),
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(golden_blocks_decode),
        cmocka_unit_test(random_bytes_decode_as_defined),
        cmocka_unit_test(shared_vectors_decode_bit_for_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
