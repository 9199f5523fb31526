/* test_quant_panel.c - unpacking to the canonical panel: for every format with one, every number of
 * rows, whole rows and parts of them, ordinary and wild scales: the panel's formula gives the
 * weights exactly, lanes without a row are zero, and nothing else is touched.
 */
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "block_reference.h"

enum {
    ROWS = QUANT_PANEL_ROWS,
    BLOCKS = 24, /* per row, of 32 columns */
    COLUMNS = BLOCKS * QUANT_BLOCK,
    ROW_GAP = 5, /* bytes between rows, so that they lie at odd addresses */
    GUARD = 64,
    POISON = 0xa5
};

/* Arrays of a panel with a guard behind each. */
struct arrays {
    uint8_t values[BLOCKS * ROWS * QUANT_BLOCK + GUARD];
    float scales[BLOCKS * 2 * ROWS + GUARD], minima[BLOCKS * 2 * ROWS + GUARD];
};

struct part {
    size_t rows, first_block, blocks;
};

/* Arrays that the kind doesn't have are NULL: who writes there crashes. */
static struct quant_panel panel_over(struct arrays *arrays, enum quant_kind kind)
{
    memset(arrays, POISON, sizeof *arrays);
    return (struct quant_panel){
        .values = arrays->values,
        .scales = arrays->scales,
        .minima = quant_kind_minima(kind) ? arrays->minima : NULL,
    };
}

static void assert_poison(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(((const uint8_t *)bytes)[i], POISON);
}

static void assert_guards(const struct arrays *arrays, enum quant_kind kind, size_t blocks)
{
    const size_t lanes = blocks * quant_kind_parts(kind) * ROWS;
    const size_t rest = (BLOCKS * 2 * ROWS + GUARD - lanes) * sizeof(float);
    assert_poison(arrays->values + blocks * ROWS * QUANT_BLOCK,
                  sizeof arrays->values - blocks * ROWS * QUANT_BLOCK);
    assert_poison(arrays->scales + lanes, rest);
    if (quant_kind_minima(kind))
        assert_poison(arrays->minima + lanes, rest);
}

static int panel_value(const struct quant_panel *panel, size_t block, size_t row, size_t column)
{
    return panel->values[((block * 8 + column / 4) * ROWS + row) * 4 + column % 4];
}

/* The formulas of quant.h in binary64. */
static double panel_weight(const struct quant_format *format, const struct quant_panel *panel,
                           size_t block, size_t row, size_t column)
{
    const size_t parts = quant_kind_parts(format->kind);
    const size_t lane = (block * parts + column / 16 * (parts - 1)) * ROWS + row;
    const double value = panel_value(panel, block, row, column), scale = panel->scales[lane];
    return quant_kind_minima(format->kind) ? scale * value + panel->minima[lane]
                                           : scale * (value - format->offset);
}

static void assert_lane_is_zero(const struct quant_format *format, const struct quant_panel *panel,
                                size_t block, size_t row)
{
    for (size_t column = 0; column < QUANT_BLOCK; column++)
        assert_int_equal(panel_value(panel, block, row, column), 0);
    const size_t parts = quant_kind_parts(format->kind);
    for (size_t part = 0; part < parts; part++) {
        const size_t lane = (block * parts + part) * ROWS + row;
        assert_true(panel->scales[lane] == 0);
        if (quant_kind_minima(format->kind))
            assert_true(panel->minima[lane] == 0);
    }
}

static void assert_weight(const struct quant_format *format, double found, double exact,
                          float decoded)
{
    if (isnan(exact) && isnan(found) && isnan(decoded))
        return;
    const float rounded = (float)found;
    if (found != exact || memcmp(&rounded, &decoded, sizeof rounded) != 0)
        fail_msg("%s: panel %a, definition %a, decoded %a", format->name, found, exact,
                 (double)decoded);
}

static void assert_panel(const struct quant_format *format, const uint8_t *base, size_t row_bytes,
                         const struct part *part, const struct quant_panel *panel)
{
    const size_t length = format->block_length;
    for (size_t row = 0; row < ROWS; row++) {
        float decoded[COLUMNS];
        if (row < part->rows)
            format->decode(base + row * row_bytes, decoded, COLUMNS);
        for (size_t block = 0; block < part->blocks; block++) {
            if (row >= part->rows) {
                assert_lane_is_zero(format, panel, block, row);
                continue;
            }
            for (size_t column = 0; column < QUANT_BLOCK; column++) {
                const size_t at = (part->first_block + block) * QUANT_BLOCK + column;
                const double exact = block_reference_weight(
                    format->type, base + row * row_bytes + at / length * format->block_bytes,
                    at % length);
                assert_in_range(panel_value(panel, block, row, column), 0, format->value_most);
                assert_weight(format, panel_weight(format, panel, block, row, column), exact,
                              decoded[at]);
            }
        }
    }
}

static void check_part(const struct quant_format *format, const uint8_t *base, size_t row_bytes,
                       const struct part *part)
{
    static struct arrays arrays;
    const struct quant_panel panel = panel_over(&arrays, format->kind);
    format->unpack(base, row_bytes, part->rows, part->first_block, part->blocks, &panel);
    assert_panel(format, base, row_bytes, part, &panel);
    assert_guards(&arrays, format->kind, part->blocks);
}

/* 16 rows of random blocks, in a buffer that ends with the last row. */
static uint8_t *random_rows(const struct quant_format *format, struct random *random, int wild,
                            size_t row_bytes)
{
    const size_t blocks = COLUMNS / format->block_length;
    uint8_t *base = malloc((ROWS - 1) * row_bytes + blocks * format->block_bytes);
    assert_non_null(base);
    for (size_t row = 0; row < ROWS; row++)
        block_reference_fill(format, random, wild, base + row * row_bytes, blocks);
    return base;
}

static void check_formats(int wild)
{
    size_t count;
    const enum quant_type *types = block_reference_types(&count);
    struct random random;
    random_seed(&random, 2);
    for (size_t t = 0; t < count; t++) {
        const struct quant_format *format = quant_format_of(types[t]);
        if (format->unpack == NULL)
            continue;
        const size_t row_bytes = COLUMNS / format->block_length * format->block_bytes + ROW_GAP;
        uint8_t *base = random_rows(format, &random, wild, row_bytes);
        for (size_t rows = 1; rows <= ROWS; rows++) {
            check_part(format, base, row_bytes, &(struct part){rows, 0, BLOCKS});
            check_part(format, base, row_bytes, &(struct part){rows, 8, 8});
            check_part(format, base, row_bytes, &(struct part){rows, 16, 8});
        }
        if (format->block_length == QUANT_BLOCK) {
            check_part(format, base, row_bytes, &(struct part){ROWS, 3, 1});
            check_part(format, base, row_bytes, &(struct part){7, 21, 3});
        }
        free(base);
    }
}

static void panel_holds_the_weights(void **state)
{
    (void)state;
    check_formats(0);
}

static void panel_holds_infinities_and_nan(void **state)
{
    (void)state;
    check_formats(1);
}

/* No format's integers pass what a kernel may assume: the offset within them, all below 2^8. */
static void every_value_appears(void **state)
{
    (void)state;
    size_t count;
    const enum quant_type *types = block_reference_types(&count);
    struct random random;
    random_seed(&random, 3);
    for (size_t t = 0; t < count; t++) {
        const struct quant_format *format = quant_format_of(types[t]);
        if (format->unpack == NULL)
            continue;
        static struct arrays arrays;
        const struct quant_panel panel = panel_over(&arrays, format->kind);
        const size_t row_bytes = COLUMNS / format->block_length * format->block_bytes;
        uint8_t *base = random_rows(format, &random, 0, row_bytes);
        format->unpack(base, row_bytes, ROWS, 0, BLOCKS, &panel);
        uint8_t least = 255, most = 0;
        for (size_t i = 0; i < BLOCKS * ROWS * QUANT_BLOCK; i++) {
            least = arrays.values[i] < least ? arrays.values[i] : least;
            most = arrays.values[i] > most ? arrays.values[i] : most;
        }
        assert_int_equal(most, format->value_most);
        assert_int_equal(least, format->value_most == 241 ? 1 : 0); /* IQ4's least level is -127 */
        free(base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panel_holds_the_weights),
        cmocka_unit_test(panel_holds_infinities_and_nan),
        cmocka_unit_test(every_value_appears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
