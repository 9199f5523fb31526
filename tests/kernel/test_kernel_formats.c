/* test_kernel_formats.c - every block format from its bytes to products: unpacked to a panel, each
 * level's panel product equals scalar's bit for bit, on valid blocks of any bytes, broken scales
 * included; and scalar's equals the sum over the decoded weights in double precision. One hash of
 * scalar's results is the same on every machine. */
#include "kernel_activation.h"

#include <math.h>

#define GOLDEN UINT64_C(0x4ccdac4c477bd248)

/* Unpacked rows of one format. */
struct unpacked {
    const struct quant_format *format;
    struct fence bytes, values, floats;
    size_t row_bytes, rows, blocks;
    struct quant_panel panel;
};

static struct unpacked unpacked_make(const struct quant_format *format, size_t rows, size_t blocks)
{
    struct unpacked made = {.format = format, .rows = rows, .blocks = blocks};
    const size_t lanes = blocks * QUANT_PANEL_ROWS;
    made.row_bytes = blocks * QUANT_BLOCK / format->block_length * format->block_bytes;
    made.bytes = fence_make(rows * made.row_bytes);
    made.values = fence_make(lanes * QUANT_BLOCK);
    made.floats = fence_make(4 * lanes * sizeof(float));
    float *const floats = fence_floats(&made.floats);
    made.panel = (struct quant_panel){made.values.bytes, floats, floats + 2 * lanes};
    return made;
}

static void unpacked_free(struct unpacked *made)
{
    fence_free(&made->bytes);
    fence_free(&made->values);
    fence_free(&made->floats);
}

static void unpack(const struct unpacked *made)
{
    made->format->unpack(made->bytes.bytes, made->row_bytes, made->rows, 0, made->blocks,
                         &made->panel);
}

/* Blocks of weights that a model could have. */
static void fill_encoded(struct random *random, const struct unpacked *made)
{
    const size_t columns = made->blocks * QUANT_BLOCK;
    struct fence x = check_floats(random, CHECK_UNIT, columns);
    for (size_t r = 0; r < made->rows; r++) {
        check_fill(random, CHECK_UNIT, fence_floats(&x), columns);
        made->format->encode(fence_floats(&x), NULL, made->bytes.bytes + r * made->row_bytes,
                             columns);
    }
    fence_free(&x);
}

static void try_product(const struct unpacked *made, const struct fenced_activation *activation,
                        size_t tokens, uint64_t *hash)
{
    const size_t size = tokens * made->rows * sizeof(float);
    struct fence want = fence_make(size);
    check_panel_product(check_scalar()->panel_product, made->format, &made->panel, made->rows,
                        made->blocks, &activation->view, 0, tokens, fence_floats(&want),
                        made->rows);
    if (hash != NULL)
        check_hash(hash, fence_floats(&want), size / sizeof(float));
    CHECK_EACH_LEVEL(kernel)
    {
        struct fence got = fence_make(size);
        check_panel_product(kernel->panel_product, made->format, &made->panel, made->rows,
                            made->blocks, &activation->view, 0, tokens, fence_floats(&got),
                            made->rows);
        check_same_fence(&got, &want, cpu_level_name(kernel->level), made->format->name);
        fence_free(&got);
    }
    fence_free(&want);
}

static void test_levels_equal_scalar(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 1);
    for (uint32_t type = 0; type < QUANT_TYPES; type++)
        for (int round = 0; round < 8; round++) {
            const struct quant_format *const format = quant_format_of(type);
            if (format == NULL || format->unpack == NULL)
                continue;
            const size_t rows = 1 + random_below(&random, 16),
                         tokens = 1 + random_below(&random, 17);
            struct unpacked made = unpacked_make(format, rows, 8 * (1 + random_below(&random, 3)));
            if (round % 2 == 0)
                fill_encoded(&random, &made);
            else
                for (size_t i = 0; i < made.bytes.size; i++)
                    made.bytes.bytes[i] = (unsigned char)random_below(&random, 256);
            unpack(&made);
            struct fenced_activation activation =
                activation_random(&random, CHECK_UNIT, round == 3, tokens, made.blocks);
            try_product(&made, &activation, tokens,
                        round % 2 == 0 ? NULL : &hash); /* encoders may change */
            activation_free(&activation);
            unpacked_free(&made);
        }
    print_message("hash of the formats' products: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN);
}

static void check_exact(const struct unpacked *made, const struct activation *activation,
                        const float *out)
{
    const size_t columns = made->blocks * QUANT_BLOCK;
    struct fence weights = fence_make(columns * sizeof(float));
    for (size_t r = 0; r < made->rows; r++) {
        double exact = 0.0, magnitude = 0.0;
        made->format->decode(made->bytes.bytes + r * made->row_bytes, fence_floats(&weights),
                             columns);
        for (size_t c = 0; c < columns; c++) {
            const double a = (double)activation->scales[c / QUANT_BLOCK] * activation->values[c];
            exact += (double)fence_floats(&weights)[c] * a;
            magnitude += fabs((double)fence_floats(&weights)[c] * a);
        }
        if (!(fabs((double)out[r] - exact) <= 2e-6 * magnitude))
            fail_msg("%s: %.9g where %.9g is right", made->format->name, (double)out[r], exact);
    }
    fence_free(&weights);
}

static void test_scalar_is_right(void **state)
{
    (void)state;
    struct random random;
    size_t tried = 0;
    random_seed(&random, 2);
    for (uint32_t type = 0; type < QUANT_TYPES; type++) {
        const struct quant_format *const format = quant_format_of(type);
        if (format == NULL || format->unpack == NULL)
            continue;
        struct unpacked made = unpacked_make(format, 16, 16);
        struct fenced_activation activation =
            activation_random(&random, CHECK_UNIT, false, 1, made.blocks);
        float out[16];
        fill_encoded(&random, &made);
        unpack(&made);
        check_panel_product(check_scalar()->panel_product, format, &made.panel, 16, made.blocks,
                            &activation.view, 0, 1, out, 16);
        check_exact(&made, &activation.view, out);
        activation_free(&activation);
        unpacked_free(&made);
        tried++;
    }
    assert_int_equal(tried, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_equal_scalar),
        cmocka_unit_test(test_scalar_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
