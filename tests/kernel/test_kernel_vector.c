/* test_kernel_vector.c - norms, RoPE, activations, encoding of KV values: every level equals scalar
 * bit for bit, scalar equals a computation in double precision within its rounding, and one hash of
 * scalar's results is the same on every machine. */
#include "kernel_check.h"

#include <math.h>
#include "kernel/scalar/scalar.h"

#define GOLDEN UINT64_C(0x436e0c3306c6d83c)

static const size_t lengths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,  12,  13,   14,
                                 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,  26,  27,   28,
                                 29, 30, 31, 32, 33, 63, 64, 65, 80, 96, 255, 256, 1023, 2560};
#define LENGTHS (sizeof lengths / sizeof lengths[0])

/* Inputs of one call, and the level's and scalar's outputs. */
struct trial {
    struct fence x, y, z, out;
    size_t count;
    uint64_t choice; /* random, the same for both levels */
};
typedef void apply(const struct kernel *kernel, const struct trial *trial);

static void apply_layer_norm(const struct kernel *kernel, const struct trial *trial)
{
    const float *const x = fence_floats(&trial->x), *const y = fence_floats(&trial->y);
    kernel->layer_norm(x, y, trial->choice % 2 ? fence_floats(&trial->z) : NULL, 1e-5f,
                       trial->count, fence_floats(&trial->out));
}

static void apply_rms_norm(const struct kernel *kernel, const struct trial *trial)
{
    kernel->rms_norm(fence_floats(&trial->x), fence_floats(&trial->y), 1e-6f, trial->count,
                     fence_floats(&trial->out));
}

/* One token; several are in test_finish_of_tokens. */
static void apply_finish(const struct kernel *kernel, const struct trial *trial)
{
    memcpy(trial->out.bytes, trial->y.bytes, trial->out.size);
    kernel->finish(
        &(struct kernel_finish){.sums = fence_floats(&trial->x),
                                .tokens = 1,
                                .rows = trial->count,
                                .bias = trial->choice % 2 ? fence_floats(&trial->z) : NULL,
                                .gelu = trial->choice / 2 % 2 != 0,
                                .accumulate = trial->choice / 4 % 2 != 0,
                                .out = fence_floats(&trial->out)});
}

static void apply_silu_product(const struct kernel *kernel, const struct trial *trial)
{
    memcpy(trial->out.bytes, trial->x.bytes, trial->out.size);
    kernel->silu_product(fence_floats(&trial->out), fence_floats(&trial->y), trial->count);
}

static void apply_scale(const struct kernel *kernel, const struct trial *trial)
{
    memcpy(trial->out.bytes, trial->x.bytes, trial->out.size);
    kernel->scale(fence_floats(&trial->out), fence_floats(&trial->y)[0], trial->count);
}

/* An odd last value stays as it is. */
static void apply_rotate(const struct kernel *kernel, const struct trial *trial)
{
    memcpy(trial->out.bytes, trial->x.bytes, trial->out.size);
    kernel->rotate(fence_floats(&trial->out), fence_floats(&trial->y), fence_floats(&trial->z),
                   trial->count / 2, trial->choice % 2 == 1);
}

static const struct {
    const char *name;
    apply *call;
} operations[] = {
    {"layer_norm", apply_layer_norm},     {"rms_norm", apply_rms_norm}, {"finish", apply_finish},
    {"silu_product", apply_silu_product}, {"scale", apply_scale},       {"rotate", apply_rotate},
};

static void try_operations(struct random *random, enum check_kind kind, size_t count,
                           uint64_t *hash)
{
    struct trial trial = {.count = count, .choice = random_u64(random)};
    trial.x = check_floats(random, kind, count);
    trial.y = check_floats(random, kind, count);
    trial.z = check_floats(random, kind, count);
    trial.out = fence_make(count * sizeof(float));
    if (kind == CHECK_WILD) /* half of them of the size that exp has values for */
        for (size_t i = 0; i < count; i += 2)
            fence_floats(&trial.x)[i] = (float)(random_unit(random) * 240.0 - 120.0);
    for (size_t o = 0; o < sizeof operations / sizeof operations[0]; o++) {
        struct trial want = trial;
        want.out = fence_copy(&trial.out);
        operations[o].call(check_scalar(), &want);
        check_hash(hash, fence_floats(&want.out), count);
        CHECK_EACH_LEVEL(kernel)
        {
            operations[o].call(kernel, &trial);
            check_same_fence(&trial.out, &want.out, cpu_level_name(kernel->level),
                             operations[o].name);
        }
        fence_free(&want.out);
    }
    fence_free(&trial.x);
    fence_free(&trial.y);
    fence_free(&trial.z);
    fence_free(&trial.out);
}

static void test_levels_equal_scalar(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 1);
    for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++)
        for (size_t i = 0; i < LENGTHS; i++)
            for (int round = 0; round < 2; round++)
                try_operations(&random, kind, lengths[i], &hash);
    print_message("hash of the vector functions: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN);
}

/* Rows of tokens that lie apart, from elsewhere and where they are: each as if it were alone. */
static void try_finish(struct random *random, size_t tokens, size_t rows, unsigned choice)
{
    const size_t sums_stride = rows + random_below(random, 5);
    const size_t out_stride = rows + 100 * random_below(random, 5);
    struct fence sums = check_floats(random, CHECK_UNIT, (tokens - 1) * sums_stride + rows);
    struct fence bias = check_floats(random, CHECK_UNIT, rows);
    struct fence before = check_floats(random, CHECK_UNIT, (tokens - 1) * out_stride + rows);
    struct kernel_finish task = {.sums_stride = choice % 2 ? out_stride : sums_stride,
                                 .tokens = tokens,
                                 .rows = rows,
                                 .bias = choice / 2 % 2 ? fence_floats(&bias) : NULL,
                                 .gelu = choice / 4 % 2 != 0,
                                 .accumulate = choice / 8 % 2 != 0 && choice % 2 == 0,
                                 .out_stride = out_stride};
    struct fence want = fence_copy(&before);
    for (size_t t = 0; t < tokens; t++) {
        struct kernel_finish one = task;
        one.tokens = 1;
        one.out = fence_floats(&want) + t * out_stride;
        one.sums = choice % 2 ? one.out : fence_floats(&sums) + t * sums_stride;
        check_scalar()->finish(&one);
    }
    for (const struct kernel *kernel = check_scalar(); kernel != NULL;
         kernel = check_next(kernel)) {
        struct fence got = fence_copy(&before);
        task.out = fence_floats(&got);
        task.sums = choice % 2 ? task.out : fence_floats(&sums);
        kernel->finish(&task);
        check_same_fence(&got, &want, cpu_level_name(kernel->level), "finish of tokens");
        fence_free(&got);
    }
    fence_free(&sums);
    fence_free(&bias);
    fence_free(&before);
    fence_free(&want);
}

static void test_finish_of_tokens(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 12);
    for (size_t tokens = 1; tokens <= 21; tokens += 4)
        for (size_t i = 0; i < LENGTHS; i++)
            for (unsigned choice = 0; choice < 16; choice++)
                try_finish(&random, tokens, lengths[i], choice);
}

/* Every level's exp, seen through silu_product: all interesting arguments and their neighbours. */
static void test_exp_edges(void **state)
{
    (void)state;
    static const float edges[] = {0.0f,        -0.0f,       88.72283f,    -87.33654f, 88.0f, -87.0f,
                                  88.3762627f, 0.34657359f, -0.34657359f, 1.0f,       -1.0f, 103.0f,
                                  -103.0f,     INFINITY,    -INFINITY,    64.5f};
    enum { NEAR = 2001, COUNT = (int)(sizeof edges / sizeof edges[0]) * NEAR };
    float *const x = malloc(COUNT * sizeof *x), *const want = malloc(COUNT * sizeof *x);
    float *const got = malloc(COUNT * sizeof *x), *const up = malloc(COUNT * sizeof *x);
    assert_true(x != NULL && want != NULL && got != NULL && up != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = half_bits_to_float(half_float_to_bits(edges[i / NEAR]) + (uint32_t)(i % NEAR) -
                                  NEAR / 2);
        up[i] = 1.0f;
    }
    memcpy(want, x, COUNT * sizeof *x);
    check_scalar()->silu_product(want, up, COUNT);
    CHECK_EACH_LEVEL(kernel)
    {
        memcpy(got, x, COUNT * sizeof *x);
        kernel->silu_product(got, up, COUNT);
        check_same(got, want, COUNT, cpu_level_name(kernel->level),
                   "silu_product at the edges of exp");
    }
    free(x);
    free(want);
    free(got);
    free(up);
}

/* At most 2 units in the last place off the exact value, over the whole range of normal results. */
static void test_exp_is_accurate(void **state)
{
    (void)state;
    double worst = 0.0;
    for (int32_t i = -8733000; i <= 8872000; i += 7) {
        const float x = (float)i * 1e-5f;
        const double exact = exp((double)x);
        const float rounded = (float)exact;
        const double unit = (double)(nextafterf(rounded, INFINITY) - rounded);
        const double error = fabs((double)scalar_vector_exp(x) - exact) / unit;
        worst = error > worst ? error : worst;
    }
    print_message("largest error of exp: %.3f units in the last place\n", worst);
    assert_true(worst <= 2.0);
    assert_true(scalar_vector_exp(0.0f) == 1.0f);
    assert_true(scalar_vector_exp(-INFINITY) == 0.0f && scalar_vector_exp(-88.0f) == 0.0f);
    assert_true(scalar_vector_exp(INFINITY) == INFINITY && scalar_vector_exp(89.0f) == INFINITY);
    assert_true(isnan(scalar_vector_exp(NAN)));
}

static void assert_near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.9g where %.9g is right (tolerance %.3g)", what, got, want, tolerance);
}

static void test_gelu_and_silu_are_right(void **state)
{
    (void)state;
    for (int i = -1200; i <= 1200; i++) {
        const float x = (float)i * 0.01f;
        float gelu = x, silu = x;
        const float up = -1.75f;
        check_scalar()->finish(&(struct kernel_finish){
            .sums = &gelu, .tokens = 1, .rows = 1, .gelu = true, .out = &gelu});
        check_scalar()->silu_product(&silu, &up, 1);
        const double u =
            0.7978845608028654 * ((double)x + 0.044715 * (double)x * (double)x * (double)x);
        const double exact = 0.5 * (double)x * (1.0 + tanh(u));
        assert_near((double)gelu, exact,
                    1e-6 * fabs(exact) + 1e-7 + 2e-6 * fabs((double)x * (1.0 - fabs(tanh(u)))),
                    "gelu");
        const double gate = (double)x / (1.0 + exp(-(double)x)) * (double)up;
        assert_near((double)silu, gate, 1e-6 * fabs(gate), "silu_product");
    }
}

static void test_norms_are_right(void **state)
{
    (void)state;
    enum { COUNT = 2560 };
    static float x[COUNT], weight[COUNT], bias[COUNT], layer[COUNT], rms[COUNT];
    struct random random;
    random_seed(&random, 2);
    check_fill(&random, CHECK_UNIT, x, COUNT);
    check_fill(&random, CHECK_UNIT, weight, COUNT);
    check_fill(&random, CHECK_UNIT, bias, COUNT);
    double sum = 0.0, square = 0.0, variance = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        x[i] += 0.25f;
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
    }
    for (size_t i = 0; i < COUNT; i++)
        variance += ((double)x[i] - sum / COUNT) * ((double)x[i] - sum / COUNT);
    check_scalar()->layer_norm(x, weight, bias, 0.01f, COUNT, layer);
    check_scalar()->rms_norm(x, weight, 0.01f, COUNT, rms);
    for (size_t i = 0; i < COUNT; i++) {
        const double centred =
            ((double)x[i] - sum / COUNT) / sqrt(variance / COUNT + (double)0.01f);
        assert_near((double)layer[i], centred * (double)weight[i] + (double)bias[i], 2e-6,
                    "layer_norm");
        assert_near((double)rms[i],
                    (double)x[i] / sqrt(square / COUNT + (double)0.01f) * (double)weight[i], 2e-6,
                    "rms_norm");
    }
    check_scalar()->layer_norm(x, weight, NULL, 0.01f, COUNT, rms);
    for (size_t i = 0; i < COUNT; i++)
        assert_near((double)rms[i] + (double)bias[i], (double)layer[i], 1e-6,
                    "layer_norm without bias");
}

static void test_rotate_is_right(void **state)
{
    (void)state;
    const float cosine[2] = {0.6f, 0.0f}, sine[2] = {0.8f, 1.0f};
    float apart[5] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f}, together[5] = {1.0f, 3.0f, 2.0f, 4.0f, 5.0f};
    check_scalar()->rotate(apart, cosine, sine, 2, false);
    check_scalar()->rotate(together, cosine, sine, 2, true);
    assert_near((double)apart[0], 1.0 * 0.6 - 3.0 * 0.8, 1e-6, "x0");
    assert_near((double)apart[2], 1.0 * 0.8 + 3.0 * 0.6, 1e-6, "x1");
    assert_true(apart[1] == -4.0f && apart[3] == 2.0f && apart[4] == 5.0f);
    assert_true(together[0] == apart[0] && together[1] == apart[2]);
    assert_true(together[2] == apart[1] && together[3] == apart[3] && together[4] == 5.0f);
}

static void test_finite_finds_every_place(void **state)
{
    (void)state;
    const float broken[] = {NAN, INFINITY, -INFINITY};
    struct random random;
    random_seed(&random, 3);
    for (const struct kernel *kernel = check_scalar(); kernel != NULL; kernel = check_next(kernel))
        for (size_t i = 0; i < LENGTHS; i++) {
            struct fence x = check_floats(&random, CHECK_WILD, lengths[i]);
            assert_true(kernel->finite(fence_floats(&x), lengths[i]));
            for (size_t place = 0; place<lengths[i]; place += lengths[i]> 70 ? 13 : 1) {
                const float before = fence_floats(&x)[place];
                fence_floats(&x)[place] = broken[place % 3];
                assert_false(kernel->finite(fence_floats(&x), lengths[i]));
                fence_floats(&x)[place] = before;
            }
            fence_free(&x);
        }
    for (const struct kernel *kernel = check_scalar(); kernel != NULL; kernel = check_next(kernel))
        assert_true(kernel->finite(broken, 0));
}

static const enum quant_type encodings[] = {QUANT_F32, QUANT_F16, QUANT_BF16, QUANT_Q8_0};

/* Values around every rounding border of binary16, and of a block's clamp. */
static void craft_encoding(struct random *random, float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        switch (random_below(random, 8)) {
        case 0:
            x[i] = half_bits_to_float(
                half_float_to_bits(half_to_float((uint16_t)random_below(random, 0x7c00))) +
                (uint32_t)(0x1000 + (int)random_below(random, 3) - 1));
            break;
        case 1:
            x[i] =
                (float)((double)random_below(random, 128) * 0x1p-24 * 127.0 * random_unit(random));
            break;
        case 2:
            x[i] = (float)random_below(random, 255) * 0.5f;
            break;
        default:
            break;
        }
}

static void try_encoding(struct random *random, enum quant_type type, enum check_kind kind,
                         size_t count)
{
    struct fence x = check_floats(random, kind, count);
    if (kind != CHECK_BROKEN)
        craft_encoding(random, fence_floats(&x), count);
    const size_t size = type == QUANT_F32 ? 4 : type == QUANT_Q8_0 ? 1 : 2;
    struct fence want = fence_make(count * size), got = fence_make(count * size);
    struct fence want_scales = fence_make((count + 31) / 32 * 2),
                 got_scales = fence_copy(&want_scales);
    check_scalar()->encode(type, fence_floats(&x), count, want.bytes,
                           (uint16_t *)(void *)want_scales.bytes);
    CHECK_EACH_LEVEL(kernel)
    {
        const char *const level = cpu_level_name(kernel->level);
        kernel->encode(type, fence_floats(&x), count, got.bytes,
                       (uint16_t *)(void *)got_scales.bytes);
        check_same_bytes(&got, &want, level, "encode");
        check_same_bytes(&got_scales, &want_scales, level, "encode's scales");
    }
    fence_free(&x);
    fence_free(&want);
    fence_free(&got);
    fence_free(&want_scales);
    fence_free(&got_scales);
}

static void test_encode_equals_scalar(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 4);
    for (size_t t = 0; t < 4; t++)
        for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++)
            for (size_t i = 0; i < LENGTHS; i++)
                for (int round = 0; round < 3; round++)
                    try_encoding(&random, encodings[t], kind, lengths[i]);
}

static void test_encode_is_right(void **state)
{
    (void)state;
    float x[40];
    uint16_t halves[40], scales[2];
    int8_t q[40];
    for (int i = 0; i < 40; i++)
        x[i] = (float)(i - 10) * 0.37f;
    check_scalar()->encode(QUANT_F16, x, 40, halves, NULL);
    for (size_t i = 0; i < 40; i++)
        assert_near((double)half_to_float(halves[i]), (double)x[i], fabs((double)x[i]) * 0x1p-11,
                    "F16");
    check_scalar()->encode(QUANT_BF16, x, 40, halves, NULL);
    for (size_t i = 0; i < 40; i++)
        assert_near((double)bfloat_to_float(halves[i]), (double)x[i], fabs((double)x[i]) * 0x1p-8,
                    "BF16");
    check_scalar()->encode(QUANT_Q8_0, x, 40, q, scales);
    for (size_t i = 0; i < 40; i++) {
        const double d = (double)half_to_float(scales[i / 32]);
        assert_near(d, (i < 32 ? 21.0 : 29.0) * 0.37 / 127.0, d * 0x1p-11, "Q8_0's scale");
        assert_near(d * q[i], (double)x[i], d * 0.501, "Q8_0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_equal_scalar),
        cmocka_unit_test(test_exp_edges),
        cmocka_unit_test(test_exp_is_accurate),
        cmocka_unit_test(test_finish_of_tokens),
        cmocka_unit_test(test_gelu_and_silu_are_right),
        cmocka_unit_test(test_norms_are_right),
        cmocka_unit_test(test_rotate_is_right),
        cmocka_unit_test(test_finite_finds_every_place),
        cmocka_unit_test(test_encode_equals_scalar),
        cmocka_unit_test(test_encode_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
