/* test_kernel_panel.c - quantizing activations and the panel product: every level equals scalar bit
 * for bit on made-up panels of every kind, offset and range, scalar equals a computation in double
 * precision, and one hash of scalar's results is the same on every machine. */
#include "kernel_activation.h"

#include <math.h>
#if defined(__x86_64__)
#include "kernel/avx2_vnni/avx2_vnni.h"
#endif

#define GOLDEN_ACTIVATIONS UINT64_C(0x8f6d8f6357512b65)
#define GOLDEN             UINT64_C(0x0f338f830999af65)

/* The float next below. */
static float just_below(float value)
{
    return half_bits_to_float(half_float_to_bits(value) - 1);
}

/* Values that lie exactly between two integers once divided by the scale, and both sides of the
 * two edges: where a block counts as zero, and where as NaN. */
static void craft_blocks(struct random *random, float *x, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++, x += QUANT_BLOCK) {
        const uint64_t dice = random_below(random, 8);
        const float power = half_bits_to_float((uint32_t)random_below(random, 200) << 23);
        if (dice == 0) {
            x[0] = 127.0f * power;
            for (size_t i = 1; i < QUANT_BLOCK; i++)
                x[i] = ((float)random_below(random, 253) - 126.5f) * power;
        } else if (dice == 1) {
            static const float edges[] = {0x1p-90f, 0x1p100f};
            const float edge = edges[random_below(random, 2)];
            const bool below = random_below(random, 2) == 0;
            for (size_t i = 0; i < QUANT_BLOCK; i++)
                x[i] = (float)((int)random_below(random, 1999) - 999) / 1000.0f * edge;
            x[random_below(random, QUANT_BLOCK)] = below ? -just_below(edge) : -edge;
        } else if (dice == 2) {
            for (size_t i = 0; i < QUANT_BLOCK; i++)
                x[i] = 0x1.fffffep+127f * (i % 2 ? 1.0f : -1.0f);
        }
    }
}

static void quantize_with(const struct kernel *kernel, const struct fence *x, size_t stride,
                          size_t tokens, size_t first, const struct fenced_activation *out)
{
    kernel->quantize(fence_floats(x), stride, tokens, first, &out->view);
}

static void try_quantize(struct random *random, enum check_kind kind, size_t tokens, size_t blocks,
                         uint64_t *hash)
{
    const size_t gap = random_below(random, 3), first = random_below(random, 3);
    const size_t stride = blocks * QUANT_BLOCK + gap;
    struct fence x = check_floats(random, kind, tokens * stride - gap);
    if (gap == 0 && kind != CHECK_BROKEN)
        craft_blocks(random, fence_floats(&x), tokens * blocks);
    struct fenced_activation want = activation_make(first + tokens, blocks);
    quantize_with(check_scalar(), &x, stride, tokens, first, &want);
    check_hash(hash, want.view.scaled_sums + first * blocks, tokens * blocks);
    *hash = hash_bytes(want.values.bytes, want.values.size, *hash);
    CHECK_EACH_LEVEL(kernel)
    {
        const char *const level = cpu_level_name(kernel->level);
        struct fenced_activation got = activation_make(first + tokens, blocks);
        quantize_with(kernel, &x, stride, tokens, first, &got);
        check_same_bytes(&got.values, &want.values, level, "quantize's values");
        check_same_bytes(&got.sums, &want.sums, level, "quantize's sums");
        check_same_fence(&got.scales, &want.scales, level, "quantize's scales");
        check_same_fence(&got.scaled_sums, &want.scaled_sums, level, "quantize's scaled sums");
        check_same_fence(&got.tiles, &want.tiles, level, "quantize's tiles");
        activation_free(&got);
    }
    activation_free(&want);
    fence_free(&x);
}

static void test_quantize_equals_scalar(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 1);
    for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++)
        for (size_t tokens = 1; tokens <= 5; tokens++)
            for (size_t blocks = 1; blocks <= 9; blocks++)
                try_quantize(&random, kind, tokens, blocks, &hash);
    print_message("hash of the activations: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN_ACTIVATIONS);
}

/* Tiles hold what the arrays hold. */
static void test_tiles_are_right(void **state)
{
    (void)state;
    enum { TOKENS = 13, BLOCKS = 3 };
    struct random random;
    random_seed(&random, 5);
    struct fenced_activation made = activation_random(&random, CHECK_UNIT, false, TOKENS, BLOCKS);
    const struct activation *const view = &made.view;
    for (size_t at = 0; at < TOKENS * BLOCKS; at++) {
        const size_t token = at / BLOCKS, lane = token % 8;
        const struct activation_tile *const tile = &view->tiles[token / 8 * BLOCKS + at % BLOCKS];
        assert_true(memcmp(tile->values[lane], view->values + at * 32, 32) == 0);
        assert_memory_equal(&tile->scales[lane], &view->scales[at], sizeof(float));
        assert_memory_equal(&tile->scaled_sums[lane], &view->scaled_sums[at], sizeof(float));
        assert_true(tile->sums[0][lane] == view->sums[2 * at]);
        assert_true(tile->sums[1][lane] == view->sums[2 * at + 1]);
    }
    activation_free(&made);
}

static void test_quantize_is_right(void **state)
{
    (void)state;
    float x[64];
    for (int i = 0; i < 64; i++)
        x[i] = (float)(i % 32 - 15) * (i < 32 ? 0.5f : -0.0f);
    x[3] = -40.0f;
    struct fenced_activation out = activation_make(1, 2);
    check_scalar()->quantize(x, 64, 1, 0, &out.view);
    uint32_t bits;
    memcpy(&bits, &out.view.scales[0], sizeof bits);
    assert_true(out.view.values[3] == -127 && bits % 4 == 0);
    assert_true(fabs((double)out.view.scales[0] - 40.0 / 127.0) <= 40.0 / 127.0 * 0x1p-20);
    int32_t sums[2] = {0, 0};
    for (size_t i = 0; i < 32; i++) {
        const double error = (double)out.view.values[i] * (double)out.view.scales[0] - (double)x[i];
        assert_true(fabs(error) <= 0.5001 * (double)out.view.scales[0]);
        sums[i / 16] += out.view.values[i];
    }
    assert_true(out.view.sums[0] == sums[0] && out.view.sums[1] == sums[1]);
    assert_true(out.view.scaled_sums[0] == out.view.scales[0] * (float)(sums[0] + sums[1]));
    assert_true(out.view.scales[1] == 0.0f && out.view.sums[2] == 0 && out.view.values[40] == 0);
    x[40] = NAN;
    x[2] = -INFINITY;
    check_scalar()->quantize(x, 64, 1, 0, &out.view);
    assert_true(isnan(out.view.scales[0]) && isnan(out.view.scales[1]) &&
                isnan(out.view.scaled_sums[1]));
    assert_true(out.view.values[0] == 0 && out.view.values[40] == 0);
    activation_free(&out);
}

/* Made-up formats: every kind, the offsets and ranges of real ones, and the largest there may be.
 */
static const struct quant_format formats[] = {
    {.name = "plain 15 - 8", .kind = QUANT_KIND_PLAIN, .offset = 8, .value_most = 15},
    {.name = "plain 16 - 8", .kind = QUANT_KIND_PLAIN, .offset = 8, .value_most = 16},
    {.name = "plain 32 - 16", .kind = QUANT_KIND_PLAIN, .offset = 16, .value_most = 32},
    {.name = "plain 64 - 32", .kind = QUANT_KIND_PLAIN, .offset = 32, .value_most = 64},
    {.name = "plain 31 - 16", .kind = QUANT_KIND_PLAIN, .offset = 16, .value_most = 31},
    {.name = "plain 63 - 32", .kind = QUANT_KIND_PLAIN, .offset = 32, .value_most = 63},
    {.name = "plain 127 - 0", .kind = QUANT_KIND_PLAIN, .offset = 0, .value_most = 127},
    {.name = "plain 240 - 127", .kind = QUANT_KIND_PLAIN, .offset = 127, .value_most = 240},
    {.name = "plain 255 - 128", .kind = QUANT_KIND_PLAIN, .offset = 128, .value_most = 255},
    {.name = "minimum 15", .kind = QUANT_KIND_MINIMUM, .offset = 0, .value_most = 15},
    {.name = "minimum 31", .kind = QUANT_KIND_MINIMUM, .offset = 0, .value_most = 31},
    {.name = "minimum 255", .kind = QUANT_KIND_MINIMUM, .offset = 0, .value_most = 255},
    {.name = "halves 31 - 16", .kind = QUANT_KIND_HALVES, .offset = 16, .value_most = 31},
    {.name = "halves 255 - 128", .kind = QUANT_KIND_HALVES, .offset = 128, .value_most = 255},
    {.name = "halves minimum 255",
     .kind = QUANT_KIND_HALVES_MINIMUM,
     .offset = 0,
     .value_most = 255},
    {.name = "halves 7 - 4", .kind = QUANT_KIND_HALVES, .offset = 4, .value_most = 7},
    {.name = "halves 63 - 32", .kind = QUANT_KIND_HALVES, .offset = 32, .value_most = 63},
    {.name = "halves minimum 3", .kind = QUANT_KIND_HALVES_MINIMUM, .offset = 0, .value_most = 3},
};
#define FORMATS (sizeof formats / sizeof formats[0])

struct fenced_panel {
    struct fence values, scales, minima;
    struct quant_panel view;
};

static void panel_free(struct fenced_panel *panel)
{
    fence_free(&panel->values);
    fence_free(&panel->scales);
    fence_free(&panel->minima);
}

/* Extreme: odd rows at the top of the range and even ones at the bottom, so that no sum can be
 * larger. */
static void fill_values(struct random *random, const struct quant_format *format, bool extreme,
                        const struct fence *values)
{
    for (size_t i = 0; i < values->size; i++)
        values->bytes[i] = extreme
                               ? (uint8_t)(i / 4 % 2 ? format->value_most : 0)
                               : (uint8_t)random_below(random, (uint64_t)format->value_most + 1);
}

static struct fenced_panel panel_random(struct random *random, const struct quant_format *format,
                                        enum check_kind kind, bool extreme, size_t blocks)
{
    const size_t lanes = blocks * quant_kind_parts(format->kind) * QUANT_PANEL_ROWS;
    struct fenced_panel made = {.values = fence_make(blocks * QUANT_BLOCK * QUANT_PANEL_ROWS)};
    made.scales = check_floats(random, kind, lanes);
    made.minima = check_floats(random, kind, lanes);
    fill_values(random, format, extreme, &made.values);
    made.view = (struct quant_panel){
        .values = made.values.bytes,
        .scales = fence_floats(&made.scales),
        .minima = quant_kind_minima(format->kind) ? fence_floats(&made.minima) : NULL,
    };
    return made;
}

struct shape {
    size_t rows, blocks, tokens, first, stride;
};

static void try_panel(const struct quant_format *format, const struct fenced_panel *panel,
                      const struct fenced_activation *activation, const struct shape *shape,
                      uint64_t *hash)
{
    const size_t size = ((shape->tokens - 1) * shape->stride + shape->rows) * sizeof(float);
    struct fence want = fence_make(size);
    check_panel_product(check_scalar()->panel_product, format, &panel->view, shape->rows,
                        shape->blocks, &activation->view, shape->first, shape->tokens,
                        fence_floats(&want), shape->stride);
    check_hash(hash, fence_floats(&want), size / sizeof(float));
    CHECK_EACH_LEVEL(kernel)
    {
        for (int tiles = 0; tiles < 2; tiles++) {
            struct activation view = activation->view;
            view.tiles = tiles ? view.tiles : NULL;
            struct fence got = fence_make(size);
            check_panel_product(kernel->panel_product, format, &panel->view, shape->rows,
                                shape->blocks, &view, shape->first, shape->tokens,
                                fence_floats(&got), shape->stride);
            check_same_fence(&got, &want, cpu_level_name(kernel->level), format->name);
            fence_free(&got);
        }
    }
    fence_free(&want);
}

static void test_panels_equal_scalar(void **state)
{
    (void)state;
    static const size_t block_counts[] = {1, 2, 3, 5, 8, 33};
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 2);
    for (size_t f = 0; f < FORMATS; f++)
        for (size_t n = 0; n < 6; n++)
            for (size_t tokens = 1; tokens <= 17; tokens++) {
                const size_t blocks = block_counts[n], first = random_below(&random, 3);
                const bool extreme = random_below(&random, 3) == 0;
                const enum check_kind kind = (enum check_kind)((tokens + n) % CHECK_WILD);
                struct fenced_panel panel =
                    panel_random(&random, &formats[f], kind, extreme, blocks);
                struct fenced_activation activation =
                    activation_random(&random, CHECK_UNIT, extreme, first + tokens, blocks);
                const size_t rows = 1 + (tokens * 5 + n) % 16;
                try_panel(
                    &formats[f], &panel, &activation,
                    &(struct shape){rows, blocks, tokens, first, rows + random_below(&random, 4)},
                    &hash);
                panel_free(&panel);
                activation_free(&activation);
            }
    print_message("hash of the panel products: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN);
}

/* Several panels side by side are as one after the other: `count` of them, `tokens` tokens. */
static void try_side_by_side(struct random *random, const struct quant_format *format,
                             size_t blocks, size_t tokens)
{
    enum { MOST = 7, WIDTH = MOST * 16 };
    const bool extreme = tokens % 2 == 0;
    struct fenced_panel panels[MOST];
    struct quant_panel views[MOST], rests[MOST];
    const size_t first = (blocks + 1) / 3; /* blocks of the first piece */
    struct fence want = fence_make(tokens * WIDTH * sizeof(float));
    struct fenced_activation activation =
        activation_random(random, CHECK_UNIT, extreme, 3 + tokens, blocks);
    memset(want.bytes, 0, want.size);
    for (size_t p = 0; p < MOST; p++) {
        panels[p] = panel_random(random, format, CHECK_UNIT, extreme, blocks);
        views[p] = panels[p].view;
        rests[p] = check_panel_rest(views[p], format->kind, first);
        check_panel_product(check_scalar()->panel_product, format, &views[p], 16, blocks,
                            &activation.view, 3, tokens, fence_floats(&want) + p * 16, WIDTH);
    }
    for (const struct kernel *kernel = check_scalar(); kernel != NULL; kernel = check_next(kernel))
        for (size_t count = 1; count <= MOST; count++) {
            struct activation view = activation.view;
            struct fence got = fence_copy(&want);
            view.tiles = count % 2 == 0 ? NULL : view.tiles;
            for (size_t t = 0; t < tokens; t++)
                memset(fence_floats(&got) + t * WIDTH, 0xff, count * 16 * sizeof(float));
            kernel->panel_product(format, views, count, first, &view, 0, 3, tokens,
                                  fence_floats(&got), WIDTH, NULL);
            kernel->panel_product(format, rests, count, blocks - first, &view, first, 3, tokens,
                                  fence_floats(&got), WIDTH, NULL);
            check_same_fence(&got, &want, cpu_level_name(kernel->level), format->name);
            fence_free(&got);
        }
    for (size_t p = 0; p < MOST; p++)
        panel_free(&panels[p]);
    activation_free(&activation);
    fence_free(&want);
}

static void test_panels_side_by_side(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    for (size_t f = 0; f < FORMATS; f++) {
        for (size_t tokens = 1; tokens <= 13; tokens++)
            try_side_by_side(&random, &formats[f], 9, tokens);
        try_side_by_side(&random, &formats[f], 130, 13); /* longer than any piece */
    }
}

/* Finite activations of every size that counts: blocks of UNIT numbers times 2^k, a k for each. */
static struct fenced_activation activation_of_all_sizes(struct random *random, size_t tokens,
                                                        size_t blocks)
{
    struct fenced_activation made = activation_make(tokens, blocks);
    struct fence x = check_floats(random, CHECK_UNIT, tokens * blocks * QUANT_BLOCK);
    for (size_t b = 0; b < tokens * blocks; b++) {
        const float power = half_bits_to_float((38 + (uint32_t)random_below(random, 189)) << 23);
        for (size_t i = 0; i < QUANT_BLOCK; i++)
            fence_floats(&x)[b * QUANT_BLOCK + i] *= power;
    }
    check_scalar()->quantize(fence_floats(&x), blocks * QUANT_BLOCK, tokens, 0, &made.view);
    fence_free(&x);
    return made;
}

enum odd_activations { ODD_ACTIVATIONS, TAME_ACTIVATIONS, ACTIVATIONS_OF_ALL_SIZES };

static void try_odd_pair(struct random *random, const struct quant_format *format,
                         enum check_kind kind, enum odd_activations odd, size_t rows,
                         uint64_t *hash)
{
    struct fenced_panel panel = panel_random(random, format, kind, false, 4);
    struct fenced_activation activation =
        odd == ACTIVATIONS_OF_ALL_SIZES
            ? activation_of_all_sizes(random, 11, 4)
            : activation_random(random, odd == ODD_ACTIVATIONS ? kind : CHECK_UNIT, false, 11, 4);
    try_panel(format, &panel, &activation, &(struct shape){rows, 4, 11, 0, 16}, hash);
    panel_free(&panel);
    activation_free(&activation);
}

/* All counts of rows, activations that aren't finite, and scales of any size. The same kind on both
 * sides makes mostly NaN, so each is also tried where the other side is tame. */
static void test_panels_of_odd_numbers(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 3);
    for (size_t f = 0; f < FORMATS; f++)
        for (enum check_kind kind = 0; kind < CHECK_KINDS; kind++)
            for (size_t rows = 1; rows <= 16; rows++) {
                try_odd_pair(&random, &formats[f], kind, ODD_ACTIVATIONS, rows, &hash);
                try_odd_pair(&random, &formats[f], kind, TAME_ACTIVATIONS, rows, &hash);
                try_odd_pair(&random, &formats[f], CHECK_UNIT, ACTIVATIONS_OF_ALL_SIZES, rows,
                             &hash);
            }
}

/* One row and token in double precision, from quant.h's text of what a weight is. */
static double exact_product(const struct quant_format *format, const struct quant_panel *panel,
                            size_t row, size_t blocks, const struct activation *activation,
                            size_t token, double *magnitude)
{
    double sum = 0.0;
    *magnitude = 0.0;
    for (size_t c = 0; c < blocks * QUANT_BLOCK; c++) {
        const size_t b = c / 32, parts = quant_kind_parts(format->kind);
        const size_t lane = (b * parts + c % 32 / 16 * (parts - 1)) * 16 + row;
        const double u = panel->values[b * 512 + (c % 32 / 4) * 64 + row * 4 + c % 4];
        double w = (double)panel->scales[lane] * (u - format->offset);
        if (panel->minima != NULL)
            w += (double)panel->minima[lane];
        const size_t at = token * activation->blocks + b;
        const double a = (double)activation->scales[at] * activation->values[at * 32 + c % 32];
        sum += w * a;
        *magnitude += fabs(w * a);
    }
    return sum;
}

static void test_scalar_panel_is_right(void **state)
{
    (void)state;
    enum { BLOCKS = 40 };
    struct random random;
    random_seed(&random, 4);
    for (size_t f = 0; f < FORMATS; f++) {
        struct fenced_panel panel = panel_random(&random, &formats[f], CHECK_UNIT, false, BLOCKS);
        struct fenced_activation activation =
            activation_random(&random, CHECK_UNIT, false, 3, BLOCKS);
        float out[3][16];
        check_panel_product(check_scalar()->panel_product, &formats[f], &panel.view, 16, BLOCKS,
                            &activation.view, 0, 3, out[0], 16);
        for (size_t t = 0; t < 3; t++)
            for (size_t r = 0; r < 16; r++) {
                double magnitude;
                const double exact = exact_product(&formats[f], &panel.view, r, BLOCKS,
                                                   &activation.view, t, &magnitude);
                if (!(fabs((double)out[t][r] - exact) <= 1e-6 * magnitude))
                    fail_msg("%s: %.9g where %.9g is right", formats[f].name, (double)out[t][r],
                             exact);
            }
        panel_free(&panel);
        activation_free(&activation);
    }
}

#if defined(__x86_64__)
/* The 256-bit dot product has two encodings, of which a table holds one: both where the processor
 * has both. */
static void test_encodings_equal_scalar(void **state)
{
    (void)state;
    if (!cpu_has(CPU_AVX512))
        skip();
    struct random random;
    random_seed(&random, 6);
    for (size_t f = 0; f < FORMATS; f++) {
        struct fenced_panel panel = panel_random(&random, &formats[f], CHECK_UNIT, false, 9);
        struct fenced_activation activation = activation_random(&random, CHECK_UNIT, false, 7, 9);
        float want[7 * 16], got[7 * 16];
        check_panel_product(check_scalar()->panel_product, &formats[f], &panel.view, 16, 9,
                            &activation.view, 0, 7, want, 16);
        check_panel_product(avx2_vnni_evex_product, &formats[f], &panel.view, 16, 9,
                            &activation.view, 0, 7, got, 16);
        check_same(got, want, 7 * 16, "avx2_vnni in EVEX encoding", formats[f].name);
        panel_free(&panel);
        activation_free(&activation);
    }
}
#define ENCODING_TESTS cmocka_unit_test(test_encodings_equal_scalar),
#else
#define ENCODING_TESTS
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantize_equals_scalar), cmocka_unit_test(test_tiles_are_right),
        cmocka_unit_test(test_quantize_is_right),      cmocka_unit_test(test_panels_equal_scalar),
        cmocka_unit_test(test_panels_side_by_side),    cmocka_unit_test(test_panels_of_odd_numbers),
        cmocka_unit_test(test_scalar_panel_is_right),  ENCODING_TESTS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
