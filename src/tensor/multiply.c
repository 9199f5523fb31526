/* multiply.c - weight matrices times tokens.
 *
 * The rows of all matrices of a joint product are cut into strips of panels (16 rows); a task is
 * one strip:
 *
 *   products   | weight 0           | weight 1      | weight 2      |
 *   strips     |  0  |  1  |  2  |  |  3  |  4  |   |  5  |  6  |
 *
 * Integer weights: for few tokens a kernel that reads the file's rows in place, where the level has
 * one; else a panel is unpacked to the thread's scratch and used for all tokens. Float weights:
 * rows as they lie.
 */
#include "tensor/tensor.h"

#include <string.h>

#define IN_PLACE_TOKENS 4 /* most tokens for which rows are read in place rather than unpacked */

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

static void finish_rows(const struct job *job, const struct tensor_product *product, size_t row,
                        size_t rows, const float *from, size_t from_stride)
{
    const struct kernel *kernel = job->workspace->kernel;
    for (size_t t = 0; t < job->tokens; t++) {
        float *out = product->out + t * product->out_stride + row;
        const float *in = from + t * from_stride;
        float sum[QUANT_PANEL_ROWS];
        if (!product->accumulate && product->bias == NULL) {
            if (in != out)
                memcpy(out, in, rows * sizeof *out);
            continue;
        }
        memcpy(sum, in, rows * sizeof *sum);
        if (product->bias != NULL)
            kernel->add(sum, product->bias + row, rows);
        if (product->accumulate)
            kernel->add(out, sum, rows);
        else
            memcpy(out, sum, rows * sizeof *out);
    }
}

/* One panel of rows, or a step of float rows, for all tokens. */
static void multiply_rows(const struct job *job, const struct tensor_product *product, size_t row,
                          size_t rows, size_t thread)
{
    struct workspace *w = job->workspace;
    const struct tensor *weight = product->weight;
    const unsigned char *base = weight->data + row * weight->row_bytes;
    float held[QUANT_PANEL_ROWS * 64];
    const size_t blocks = weight->columns / QUANT_BLOCK;
    const struct quant_panel *panel = &w->threads[thread].panel;
    const bool floats = weight->format->kind == QUANT_KIND_FLOAT;
    kernel_rows_product *in_place = w->kernel->rows_product[weight->format->type];
    if (job->tokens > IN_PLACE_TOKENS)
        in_place = NULL;
    if (!floats && in_place == NULL)
        weight->format->unpack(base, weight->row_bytes, rows, 0, blocks, panel);
    const size_t most = sizeof held / sizeof *held / QUANT_PANEL_ROWS;
    for (size_t t = 0; t < job->tokens; t += most) {
        const size_t n = job->tokens - t < most ? job->tokens - t : most;
        struct tensor_product part = *product;
        struct job some = *job;
        part.out += t * product->out_stride;
        some.tokens = n;
        float *to = product->accumulate ? held : part.out + row;
        const size_t stride = product->accumulate ? QUANT_PANEL_ROWS : product->out_stride;
        if (floats)
            w->kernel->float_product(weight->format->type, base, weight->row_bytes, rows,
                                     weight->columns, job->x + t * job->x_stride, job->x_stride, n,
                                     to, stride);
        else if (in_place != NULL)
            in_place(base, weight->row_bytes, rows, blocks, &w->activation, t, n, to, stride);
        else
            w->kernel->panel_product(weight->format, panel, rows, blocks, &w->activation, t, n, to,
                                     stride);
        finish_rows(&some, &part, row, rows, to, stride);
    }
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
    for (size_t row = first; row < end; row += QUANT_PANEL_ROWS)
        multiply_rows(job, product, row,
                      end - row < QUANT_PANEL_ROWS ? end - row : QUANT_PANEL_ROWS, thread);
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
    /* About sixteen strips a thread: even work at the end, little hand-over between. */
    const size_t wanted = rows / (pool_size(workspace->pool) * 16);
    if (wanted > QUANT_PANEL_ROWS)
        job.strip_rows = wanted / QUANT_PANEL_ROWS * QUANT_PANEL_ROWS;
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
