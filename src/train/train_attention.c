/* train_attention.c - see train_attention.h.
 *
 * One head of one row of tokens, a tile being QUERIES queries times KEYS keys:
 *
 *            keys:  | document 1   | document 2     |
 *   queries         |\             |                |
 *   tile 1          |  \           |                |       nothing outside the triangles is
 *                   |    \         |                |       multiplied, but for what a tile's
 *   tile 2          |      \       |                |       rectangle holds besides
 *                                  |\               |
 *
 * Forward, per tile of queries and block b of keys (s = q k, already divided by sqrt(dimensions)):
 *
 *   L_b = log sum_j exp(s_j)     p_j = exp(s_j - L_b)     o_b = sum_j p_j v_j
 *   L = log(exp(L) + exp(L_b))   o = o exp(L_old - L) + o_b exp(L_b - L)
 *
 * Backward (ibid., appendix B.2), p_j = exp(s_j - L), D = sum_j p_j dp_j = dout . out:
 *
 *   dp_j = dout . v_j        ds_j = p_j (dp_j - D)
 *   dq = sum_j ds_j k_j      dk_j += ds_j q      dv_j += p_j dout
 *
 * Tasks are (row, query head) forward. Backward they are (row, key head): all that adds to one
 * key's gradient is one task's, in order.
 */
#include "train/train_attention.h"

#include <math.h>
#include <string.h>

#ifdef PRIMER_STRESS
enum { QUERIES = 3, KEYS = 5 };
#else
enum { QUERIES = 64, KEYS = 512 };
#endif

static size_t keys_at_once(size_t length)
{
    return length < KEYS ? length : KEYS;
}

size_t train_attention_scratch(size_t dimensions, size_t length)
{
    return QUERIES * (2 * keys_at_once(length) + dimensions + 16);
}

/* ---- positions ---- */

struct rotate_job {
    const struct train_context *context;
    const struct train_attention *attention;
    float *qkv;
    bool back;
};

static void rotate_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct rotate_job *job = context;
    const struct train_attention *a = job->attention;
    const struct training_kernel *kernel = job->context->training;
    const float scale = 1.0f / sqrtf((float)a->dimensions);
    (void)slice;
    for (size_t t = first; t < first + count; t++) {
        const size_t position = t % a->length - a->starts[t];
        struct training_rotation rotation = {
            .x = job->qkv + t * train_attention_width(a),
            .heads = a->heads,
            .dimensions = a->dimensions,
            .cosine = a->rotary.cosine + position * a->rotary.pairs,
            .sine = a->rotary.sine + position * a->rotary.pairs,
            .pairs = a->rotary.pairs,
            .interleaved = a->rotary.interleaved,
            .back = job->back,
        };
        kernel->rotate(&rotation);
        kernel->scale(rotation.x, scale, a->heads * a->dimensions);
        rotation.x += a->heads * a->dimensions;
        rotation.heads = a->kv_heads;
        kernel->rotate(&rotation);
    }
}

void train_attention_rotate(const struct train_context *context,
                            const struct train_attention *attention, float *qkv, bool back)
{
    struct rotate_job job = {context, attention, qkv, back};
    train_over_rows(context, rotate_rows, &job, attention->rows * attention->length);
}

/* ---- one head ---- */

/* Queries, keys and values of one head in one row of tokens, `width` floats from token to token;
 * and the gradients, which lie the same way. */
struct head {
    const struct train_context *context;
    const struct train_attention *attention;
    size_t width, out_width, thread;
    const uint32_t *starts;
    const float *query, *key, *value;
    float *out, *log_sums;         /* forward */
    const float *kept, *kept_sums; /* the same two, backward */
    const float *dout;
    float *dquery, *dkey, *dvalue;
    float *scores, *gradients, *part; /* [QUERIES][keys], the same, [QUERIES][dimensions] */
};

/* Queries [i, i + queries) and keys [j, j + keys). */
struct tile {
    size_t i, queries, j, keys;
};

/* Keys of the tile that its query r sees: [from, to), counted from its first. */
static void visible(const struct head *h, const struct tile *t, size_t r, size_t *from, size_t *to)
{
    const size_t i = t->i + r, start = h->starts[i];
    *from = start > t->j ? start - t->j : 0;
    *to = i + 1 > t->j ? i + 1 - t->j : 0;
    if (*to > t->keys)
        *to = t->keys;
    if (*from > *to)
        *from = *to;
}

static void clear_outside(float *row, size_t from, size_t to, size_t keys)
{
    memset(row, 0, from * sizeof *row);
    memset(row + to, 0, (keys - to) * sizeof *row);
}

/* scores[r][j] = x[r] . y[j] over the head's dimensions. */
static void multiply_tile(const struct head *h, const struct tile *t, const float *x, size_t x_row,
                          const float *y, float *scores)
{
    gemm_run_here(h->context->gemm,
                  &(struct gemm){.rows = t->queries,
                                 .columns = t->keys,
                                 .depth = h->attention->dimensions,
                                 .a = x + t->i * x_row,
                                 .a_row = x_row,
                                 .a_step = 1,
                                 .b = y + t->j * h->width,
                                 .b_step = 1,
                                 .b_column = h->width,
                                 .out = scores,
                                 .out_row = t->keys,
                                 .bfloat = h->context->bfloat},
                  h->thread);
}

/* out[r] = or += sum over keys of scores[r][j] y[j]. */
static void sum_keys(const struct head *h, const struct tile *t, const float *scores,
                     const float *y, float *out, size_t out_row, bool accumulate)
{
    gemm_run_here(h->context->gemm,
                  &(struct gemm){.rows = t->queries,
                                 .columns = h->attention->dimensions,
                                 .depth = t->keys,
                                 .a = scores,
                                 .a_row = t->keys,
                                 .a_step = 1,
                                 .b = y + t->j * h->width,
                                 .b_step = h->width,
                                 .b_column = 1,
                                 .out = out,
                                 .out_row = out_row,
                                 .accumulate = accumulate,
                                 .bfloat = h->context->bfloat},
                  h->thread);
}

/* out[j] += sum over queries of scores[r][j] x[r]. */
static void sum_queries(const struct head *h, const struct tile *t, const float *scores,
                        const float *x, size_t x_row, float *out)
{
    gemm_run_here(h->context->gemm,
                  &(struct gemm){.rows = t->keys,
                                 .columns = h->attention->dimensions,
                                 .depth = t->queries,
                                 .a = scores,
                                 .a_row = 1,
                                 .a_step = t->keys,
                                 .b = x + t->i * x_row,
                                 .b_step = x_row,
                                 .b_column = 1,
                                 .out = out + t->j * h->width,
                                 .out_row = h->width,
                                 .accumulate = true,
                                 .bfloat = h->context->bfloat},
                  h->thread);
}

/* The next tile of queries' next block of keys: true while there is one. */
static bool next_keys(const struct head *h, struct tile *t)
{
    const size_t end = t->i + t->queries, most = keys_at_once(h->attention->length);
    t->j += t->keys;
    t->keys = end - t->j < most ? end - t->j : most;
    return t->keys > 0;
}

static struct tile first_tile(const struct head *h, size_t i)
{
    const size_t left = h->attention->length - i;
    return (struct tile){.i = i, .queries = left < QUERIES ? left : QUERIES, .j = h->starts[i]};
}

/* ---- forward ---- */

/* Joins a block's output `part` and logarithm into the query's. */
static void join(const struct head *h, float *out, float *log_sum, const float *part, float added)
{
    const struct training_kernel *kernel = h->context->training;
    const size_t dimensions = h->attention->dimensions;
    if (isinf(added))
        return; /* the query sees nothing of this block */
    const float most = *log_sum > added ? *log_sum : added;
    const float joined = most + logf(expf(*log_sum - most) + expf(added - most));
    kernel->scale(out, expf(*log_sum - joined), dimensions);
    kernel->add_scaled(out, expf(added - joined), part, dimensions);
    *log_sum = joined;
}

static void forward_tile(const struct head *h, const struct tile *t)
{
    const struct training_kernel *kernel = h->context->training;
    const bool first = t->j == h->starts[t->i];
    float sums[QUERIES];
    multiply_tile(h, t, h->query, h->width, h->key, h->scores);
    for (size_t r = 0; r < t->queries; r++) {
        float *const row = h->scores + r * t->keys;
        size_t from, to;
        visible(h, t, r, &from, &to);
        clear_outside(row, from, to, t->keys);
        sums[r] = to > from ? kernel->softmax(row + from, to - from) : -INFINITY;
    }
    if (first) {
        sum_keys(h, t, h->scores, h->value, h->out + t->i * h->out_width, h->out_width, false);
        memcpy(h->log_sums + t->i, sums, t->queries * sizeof *sums);
        return;
    }
    const size_t dimensions = h->attention->dimensions;
    sum_keys(h, t, h->scores, h->value, h->part, dimensions, false);
    for (size_t r = 0; r < t->queries; r++)
        join(h, h->out + (t->i + r) * h->out_width, &h->log_sums[t->i + r],
             h->part + r * dimensions, sums[r]);
}

static void forward_head(const struct head *h)
{
    for (size_t i = 0; i < h->attention->length; i += QUERIES)
        for (struct tile t = first_tile(h, i); next_keys(h, &t);)
            forward_tile(h, &t);
}

/* ---- backward ---- */

static void backward_tile(const struct head *h, const struct tile *t, const float *corrections)
{
    const struct training_kernel *kernel = h->context->training;
    multiply_tile(h, t, h->query, h->width, h->key, h->scores);
    multiply_tile(h, t, h->dout, h->out_width, h->value, h->gradients);
    for (size_t r = 0; r < t->queries; r++) {
        float *const row = h->scores + r * t->keys, *const gradient = h->gradients + r * t->keys;
        size_t from, to;
        visible(h, t, r, &from, &to);
        clear_outside(row, from, to, t->keys);
        clear_outside(gradient, from, to, t->keys);
        if (to == from)
            continue;
        kernel->softmax_again(row + from, h->kept_sums[t->i + r], to - from, row + from);
        kernel->softmax_backward(row + from, corrections[r], 1.0f, to - from, gradient + from);
    }
    sum_queries(h, t, h->scores, h->dout, h->out_width, h->dvalue);
    sum_queries(h, t, h->gradients, h->query, h->width, h->dkey);
    sum_keys(h, t, h->gradients, h->key, h->dquery + t->i * h->width, h->width, true);
}

static void backward_head(const struct head *h)
{
    const struct training_kernel *kernel = h->context->training;
    float corrections[QUERIES];
    for (size_t i = 0; i < h->attention->length; i += QUERIES) {
        struct tile t = first_tile(h, i);
        for (size_t r = 0; r < t.queries; r++)
            corrections[r] =
                kernel->dot(h->dout + (i + r) * h->out_width, h->kept + (i + r) * h->out_width,
                            h->attention->dimensions);
        while (next_keys(h, &t))
            backward_tile(h, &t, corrections);
    }
}

/* ---- tasks ---- */

struct attention_job {
    const struct train_context *context;
    const struct train_attention *attention;
    const float *qkv;
    float *out, *log_sums;         /* forward */
    const float *kept, *kept_sums; /* backward */
    const float *dout;
    float *dqkv;
};

static struct head head_of(const struct attention_job *job, size_t row, size_t index, size_t thread)
{
    const struct train_attention *a = job->attention;
    const size_t width = train_attention_width(a), out_width = a->heads * a->dimensions;
    const size_t first = row * a->length;
    const size_t query = index * a->dimensions;
    const size_t key = (a->heads + index / (a->heads / a->kv_heads)) * a->dimensions;
    const size_t value = key + a->kv_heads * a->dimensions;
    const size_t tile = QUERIES * keys_at_once(a->length);
    struct head h = {
        .context = job->context,
        .attention = a,
        .width = width,
        .out_width = out_width,
        .thread = thread,
        .starts = a->starts + first,
        .query = job->qkv + first * width + query,
        .key = job->qkv + first * width + key,
        .value = job->qkv + first * width + value,
        .scores = a->scratch + thread * train_attention_scratch(a->dimensions, a->length),
    };
    h.gradients = h.scores + tile;
    h.part = h.gradients + tile;
    const size_t sums = (row * a->heads + index) * a->length;
    if (job->dout == NULL) {
        h.out = job->out + first * out_width + query;
        h.log_sums = job->log_sums + sums;
    } else {
        h.kept = job->kept + first * out_width + query;
        h.kept_sums = job->kept_sums + sums;
        h.dout = job->dout + first * out_width + query;
        h.dquery = job->dqkv + first * width + query;
        h.dkey = job->dqkv + first * width + key;
        h.dvalue = job->dqkv + first * width + value;
    }
    return h;
}

static void forward_task(void *context, size_t task, size_t thread)
{
    const struct attention_job *job = context;
    const size_t heads = job->attention->heads;
    const struct head h = head_of(job, task / heads, task % heads, thread);
    forward_head(&h);
}

static void backward_task(void *context, size_t task, size_t thread)
{
    const struct attention_job *job = context;
    const struct train_attention *a = job->attention;
    const size_t group = a->heads / a->kv_heads, row = task / a->kv_heads,
                 first = task % a->kv_heads * group;
    const size_t bytes = a->dimensions * sizeof(float);
    for (size_t i = first; i < first + group; i++) {
        const struct head h = head_of(job, row, i, thread);
        for (size_t t = 0; t < a->length; t++) {
            memset(h.dquery + t * h.width, 0, bytes);
            if (i == first) {
                memset(h.dkey + t * h.width, 0, bytes);
                memset(h.dvalue + t * h.width, 0, bytes);
            }
        }
        backward_head(&h);
    }
}

void train_attention_forward(const struct train_context *context,
                             const struct train_attention *attention, const float *qkv, float *out,
                             float *log_sums)
{
    struct attention_job job = {
        .context = context, .attention = attention, .qkv = qkv, .out = out, .log_sums = log_sums};
    pool_run(context->pool, forward_task, &job, attention->rows * attention->heads);
}

void train_attention_backward(const struct train_context *context,
                              const struct train_attention *attention, const float *qkv,
                              const float *out, const float *log_sums, const float *dout,
                              float *dqkv)
{
    struct attention_job job = {.context = context,
                                .attention = attention,
                                .qkv = qkv,
                                .kept = out,
                                .kept_sums = log_sums,
                                .dout = dout,
                                .dqkv = dqkv};
    pool_run(context->pool, backward_task, &job, attention->rows * attention->kv_heads);
}
