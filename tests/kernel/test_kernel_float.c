/* test_kernel_float.c - products with F32, F16 and BF16 weights: every level equals scalar bit for
 * bit, scalar equals a computation in double precision, and one hash of its results is the same on
 * every machine. */
#include "kernel_check.h"

#include <math.h>

#define GOLDEN UINT64_C(0xcdf2fac2907226f7)

static const enum quant_type types[] = {QUANT_F32, QUANT_F16, QUANT_BF16};

static size_t size_of(enum quant_type type)
{
    return type == QUANT_F32 ? 4 : 2;
}

/* Weights of the format as bits: any finite ones for WILD, else converted from numbers of the kind.
 */
static void fill_weights(struct random *random, enum quant_type type, enum check_kind kind,
                         unsigned char *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float value = check_number(random, kind);
        if (type == QUANT_F32) {
            memcpy(out + 4 * i, &value, 4);
            continue;
        }
        uint16_t bits = type == QUANT_F16 ? half_from_float(value) : bfloat_from_float(value);
        if (kind == CHECK_WILD && type == QUANT_F16) {
            const uint64_t wild = random_below(random, 2 * 0x7c00); /* any finite one */
            bits = (uint16_t)(wild < 0x7c00 ? wild : wild - 0x7c00 + 0x8000);
        }
        memcpy(out + 2 * i, &bits, 2);
    }
}

struct shape {
    enum quant_type type;
    size_t rows, columns, tokens;
};

static void try_product(struct random *random, const struct shape *shape, enum check_kind kind,
                        uint64_t *hash)
{
    /* Rows may lie at any address and any number of bytes apart. */
    const size_t row_bytes = shape->columns * size_of(shape->type) + random_below(random, 5);
    const size_t x_stride = shape->columns + random_below(random, 4);
    const size_t out_stride = shape->rows + random_below(random, 3);
    struct fence weights =
        fence_make((shape->rows - 1) * row_bytes + shape->columns * size_of(shape->type));
    for (size_t r = 0; r < shape->rows; r++)
        fill_weights(random, shape->type, kind, weights.bytes + r * row_bytes, shape->columns);
    struct fence x = check_floats(random, kind, (shape->tokens - 1) * x_stride + shape->columns);
    const size_t size = ((shape->tokens - 1) * out_stride + shape->rows) * sizeof(float);
    struct fence want = fence_make(size);
    check_scalar()->float_product(shape->type, weights.bytes, row_bytes, shape->rows,
                                  shape->columns, fence_floats(&x), x_stride, shape->tokens,
                                  fence_floats(&want), out_stride);
    check_hash(hash, fence_floats(&want), size / sizeof(float));
    CHECK_EACH_LEVEL(kernel)
    {
        struct fence got = fence_make(size);
        kernel->float_product(shape->type, weights.bytes, row_bytes, shape->rows, shape->columns,
                              fence_floats(&x), x_stride, shape->tokens, fence_floats(&got),
                              out_stride);
        check_same_fence(&got, &want, cpu_level_name(kernel->level), "float_product");
        fence_free(&got);
    }
    fence_free(&weights);
    fence_free(&x);
    fence_free(&want);
}

static void test_levels_equal_scalar(void **state)
{
    (void)state;
    static const size_t long_columns[] = {63, 64, 80, 255, 1023, 1024, 1025, 2560};
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 1);
    for (size_t t = 0; t < 3; t++)
        for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++)
            for (size_t n = 1; n <= 41; n++) {
                const size_t columns = n <= 33 ? n : long_columns[n - 34];
                const size_t rows = 1 + random_below(&random, 9);
                const size_t tokens = 1 + random_below(&random, n <= 33 ? 17 : 7);
                try_product(&random, &(struct shape){types[t], rows, columns, tokens}, kind, &hash);
            }
    print_message("hash of the float products: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN);
}

/* Every count of rows with every count of tokens, and more rows and tokens than any level takes at
 * once. */
static void test_shapes_equal_scalar(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 2);
    for (size_t t = 0; t < 3; t++) {
        for (size_t rows = 1; rows <= 17; rows++)
            for (size_t tokens = 1; tokens <= 17; tokens++)
                try_product(&random, &(struct shape){types[t], rows, 37, tokens}, CHECK_UNIT,
                            &hash);
        try_product(&random, &(struct shape){types[t], 13, 1300, 67}, CHECK_UNIT, &hash);
        try_product(&random, &(struct shape){types[t], 5, 100, 130}, CHECK_UNIT, &hash);
        try_product(&random, &(struct shape){types[t], 70, 530, 70}, CHECK_UNIT, &hash);
    }
}

/* Products too small for any f32 leave -0 in every lane, where a lane of the last columns must not
 * add +0. */
static void test_underflow_keeps_its_sign(void **state)
{
    (void)state;
    float weights[40], x[40];
    for (size_t i = 0; i < 40; i++) {
        weights[i] = -0x1p-100f;
        x[i] = 0x1p-100f;
    }
    for (const struct kernel *kernel = check_scalar(); kernel != NULL; kernel = check_next(kernel))
        for (size_t columns = 16; columns <= 40; columns++) {
            float out[8];
            kernel->float_product(QUANT_F32, weights, 0, 1, columns, x, 0, 8, out, 1);
            for (size_t t = 0; t < 8; t++)
                if (half_float_to_bits(out[t]) != 0x80000000u)
                    fail_msg("%s: %zu columns give %a, not -0", cpu_level_name(kernel->level),
                             columns, (double)out[t]);
        }
}

static double widened(enum quant_type type, const unsigned char *at)
{
    float value;
    uint16_t bits;
    memcpy(&bits, at, 2);
    if (type == QUANT_F16)
        return (double)half_to_float(bits);
    if (type == QUANT_BF16)
        return (double)bfloat_to_float(bits);
    memcpy(&value, at, 4);
    return (double)value;
}

static void test_scalar_is_right(void **state)
{
    (void)state;
    enum { ROWS = 3, COLUMNS = 1023, TOKENS = 2 };
    static unsigned char weights[ROWS * COLUMNS * 4];
    static float x[TOKENS * COLUMNS], out[TOKENS * ROWS];
    struct random random;
    random_seed(&random, 3);
    check_fill(&random, CHECK_UNIT, x, TOKENS * COLUMNS);
    for (size_t k = 0; k < 3; k++) {
        const size_t size = size_of(types[k]);
        fill_weights(&random, types[k], CHECK_UNIT, weights, ROWS * COLUMNS);
        check_scalar()->float_product(types[k], weights, COLUMNS * size, ROWS, COLUMNS, x, COLUMNS,
                                      TOKENS, out, ROWS);
        for (size_t i = 0; i < TOKENS * ROWS; i++) {
            double exact = 0.0;
            for (size_t c = 0; c < COLUMNS; c++)
                exact += widened(types[k], weights + (i % ROWS * COLUMNS + c) * size) *
                         (double)x[i / ROWS * COLUMNS + c];
            if (!(fabs((double)out[i] - exact) <= 1e-4))
                fail_msg("%.9g where %.9g is right", (double)out[i], exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_equal_scalar),
        cmocka_unit_test(test_shapes_equal_scalar),
        cmocka_unit_test(test_underflow_keeps_its_sign),
        cmocka_unit_test(test_scalar_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
