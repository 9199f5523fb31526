/* test_quant_encode.c - encoding: error against the shared vectors' reference and against limits of
 * our own, the same bytes on every machine, importance, exact blocks, and every kind of hostile
 * input.
 *
 * The limits and hashes belong to the search as it is: whoever betters it takes the new figures
 * from the failed test's message, and lets no limit grow.
 */
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "block_reference.h"

enum { WEIGHTS = 16 * 512, BYTES_MOST = WEIGHTS * 4 };

/* Normal deviates of 0.03, blocks of 64 louder and quieter by up to 2, a few strays: weights as
 * models have them. The arithmetic is exact or single operations: the same input everywhere. */
static void fill_weights(float *weights, size_t count, uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    float loudness = 1;
    for (size_t i = 0; i < count; i++) {
        if (i % 64 == 0)
            loudness = 0.5f + 1.5f * (float)random_unit(&random);
        weights[i] = (float)random_normal(&random) * 0.03f * loudness;
        if (random_below(&random, 500) == 0)
            weights[i] *= 4;
    }
}

static double weighted_error(const float *in, const float *out, const float *importance,
                             size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = (double)out[i] - (double)in[i];
        sum += difference * difference * (importance == NULL ? 1 : (double)importance[i]);
    }
    return sum;
}

/* Encodes, decodes, and gives the weighted sum of squared errors; the weights decoded, if wanted.
 */
static double encode_error(const struct quant_format *format, const float *in,
                           const float *importance, size_t count, float *decoded)
{
    static uint8_t bytes[BYTES_MOST];
    static float out[WEIGHTS];
    assert_in_range(count, 1, WEIGHTS);
    format->encode(in, importance, bytes, count);
    format->decode(bytes, out, count);
    if (decoded != NULL)
        memcpy(decoded, out, count * sizeof *out);
    return weighted_error(in, out, NULL, count);
}

static FILE *open_vector(const char *name)
{
    const char *shared = getenv("PRIMER_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/vectors/quants/%s", shared == NULL ? "../shared" : shared,
             name);
    return fopen(path, "rb");
}

/* The number behind "rmse" in the index's entry of that name. */
static double reference_error(const char *index, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *entry = strstr(index, key);
    assert_non_null(entry);
    const char *field = strstr(entry, "\"rmse\":");
    assert_non_null(field);
    return strtod(field + strlen("\"rmse\":"), NULL);
}

static void error_is_not_above_the_reference(void **state)
{
    (void)state;
    static float in[WEIGHTS];
    static char index[16384];
    FILE *input = open_vector("input.f32"), *table = open_vector("index.json");
    const size_t read = input == NULL ? 0 : fread(in, sizeof *in, WEIGHTS, input);
    const size_t length = table == NULL ? 0 : fread(index, 1, sizeof index - 1, table);
    if (input != NULL)
        fclose(input);
    if (table != NULL)
        fclose(table);
    if (input == NULL || table == NULL)
        skip();
    assert_int_equal(read, WEIGHTS);
    index[length] = '\0';
    size_t count, above = 0;
    const enum quant_type *types = block_reference_types(&count);
    for (size_t t = 0; t < count; t++) {
        const struct quant_format *format = quant_format_of(types[t]);
        const double error = sqrt(encode_error(format, in, NULL, WEIGHTS, NULL) / WEIGHTS);
        const double reference = types[t] == QUANT_F32 ? 0 : reference_error(index, format->name);
        print_message("%-6s root mean square error %.8f, reference %.8f\n", format->name, error,
                      reference);
        above += error > reference * (1 + 1e-7); /* the index was made in binary32 */
    }
    assert_int_equal(above, 0);
}

/* Root mean square error on fill_weights' weights, rounded up in the sixth digit, and a hash of the
 * bytes. */
static const struct {
    enum quant_type type;
    double error;
    uint64_t hash, weighted_hash;
} own[] = {
    {QUANT_F16, 0.00000857270, 0x9cdac72e33002f87, 0x9cdac72e33002f87},
    {QUANT_BF16, 0.0000684697, 0x0faaf6118a4ae710, 0x0faaf6118a4ae710},
    {QUANT_Q4_0, 0.00332135, 0x5dc3024a4a6b96af, 0xa37281f59bc637b8},
    {QUANT_Q4_1, 0.00281654, 0x6fd42d4de34f8d2a, 0x8d7443a9f0a07dce},
    {QUANT_Q5_0, 0.00165928, 0x7ea44288828319f7, 0xc7fa4448991ef723},
    {QUANT_Q5_1, 0.00137208, 0xf6ec84dee0a3007b, 0x3850a173d6f8eef4},
    {QUANT_Q8_0, 0.000194996, 0x72f0edf31eede975, 0x57d3b08a286e8b5c},
    {QUANT_Q2_K, 0.0105901, 0x5e0a0ea377927d81, 0x9dc6ac9ae34a5e63},
    {QUANT_Q3_K, 0.00586709, 0x4882a034bd547deb, 0x861b92ecd53831b9},
    {QUANT_Q4_K, 0.00284086, 0xa601a93bfb97e3a7, 0x6cefb7db0f0a0ddc},
    {QUANT_Q5_K, 0.00141241, 0x0ad1877e278db368, 0xc4fb41d65e1abe54},
    {QUANT_Q6_K, 0.000675652, 0xb9222f11c56a5590, 0x40ea1fad8aa378fd},
    {QUANT_IQ4_NL, 0.00302019, 0xb17053ecaa206ccd, 0x8e971ee820922e4d},
    {QUANT_IQ4_XS, 0.00304396, 0x1106407ce7ca143e, 0xf084e1a2350a204b},
};

static void error_is_within_our_limits(void **state)
{
    (void)state;
    static float in[WEIGHTS];
    size_t above = 0;
    fill_weights(in, WEIGHTS, 1);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        const double error = sqrt(encode_error(format, in, NULL, WEIGHTS, NULL) / WEIGHTS);
        if (error > own[i].error) {
            print_error("%s: error %.10f above %.10f\n", format->name, error, own[i].error);
            above++;
        }
    }
    assert_int_equal(above, 0);
}

/* 1/16 to 4, in powers of two and between. */
static void fill_importance(float *importance, size_t count, uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    for (size_t i = 0; i < count; i++)
        importance[i] = (float)(1 + random_below(&random, 64)) / 16;
}

static void bytes_are_the_same_everywhere(void **state)
{
    (void)state;
    static float in[WEIGHTS], importance[WEIGHTS];
    static uint8_t bytes[BYTES_MOST];
    size_t different = 0;
    fill_weights(in, WEIGHTS, 1);
    fill_importance(importance, WEIGHTS, 2);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        size_t size;
        assert_true(quant_bytes(format, WEIGHTS, &size));
        format->encode(in, NULL, bytes, WEIGHTS);
        const uint64_t hash = hash_bytes(bytes, size, 0);
        format->encode(in, importance, bytes, WEIGHTS);
        const uint64_t weighted_hash = hash_bytes(bytes, size, 0);
        if (hash != own[i].hash || weighted_hash != own[i].weighted_hash) {
            print_error("%s: 0x%016llx, 0x%016llx\n", format->name, (unsigned long long)hash,
                        (unsigned long long)weighted_hash);
            different++;
        }
    }
    assert_int_equal(different, 0);
}

static void blocks_do_not_depend_on_their_neighbours(void **state)
{
    (void)state;
    static float in[WEIGHTS], importance[WEIGHTS];
    static uint8_t whole[BYTES_MOST], single[1024];
    fill_weights(in, WEIGHTS, 3);
    fill_importance(importance, WEIGHTS, 4);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        const size_t length = format->block_length;
        format->encode(in, importance, whole, WEIGHTS);
        for (size_t block = 0; block < 8; block++) {
            memset(single, 0xee, sizeof single);
            format->encode(in + block * length, importance + block * length, single, length);
            assert_memory_equal(single, whole + block * format->block_bytes, format->block_bytes);
            assert_int_equal(single[format->block_bytes], 0xee);
        }
    }
}

/* Importance must pay: on columns that matter the error falls, by its own measure it falls in
 * total. */
static void importance_is_respected(void **state)
{
    (void)state;
    static float in[WEIGHTS], importance[WEIGHTS], plain[WEIGHTS], weighted[WEIGHTS];
    fill_weights(in, WEIGHTS, 5);
    for (size_t i = 0; i < WEIGHTS; i++)
        importance[i] = i % 8 == 0 ? 30 : 0.5f;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        if (format->kind == QUANT_KIND_FLOAT)
            continue;
        static uint8_t bytes[BYTES_MOST];
        encode_error(format, in, NULL, WEIGHTS, plain);
        format->encode(in, importance, bytes, WEIGHTS);
        format->decode(bytes, weighted, WEIGHTS);
        const double before = weighted_error(in, plain, importance, WEIGHTS);
        const double after = weighted_error(in, weighted, importance, WEIGHTS);
        if (!(after < 0.85 * before))
            fail_msg("%s: weighted error %g, without importance %g", format->name, after, before);
    }
}

/* None at all, and numbers that are no importance, count as none. */
static void worthless_importance_is_ignored(void **state)
{
    (void)state;
    static float in[WEIGHTS], importance[WEIGHTS];
    static uint8_t plain[BYTES_MOST], weighted[BYTES_MOST];
    static const float worthless[] = {0, -1, NAN, 1, 1e-38f, 1e30f};
    fill_weights(in, WEIGHTS, 6);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        size_t size;
        assert_true(quant_bytes(format, WEIGHTS, &size));
        format->encode(in, NULL, plain, WEIGHTS);
        for (size_t j = 0; j < sizeof worthless / sizeof *worthless; j++) {
            for (size_t k = 0; k < WEIGHTS; k++)
                importance[k] = worthless[j];
            format->encode(in, importance, weighted, WEIGHTS);
            assert_memory_equal(plain, weighted, size);
        }
    }
}

/* Blocks decoded from a symmetric format with one scale are encoded without loss, by it and by
 * those that contain its levels. */
static void exact_blocks_stay_exact(void **state)
{
    (void)state;
    static const enum quant_type pairs[][2] = {
        {QUANT_Q4_0, QUANT_Q4_0},     {QUANT_Q5_0, QUANT_Q5_0},  {QUANT_Q8_0, QUANT_Q8_0},
        {QUANT_IQ4_NL, QUANT_IQ4_NL}, {QUANT_Q4_0, QUANT_Q5_0},  {QUANT_Q4_0, QUANT_Q8_0},
        {QUANT_Q5_0, QUANT_Q8_0},     {QUANT_IQ4_NL, QUANT_Q8_0}};
    static uint8_t blocks[BYTES_MOST];
    static float weights[WEIGHTS];
    struct random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct quant_format *from = quant_format_of(pairs[i][0]);
        const struct quant_format *to = quant_format_of(pairs[i][1]);
        block_reference_fill(from, &random, 0, blocks, WEIGHTS / from->block_length);
        if (from->type == QUANT_Q8_0) /* -128 is not encoded */
            for (size_t j = 0; j < WEIGHTS / 32 * 34; j++)
                if (j % 34 >= 2 && blocks[j] == 0x80)
                    blocks[j] = 0x7f;
        from->decode(blocks, weights, WEIGHTS);
        const double error = encode_error(to, weights, NULL, WEIGHTS, NULL);
        if (error != 0)
            fail_msg("%s to %s: error %g", from->name, to->name, error);
    }
}

/* Blocks of few levels, such as ternary weights, are exact too, with any scale that binary16 has.
 */
static void ternary_blocks_stay_exact(void **state)
{
    (void)state;
    static const float scales[] = {1, 0.01f, 0x1p-24f, 65504, 0.333f};
    static const enum quant_type types[] = {QUANT_Q4_0, QUANT_Q5_0, QUANT_Q8_0};
    float weights[32];
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        uint8_t half[2];
        float scale;
        quant_format_of(QUANT_F16)->encode(&scales[i], NULL, half, 1);
        quant_format_of(QUANT_F16)->decode(half, &scale, 1);
        for (size_t j = 0; j < 32; j++)
            weights[j] = scale * (float)((int)(j * 7 % 3) - 1);
        for (size_t j = 0; j < sizeof types / sizeof *types; j++)
            assert_true(encode_error(quant_format_of(types[j]), weights, NULL, 32, NULL) == 0);
    }
}

static void zeros_stay_zeros(void **state)
{
    (void)state;
    static float in[512], out[512];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        for (int kind = 0; kind < 3; kind++) { /* 0, -0, smaller than anything a block can hold */
            for (size_t j = 0; j < 512; j++)
                in[j] = kind == 0 ? 0 : kind == 1 ? -0.0f : (float)((int)(j % 7) - 3) * 1e-39f;
            if (kind == 2 && format->kind == QUANT_KIND_FLOAT)
                continue;
            encode_error(format, in, NULL, 512, out);
            for (size_t j = 0; j < 512; j++)
                assert_true(out[j] == 0);
        }
    }
}

static float greatest(const float *values, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
    return most;
}

/* Scales beyond binary16 are held at the largest one: no infinity, no NaN, signs kept. */
static void huge_weights_are_held(void **state)
{
    (void)state;
    static const float sizes[] = {1e5f, 1e8f, 1e20f, FLT_MAX, INFINITY};
    static float in[512], out[512];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            if (format->kind == QUANT_KIND_FLOAT && isinf(sizes[j]))
                continue;
            for (size_t k = 0; k < 512; k++)
                in[k] = k % 3 == 0 ? sizes[j] : k % 3 == 1 ? -sizes[j] : 0;
            encode_error(format, in, NULL, 512, out);
            for (size_t k = 0; k < 512; k++) {
                assert_true(isfinite(out[k]));
                assert_true(k % 3 != 0 || out[k] > 0);
                assert_true(k % 3 != 1 || out[k] < 0 || (out[k] == 0 && sizes[j] >= 1e8f));
            }
            assert_true(greatest(out, 512) >= 65504 || greatest(out, 512) >= sizes[j] * 0.9f);
        }
    }
}

static void nan_counts_as_zero(void **state)
{
    (void)state;
    static float in[512], zeroed[512];
    static uint8_t bytes[4096], expected[4096];
    fill_weights(in, 512, 8);
    memcpy(zeroed, in, sizeof in);
    for (size_t i = 5; i < 512; i += 37) {
        in[i] = i % 2 == 0 ? NAN : -NAN;
        zeroed[i] = 0;
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        size_t size;
        assert_true(quant_bytes(format, 512, &size));
        format->encode(in, NULL, bytes, 512);
        if (format->kind == QUANT_KIND_FLOAT) { /* these keep it */
            float out[512];
            format->decode(bytes, out, 512);
            assert_true(isnan(out[5]) && !isnan(out[6]));
            continue;
        }
        format->encode(zeroed, NULL, expected, 512);
        assert_memory_equal(bytes, expected, size);
    }
}

/* From 2^-40 to 2^40, one binade after the other: finite, and as good as at any other size where
 * binary16 scales have their full precision. */
static void every_size_is_encoded(void **state)
{
    (void)state;
    static float in[512], scaled[512], out[512];
    fill_weights(in, 512, 9);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const struct quant_format *format = quant_format_of(own[i].type);
        const double usual = encode_error(format, in, NULL, 512, NULL);
        for (int exponent = -40; exponent <= 40; exponent++) {
            const float factor = ldexpf(1, exponent);
            for (size_t j = 0; j < 512; j++)
                scaled[j] = in[j] * factor;
            const double error = encode_error(format, scaled, NULL, 512, out);
            for (size_t j = 0; j < 512; j++)
                assert_true(isfinite(out[j]));
            assert_true(error <= weighted_error(scaled, (float[512]){0}, NULL, 512));
            if (exponent >= 0 && exponent <= 12)
                assert_true(error <= usual * 1.1 * (double)factor * (double)factor);
        }
    }
}

/* A block of one value, and super-blocks far to one side of zero: formats with a minimum can, and
 * must, follow. */
static void lopsided_blocks_are_followed(void **state)
{
    (void)state;
    static const enum quant_type types[] = {QUANT_Q4_1, QUANT_Q5_1, QUANT_Q2_K, QUANT_Q4_K,
                                            QUANT_Q5_K};
    static float weights[WEIGHTS], moved[WEIGHTS];
    fill_weights(weights, WEIGHTS, 10);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct quant_format *format = quant_format_of(types[i]);
        const double usual = encode_error(format, weights, NULL, WEIGHTS, NULL);
        for (int side = -1; side <= 1; side += 2) {
            for (size_t j = 0; j < WEIGHTS; j++)
                moved[j] = weights[j] + (float)side * 0.5f;
            const double error = encode_error(format, moved, NULL, WEIGHTS, NULL);
            /* the minima take bits of their own: binary16, or 6 or 4 bits under a common scale */
            if (!(error < usual * 1.6))
                fail_msg("%s, moved by %g: error %g, in the middle %g", format->name, 0.5 * side,
                         error, usual);
            for (size_t j = 0; j < 512; j++)
                moved[j] = (float)side * 0.7f;
            assert_true(encode_error(format, moved, NULL, 512, NULL) < 512 * 1e-4);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_not_above_the_reference),
        cmocka_unit_test(error_is_within_our_limits),
        cmocka_unit_test(bytes_are_the_same_everywhere),
        cmocka_unit_test(blocks_do_not_depend_on_their_neighbours),
        cmocka_unit_test(importance_is_respected),
        cmocka_unit_test(worthless_importance_is_ignored),
        cmocka_unit_test(exact_blocks_stay_exact),
        cmocka_unit_test(ternary_blocks_stay_exact),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(huge_weights_are_held),
        cmocka_unit_test(nan_counts_as_zero),
        cmocka_unit_test(every_size_is_encoded),
        cmocka_unit_test(lopsided_blocks_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
