/* test_kernel_rows.c - products that read rows in place: bit for bit what unpacking a panel and
 * scalar's panel product give, for every format and level that has one; any counts of rows, tokens
 * and blocks, any alignment, random bytes and special scales; nothing past the rows is read. */
#include "kernel_activation.h"

#include <math.h>

static const enum quant_type types[] = {QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0,   QUANT_Q5_1,
                                        QUANT_Q8_0, QUANT_Q2_K, QUANT_Q3_K,   QUANT_Q4_K,
                                        QUANT_Q5_K, QUANT_Q6_K, QUANT_IQ4_NL, QUANT_IQ4_XS};
#define TYPES (sizeof types / sizeof types[0])

struct shape {
    size_t rows, blocks, first, tokens, gap /* bytes between rows */;
    bool tiles, wild /* any bytes, scales NaN and infinite too */;
};

/* Where a block's binary16 fields lie. */
static size_t half_fields(enum quant_type type, size_t fields[2])
{
    switch (type) {
    case QUANT_Q4_1:
    case QUANT_Q5_1:
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        fields[0] = 0;
        fields[1] = 2;
        return 2;
    case QUANT_Q2_K:
        fields[0] = 80;
        fields[1] = 82;
        return 2;
    case QUANT_Q3_K:
        fields[0] = 108;
        return 1;
    case QUANT_Q6_K:
        fields[0] = 208;
        return 1;
    default:
        fields[0] = 0;
        return 1;
    }
}

/* Random bytes; scales of moderate size unless `wild`, which has all kinds of scales in a few
 * blocks. */
static void fill_rows(struct random *random, const struct quant_format *format,
                      const struct shape *shape, const struct fence *rows)
{
    static const uint16_t special[] = {0x0000, 0x8000, 0x7c00, 0xfc00, 0x7e00,
                                       0xfe01, 0x0001, 0x83ff, 0x7bff, 0xfbff};
    const size_t row_bytes = shape->blocks * 32 / format->block_length * format->block_bytes;
    size_t fields[2];
    const size_t count = half_fields(format->type, fields);
    for (size_t i = 0; i < rows->size; i++)
        rows->bytes[i] = (uint8_t)random_u64(random);
    for (size_t r = 0; r < shape->rows; r++)
        for (size_t at = 0; at < row_bytes; at += format->block_bytes)
            for (size_t f = 0; f < count; f++) {
                uint16_t bits = half_from_float((float)random_unit(random) - 0.5f);
                if (shape->wild && random_below(random, 4) == 0)
                    bits = special[random_below(random, sizeof special / sizeof special[0])];
                memcpy(rows->bytes + r * (row_bytes + shape->gap) + at + fields[f], &bits, 2);
            }
}

static struct fence make_tiles(const struct activation *activation, size_t tokens)
{
    const size_t count = (tokens + ACTIVATION_LANES - 1) / ACTIVATION_LANES * activation->blocks;
    const struct fence fence = fence_make(count * sizeof(struct activation_tile));
    for (size_t t = 0; t < tokens; t++)
        for (size_t b = 0; b < activation->blocks; b++)
            activation_tile_set((struct activation_tile *)(void *)fence.bytes +
                                    t / ACTIVATION_LANES * activation->blocks + b,
                                t % ACTIVATION_LANES, activation, t, b);
    return fence;
}

static void scalar_product(const struct quant_format *format, const struct fence *rows,
                           size_t row_bytes, const struct shape *shape,
                           const struct activation *activation, const struct fence *out,
                           size_t out_stride)
{
    const size_t lanes = shape->blocks * QUANT_PANEL_ROWS;
    struct quant_panel panel = {.values = malloc(lanes * QUANT_BLOCK),
                                .scales = malloc(2 * lanes * sizeof(float)),
                                .minima = malloc(2 * lanes * sizeof(float))};
    format->unpack(rows->bytes, row_bytes, shape->rows, 0, shape->blocks, &panel);
    check_panel_product(check_scalar()->panel_product, format, &panel, shape->rows, shape->blocks,
                        activation, shape->first, shape->tokens, fence_floats(out), out_stride);
    free(panel.values);
    free(panel.scales);
    free(panel.minima);
}

/* Fences around what a panel of the format's kind has. */
struct fenced_panel {
    struct fence values, scales, minima;
    struct quant_panel view;
};

static struct fenced_panel panel_make(enum quant_kind kind, size_t blocks)
{
    const size_t lanes = blocks * quant_kind_parts(kind) * QUANT_PANEL_ROWS;
    const bool minima = quant_kind_minima(kind);
    struct fenced_panel made = {.values = fence_make(blocks * QUANT_PANEL_ROWS * QUANT_BLOCK),
                                .scales = fence_make(lanes * sizeof(float)),
                                .minima = fence_make(minima ? lanes * sizeof(float) : 0)};
    made.view = (struct quant_panel){.values = made.values.bytes,
                                     .scales = fence_floats(&made.scales),
                                     .minima = minima ? fence_floats(&made.minima) : NULL};
    return made;
}

static void panel_free(struct fenced_panel *panel)
{
    fence_free(&panel->values);
    fence_free(&panel->scales);
    fence_free(&panel->minima);
}

/* Floats [groups][16], of which the first `rows` of each sixteen matter; any NaN is like another. */
static void check_lanes(const struct fence *got, const struct fence *want, size_t rows,
                        const char *what)
{
    for (size_t i = 0; i < want->size / sizeof(float); i++) {
        const float a = fence_floats(got)[i], b = fence_floats(want)[i];
        if (i % QUANT_PANEL_ROWS < rows && !(isnan(a) && isnan(b)) && memcmp(&a, &b, sizeof a) != 0)
            fail_msg("%s, float %zu: %.9g where %.9g is right", what, i, (double)a, (double)b);
    }
}

static void check_values(const struct fence *got, const struct fence *want, size_t rows,
                         const char *what)
{
    for (size_t i = 0; i < want->size; i++)
        if (i / 4 % QUANT_PANEL_ROWS < rows && got->bytes[i] != want->bytes[i])
            fail_msg("%s, value %zu: %d where %d is right", what, i, got->bytes[i], want->bytes[i]);
}

static void try_unpack(const struct quant_format *format, const struct fence *rows,
                       size_t row_bytes, const struct shape *shape)
{
    struct fenced_panel want = panel_make(format->kind, shape->blocks);
    format->unpack(rows->bytes, row_bytes, shape->rows, 0, shape->blocks, &want.view);
    CHECK_EACH_LEVEL(kernel)
    {
        if (kernel->rows_unpack[format->type] == NULL)
            continue;
        struct fenced_panel got = panel_make(format->kind, shape->blocks);
        kernel->rows_unpack[format->type](rows->bytes, row_bytes, shape->rows, shape->blocks,
                                          &got.view);
        check_values(&got.values, &want.values, shape->rows, format->name);
        check_lanes(&got.scales, &want.scales, shape->rows, format->name);
        check_lanes(&got.minima, &want.minima, shape->rows, format->name);
        panel_free(&got);
    }
    panel_free(&want);
}

/* The last row ends where memory does. */
static void try_rows(struct random *random, const struct quant_format *format,
                     const struct shape *shape)
{
    const size_t bytes = shape->blocks * 32 / format->block_length * format->block_bytes;
    const size_t row_bytes = bytes + shape->gap;
    const size_t stride = shape->rows + random_below(random, 3);
    const size_t out_bytes = ((shape->tokens - 1) * stride + shape->rows) * sizeof(float);
    struct fence rows = fence_make((shape->rows - 1) * row_bytes + bytes);
    fill_rows(random, format, shape, &rows);
    try_unpack(format, &rows, row_bytes, shape);
    struct fenced_activation activation =
        activation_random(random, shape->wild && shape->rows % 4 == 0 ? CHECK_BROKEN : CHECK_UNIT,
                          false, shape->first + shape->tokens, shape->blocks);
    struct fence tiles = make_tiles(&activation.view, shape->first + shape->tokens);
    struct fence want = fence_make(out_bytes);
    scalar_product(format, &rows, row_bytes, shape, &activation.view, &want, stride);
    if (shape->tiles)
        activation.view.tiles = (struct activation_tile *)(void *)tiles.bytes;
    CHECK_EACH_LEVEL(kernel)
    {
        if (kernel->rows_product[format->type] == NULL)
            continue;
        struct fence got = fence_make(out_bytes);
        kernel->rows_product[format->type](rows.bytes, row_bytes, shape->rows, shape->blocks,
                                           &activation.view, shape->first, shape->tokens,
                                           fence_floats(&got), stride);
        check_same_fence(&got, &want, cpu_level_name(kernel->level), format->name);
        fence_free(&got);
    }
    fence_free(&want);
    fence_free(&tiles);
    fence_free(&rows);
    activation_free(&activation);
}

/* Counts of blocks: around a step and a piece of each kernel, whole super-blocks where needed. */
static size_t blocks_of(const struct quant_format *format, size_t n)
{
    static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 67, 130};
    const size_t length = format->block_length / QUANT_BLOCK;
    const size_t count = counts[n % (sizeof counts / sizeof counts[0])];
    return length == 1 ? count : (count + 3) / 4 * length;
}

static void each_format(uint64_t seed,
                        void (*test)(struct random *random, const struct quant_format *format))
{
    for (size_t i = 0; i < TYPES; i++) {
        struct random random;
        random_seed(&random, seed);
        test(&random, quant_format_of(types[i]));
    }
}

static void all_tokens(struct random *random, const struct quant_format *format)
{
    for (size_t tokens = 1; tokens <= 17; tokens++)
        for (size_t n = 0; n < 12; n += tokens % 3 + 1) {
            const struct shape shape = {.rows = n % 3 == 0 ? 1 + (tokens + n) % 16 : 16,
                                        .blocks = blocks_of(format, n),
                                        .first = random_below(random, 10),
                                        .tokens = tokens,
                                        .gap = random_below(random, 4),
                                        .tiles = random_below(random, 2) == 0};
            try_rows(random, format, &shape);
        }
}

static void test_all_tokens(void **state)
{
    (void)state;
    each_format(1, all_tokens);
}

static void all_rows(struct random *random, const struct quant_format *format)
{
    for (size_t rows = 1; rows <= 16; rows++)
        for (size_t n = 0; n < 8; n++) {
            const struct shape shape = {.rows = rows,
                                        .blocks = blocks_of(format, n + rows),
                                        .tokens = n % 2 == 0 ? 1 : 1 + n,
                                        .gap = random_below(random, 3),
                                        .tiles = n % 3 == 0,
                                        .wild = n % 4 >= 2};
            try_rows(random, format, &shape);
        }
}

static void test_all_rows_and_odd_scales(void **state)
{
    (void)state;
    each_format(2, all_rows);
}

/* Levels have what they are for: AVX-512 all formats in place, AVX2 the most used ones, and these
 * every other level unpacks. */
static void test_formats_are_there(void **state)
{
    (void)state;
    static const enum quant_type used[] = {QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0, QUANT_Q5_1,
                                           QUANT_Q8_0, QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K};
    CHECK_EACH_LEVEL(kernel)
    {
        const bool all = kernel->level == CPU_AVX512, neon = kernel->level >= CPU_NEON;
        const enum quant_type *const list = all ? types : used;
        for (size_t i = 0; i < (all ? TYPES : sizeof used / sizeof used[0]); i++)
            if (kernel->rows_product[list[i]] == NULL && !neon)
                fail_msg("%s: %s has no product in place", cpu_level_name(kernel->level),
                         quant_format_of(list[i])->name);
            else if (kernel->rows_unpack[list[i]] == NULL)
                fail_msg("%s: %s is not unpacked by this level", cpu_level_name(kernel->level),
                         quant_format_of(list[i])->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_tokens),
        cmocka_unit_test(test_all_rows_and_odd_scales),
        cmocka_unit_test(test_formats_are_there),
    };
    return cmocka_run_group_tests_name("kernel rows", tests, NULL, NULL);
}
