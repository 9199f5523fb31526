/* avx512_rows.c - cuts a product in place into groups of tokens, and its rows into what can be read
 * where it lies and what has to be copied first; see avx512_rows.h.
 *
 *   rows    | step | step | step | ... | rest |     whole steps of sixteen rows: in place
 *                                                   the rest, and all of fewer rows: from a copy
 */
#include "kernel/avx512/avx512_rows.h"

#define MOST_TOKENS 16 /* two groups: each reads the rows anew, from the second cache */
#define TILES       64 /* blocks at a time where the activation has no tiles */

/* Bytes of a row that hold `blocks` blocks; only formats of 32 weights have parts of a step. */
static size_t bytes_of(const struct rows_format *format, size_t blocks)
{
    return blocks / format->step_blocks * format->step_bytes +
           blocks % format->step_blocks * (format->step_bytes / format->step_blocks);
}

/* Fewer than sixteen rows, or the end of the rows. */
static void multiply_copy(const struct rows_format *format, const struct rows_part *part,
                          size_t rows)
{
    enum { STRIDE = ROWS_COPY_STEPS * ROWS_STEP_BYTES };
    _Alignas(64) uint8_t copy[ROWS * STRIDE];
    const size_t most = ROWS_COPY_STEPS * format->step_blocks;
    struct rows_part some = *part;
    memset(copy, 0, sizeof copy);
    some.base = copy;
    some.row_bytes = STRIDE;
    for (size_t done = 0; done < part->blocks; done += some.blocks) {
        some.blocks = part->blocks - done < most ? part->blocks - done : most;
        for (size_t r = 0; r < rows; r++)
            memcpy(copy + r * STRIDE, part->base + r * part->row_bytes + bytes_of(format, done),
                   bytes_of(format, some.blocks));
        format->multiply(&some);
        some.block += some.blocks;
        if (some.tiles != NULL)
            some.tiles += some.blocks;
    }
}

static void multiply_part(const struct rows_format *format, const struct rows_part *part,
                          size_t rows)
{
    const size_t whole = rows == ROWS ? part->blocks / format->step_blocks : 0;
    if (whole * format->step_blocks == part->blocks) {
        format->multiply(part);
        return;
    }
    struct rows_part some = *part;
    if (whole > 0) {
        some.blocks = whole * format->step_blocks;
        format->multiply(&some);
        some.base += whole * format->step_bytes;
        some.block += some.blocks;
        if (some.tiles != NULL)
            some.tiles += some.blocks;
        some.blocks = part->blocks - some.blocks;
    }
    if (some.blocks > 0)
        multiply_copy(format, &some, rows);
}

/* Up to eight tokens of one tile, laid out here where the activation has none. */
static void multiply_tokens(const struct rows_format *format, struct rows_part *part, size_t rows,
                            size_t blocks)
{
    const struct activation *const activation = part->activation;
    const uint8_t *const base = part->base;
    _Alignas(64) struct activation_tile own[TILES];
    const bool whole = part->tokens == 1 || activation->tiles != NULL;
    const size_t piece = whole ? blocks : TILES;
    for (size_t block = 0; block < blocks; block += piece) {
        part->block = block;
        part->blocks = blocks - block < piece ? blocks - block : piece;
        part->base = base + block / format->step_blocks * format->step_bytes;
        part->tiles = NULL;
        if (part->tokens > 1)
            part->tiles =
                whole ? activation->tiles + part->token / ACTIVATION_LANES * activation->blocks
                      : own;
        for (size_t b = 0; !whole && b < part->blocks; b++)
            for (size_t t = 0; t < part->tokens; t++)
                activation_tile_set(&own[b], (part->token + t) % ACTIVATION_LANES, activation,
                                    part->token + t, block + b);
        multiply_part(format, part, rows);
    }
    part->base = base;
}

void avx512_rows_multiply(const struct rows_format *format, const void *base, size_t row_bytes,
                          size_t rows, size_t blocks, const struct activation *activation,
                          size_t first_token, size_t tokens, float *out, size_t out_stride)
{
    _Alignas(64) float memory[ROWS_TOKENS * ROWS];
    const __mmask16 mask = (__mmask16)((1u << rows) - 1);
    struct rows_part part = {.base = base,
                             .row_bytes = row_bytes,
                             .ahead = (const uint8_t *)base + ROWS * row_bytes,
                             .quad_bytes = 4 * row_bytes,
                             .activation = activation,
                             .memory = memory};
    for (size_t t = 0; t < tokens; t += part.tokens) {
        part.token = first_token + t;
        const size_t lanes = ACTIVATION_LANES - part.token % ACTIVATION_LANES;
        part.tokens = tokens - t < lanes ? tokens - t : lanes;
        for (size_t i = 0; i < part.tokens; i++)
            _mm512_store_ps(memory + i * ROWS, _mm512_setzero_ps());
        multiply_tokens(format, &part, rows, blocks);
        for (size_t i = 0; i < part.tokens; i++)
            _mm512_mask_storeu_ps(out + (t + i) * out_stride, mask,
                                  _mm512_load_ps(memory + i * ROWS));
    }
}

void avx512_rows_unpack(const struct rows_format *format, const void *base, size_t row_bytes,
                        size_t rows, size_t blocks, const struct quant_panel *panel)
{
    const struct rows_part part = {.base = base,
                                   .row_bytes = row_bytes,
                                   .blocks = blocks,
                                   .tokens = ROWS_UNPACK,
                                   .panel = panel,
                                   .parts = format->parts};
    multiply_part(format, &part, rows);
}

void avx512_rows_fill(struct kernel *kernel)
{
    kernel->rows_tokens = MOST_TOKENS;
    kernel->rows_product[QUANT_Q4_0] = avx512_rows_q4_0;
    kernel->rows_product[QUANT_Q4_1] = avx512_rows_q4_1;
    kernel->rows_product[QUANT_Q5_0] = avx512_rows_q5_0;
    kernel->rows_product[QUANT_Q5_1] = avx512_rows_q5_1;
    kernel->rows_product[QUANT_Q8_0] = avx512_rows_q8_0;
    kernel->rows_product[QUANT_Q2_K] = avx512_rows_q2_k;
    kernel->rows_product[QUANT_Q3_K] = avx512_rows_q3_k;
    kernel->rows_product[QUANT_Q4_K] = avx512_rows_q4_k;
    kernel->rows_product[QUANT_Q5_K] = avx512_rows_q5_k;
    kernel->rows_product[QUANT_Q6_K] = avx512_rows_q6_k;
    kernel->rows_product[QUANT_IQ4_NL] = avx512_rows_iq4_nl;
    kernel->rows_product[QUANT_IQ4_XS] = avx512_rows_iq4_xs;
    kernel->rows_unpack[QUANT_Q4_0] = avx512_unpack_q4_0;
    kernel->rows_unpack[QUANT_Q4_1] = avx512_unpack_q4_1;
    kernel->rows_unpack[QUANT_Q5_0] = avx512_unpack_q5_0;
    kernel->rows_unpack[QUANT_Q5_1] = avx512_unpack_q5_1;
    kernel->rows_unpack[QUANT_Q8_0] = avx512_unpack_q8_0;
    kernel->rows_unpack[QUANT_Q2_K] = avx512_unpack_q2_k;
    kernel->rows_unpack[QUANT_Q3_K] = avx512_unpack_q3_k;
    kernel->rows_unpack[QUANT_Q4_K] = avx512_unpack_q4_k;
    kernel->rows_unpack[QUANT_Q5_K] = avx512_unpack_q5_k;
    kernel->rows_unpack[QUANT_Q6_K] = avx512_unpack_q6_k;
    kernel->rows_unpack[QUANT_IQ4_NL] = avx512_unpack_iq4_nl;
    kernel->rows_unpack[QUANT_IQ4_XS] = avx512_unpack_iq4_xs;
}
