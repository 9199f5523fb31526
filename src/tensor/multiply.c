/* multiply.c - weight matrices times tokens.
 *
 * The rows of all matrices of a joint product are cut into strips of panels (16 rows); a task is
 * one strip:
 *
 *   products   | weight 0           | weight 1      | weight 2      |
 *   strips     |  0  |  1  |  2  |  |  3  |  4  |   |  5  |  6  |
 *
 * Integer weights: for few tokens a kernel that reads the file's rows in place, where the level has
 * one; else a few panels are unpacked to the thread's scratch, a piece of columns at a time, and
 * used for all tokens:
 *
 *   columns      | piece 0 | piece 1 | ...     a piece of a panel stays in the first cache, while
 *   panel 0, 1.. |         |         |         all tokens' activations there pass by; for the next
 *                                              panel they come from the second
 *
 * Float weights: rows as they lie.
 */
#include "tensor/tensor.h"

#define FEW_TOKENS  16 /* so few that the work is fetching weights */
#define HELD_TOKENS 64 /* tokens at a time of rows that are added to what there is */

struct job {
    struct workspace *workspace;
    const float *x;
    size_t x_stride, tokens, strip_rows;
    const struct tensor_product *products;
    size_t count;
};

static size_t strips_of(const struct job *job, const struct tensor *weight)
{
    return (weight->rows + job->strip_rows - 1) / job->strip_rows;
}

/* Rows [row, row + rows) of tokens [token, token + tokens). */
struct span {
    size_t row, rows, token, tokens;
};

/* Sums [tokens][stride] to where the product wants them; they may lie there already. */
static void finish(const struct job *job, const struct tensor_product *product,
                   const struct span *span, const float *sums, size_t stride)
{
    const struct kernel_finish task = {
        .sums = sums,
        .sums_stride = stride,
        .tokens = span->tokens,
        .rows = span->rows,
        .bias = product->bias != NULL ? product->bias + span->row : NULL,
        .gelu = product->gelu,
        .accumulate = product->accumulate,
        .out = product->out + span->token * product->out_stride + span->row,
        .out_stride = product->out_stride};
    if (sums != task.out || task.bias != NULL || task.gelu)
        job->workspace->kernel->finish(&task);
}

/* Rows for all tokens, by a kernel that reads them where they lie; of integers at most sixteen. */
static void multiply_in_place(const struct job *job, const struct tensor_product *product,
                              size_t row, size_t rows)
{
    const struct workspace *const w = job->workspace;
    const struct tensor *const weight = product->weight;
    const unsigned char *const base = weight->data + row * weight->row_bytes;
    kernel_rows_product *const integers = w->kernel->rows_product[weight->format->type];
    float held[HELD_TOKENS * TENSOR_PANEL_ROWS];
    for (size_t t = 0; t < job->tokens; t += HELD_TOKENS) {
        const size_t n = job->tokens - t < HELD_TOKENS ? job->tokens - t : HELD_TOKENS;
        const struct span span = {row, rows, t, n};
        float *const out = product->out + t * product->out_stride + row;
        float *const to = product->accumulate ? held : out;
        const size_t stride = product->accumulate ? TENSOR_PANEL_ROWS : product->out_stride;
        if (weight->format->kind == QUANT_KIND_FLOAT)
            w->kernel->float_product(weight->format->type, base, weight->row_bytes, rows,
                                     weight->columns, job->x + t * job->x_stride, job->x_stride, n,
                                     to, stride);
        else
            integers(base, weight->row_bytes, rows, weight->columns / QUANT_BLOCK, &w->activation,
                     t, n, to, stride);
        finish(job, product, &span, to, stride);
    }
}

/* Where columns from block `block` on lie in row `row`. */
static const unsigned char *bytes_at(const struct tensor *weight, size_t row, size_t block)
{
    const struct quant_format *const format = weight->format;
    return weight->data + row * weight->row_bytes +
           block * QUANT_BLOCK / format->block_length * format->block_bytes;
}

/* `blocks` blocks of sixteen rows, from `first_block` on, to a panel. */
static void unpack_rows(const struct workspace *w, const struct tensor *weight, size_t row,
                        size_t rows, size_t first_block, size_t blocks,
                        const struct quant_panel *panel)
{
    const struct quant_format *const format = weight->format;
    kernel_rows_unpack *const unpack = w->kernel->rows_unpack[format->type];
    if (unpack != NULL)
        unpack(bytes_at(weight, row, first_block), weight->row_bytes, rows, blocks, panel);
    else
        format->unpack(bytes_at(weight, row, 0), weight->row_bytes, rows, first_block, blocks,
                       panel);
}

/* What is unpacked next: of the same rows the blocks from `block` on, or the begin of the rows that
 * follow. */
static struct kernel_ahead ahead_of(const struct tensor *weight, size_t row, size_t rows,
                                    size_t block)
{
    const struct quant_format *const format = weight->format;
    const size_t blocks = weight->columns / QUANT_BLOCK;
    if (block == blocks) {
        row += rows;
        block = 0;
    }
    const size_t most = blocks - block < TENSOR_PANEL_BLOCKS ? blocks - block : TENSOR_PANEL_BLOCKS;
    return (struct kernel_ahead){.base = bytes_at(weight, row, block),
                                 .row_bytes = weight->row_bytes,
                                 .rows = weight->rows - row < rows ? weight->rows - row : rows,
                                 .bytes = most * QUANT_BLOCK / format->block_length *
                                          format->block_bytes};
}

/* Up to TENSOR_PANELS panels for all tokens: of each piece of columns all panels are unpacked, then
 * multiplied while the tokens' activations there are at hand. */
static void multiply_panels(const struct job *job, const struct tensor_product *product, size_t row,
                            size_t rows, size_t thread)
{
    const struct workspace *const w = job->workspace;
    const struct tensor_thread *const own = &w->threads[thread];
    const size_t blocks = product->weight->columns / QUANT_BLOCK;
    const size_t panels = (rows + QUANT_PANEL_ROWS - 1) / QUANT_PANEL_ROWS;
    const struct span span = {row, rows, 0, job->tokens};
    for (size_t block = 0; block < blocks; block += TENSOR_PANEL_BLOCKS) {
        const size_t n =
            blocks - block < TENSOR_PANEL_BLOCKS ? blocks - block : TENSOR_PANEL_BLOCKS;
        for (size_t p = 0; p < panels; p++) {
            const size_t first = p * QUANT_PANEL_ROWS;
            unpack_rows(w, product->weight, row + first,
                        rows - first < QUANT_PANEL_ROWS ? rows - first : QUANT_PANEL_ROWS, block, n,
                        &own->panels[p]);
        }
        const struct kernel_ahead ahead = ahead_of(product->weight, row, rows, block + n);
        w->kernel->panel_product(product->weight->format, own->panels, panels, n, &w->activation,
                                 block, 0, job->tokens, own->sums, TENSOR_PANEL_ROWS, &ahead);
    }
    finish(job, product, &span, own->sums, TENSOR_PANEL_ROWS);
}

static bool reads_in_place(const struct job *job, const struct tensor *weight)
{
    return weight->format->kind == QUANT_KIND_FLOAT ||
           (job->tokens <= job->workspace->kernel->rows_tokens &&
            job->workspace->kernel->rows_product[weight->format->type] != NULL);
}

static void multiply_strip(void *context, size_t task, size_t thread)
{
    const struct job *job = context;
    const struct tensor_product *product = job->products;
    while (task >= strips_of(job, product->weight)) {
        task -= strips_of(job, product->weight);
        product++;
    }
    const size_t rows = product->weight->rows, first = task * job->strip_rows;
    const size_t end = rows - first < job->strip_rows ? rows : first + job->strip_rows;
    const bool in_place = reads_in_place(job, product->weight);
    const bool floats = product->weight->format->kind == QUANT_KIND_FLOAT;
    const size_t step = in_place && !floats ? QUANT_PANEL_ROWS : TENSOR_PANEL_ROWS;
    for (size_t row = first; row < end; row += step) {
        const size_t n = end - row < step ? end - row : step;
        if (in_place)
            multiply_in_place(job, product, row, n);
        else
            multiply_panels(job, product, row, n, thread);
    }
}

#define QUANTIZE_TOKENS 8 /* tokens per task */

static void quantize_tokens(void *context, size_t task, size_t thread)
{
    (void)thread;
    const struct job *job = context;
    const size_t first = task * QUANTIZE_TOKENS;
    const size_t n = job->tokens - first < QUANTIZE_TOKENS ? job->tokens - first : QUANTIZE_TOKENS;
    job->workspace->kernel->quantize(job->x + first * job->x_stride, job->x_stride, n, first,
                                     &job->workspace->activation);
}

void tensor_multiply(struct workspace *workspace, const float *x, size_t x_stride, size_t tokens,
                     const struct tensor_product *products, size_t count)
{
    struct job job = {workspace, x, x_stride, tokens, QUANT_PANEL_ROWS, products, count};
    size_t rows = 0, strips = 0;
    bool integers = false;
    for (size_t i = 0; i < count; i++) {
        rows += products[i].weight->rows;
        integers = integers || products[i].weight->format->kind != QUANT_KIND_FLOAT;
    }
    /* Many small strips for few tokens, whose work is fetching rows that follow each other; else
     * fewer, of panels side by side. */
    const size_t strips_each = tokens <= FEW_TOKENS ? 64 : 16;
    const size_t wanted = rows / (pool_size(workspace->pool) * strips_each);
    const size_t step = wanted >= TENSOR_PANEL_ROWS       ? TENSOR_PANEL_ROWS
                        : wanted >= TENSOR_PANEL_ROWS / 2 ? TENSOR_PANEL_ROWS / 2
                                                          : QUANT_PANEL_ROWS;
    job.strip_rows = wanted > step ? wanted / step * step : step;
    for (size_t i = 0; i < count; i++)
        strips += strips_of(&job, products[i].weight);
    if (integers) {
        workspace->activation.columns = products[0].weight->columns;
        workspace->activation.blocks = products[0].weight->columns / QUANT_BLOCK;
        pool_run(workspace->pool, quantize_tokens, &job,
                 (tokens + QUANTIZE_TOKENS - 1) / QUANTIZE_TOKENS);
    }
    pool_run(workspace->pool, multiply_strip, &job, strips);
}

void tensor_row(const struct tensor *tensor, size_t id, float *out)
{
    tensor->format->decode(tensor->data + id * tensor->row_bytes, out, tensor->columns);
}
