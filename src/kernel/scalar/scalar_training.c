/* scalar_training.c - training's functions as plain loops: the definition that every level is
 * compared with (kernel/training.h states what each does).
 *
 * Derivatives, with s = 1 / (1 + exp(-2u)) and the tanh form of GELU (Hendrycks, Gimpel 2016),
 * gelu(x) = x * s, u = k (x + c x^3), k = sqrt(2 / pi), c = 0.044715:
 *
 *   gelu'(x) = s + x * s * (1 - s) * 2u'          2u' = 2k + 6kc x^2
 *   silu'(g) = s * (1 + g * (1 - s))              s = 1 / (1 + exp(-g))
 *
 * Beyond |x| = 16 gelu' is 0 or 1 in f32, and is taken there, so that no square overflows.
 *
 * Dropout's bits: two rounds of a 32-bit mixer (the constants of lowbias32, found by Wellons'
 * search for mixers of little bias, 2018) over the column, each keyed with one half of the key.
 */
#include "kernel/scalar/scalar.h"

#include <math.h>
#include <string.h>
#include "base/half.h"
#include "kernel/training.h"

static float sum_of(const float *x, size_t count)
{
    float lanes[16] = {0};
    for (size_t i = 0; i < count; i++)
        lanes[i % 16] = lanes[i % 16] + x[i];
    return scalar_vector_tree(lanes);
}

static float square_sum_of(const float *x, float mean, size_t count)
{
    float lanes[16] = {0};
    for (size_t i = 0; i < count; i++) {
        const float d = x[i] - mean;
        lanes[i % 16] = fmaf(d, d, lanes[i % 16]);
    }
    return scalar_vector_tree(lanes);
}

static float clamp(float x)
{
    const float above = x < -16.0f ? -16.0f : x;
    return above > 16.0f ? 16.0f : above;
}

static void gelu(const float *x, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        const float u = x[i] * fmaf(0.044715f * x[i], x[i], 1.0f) * 0.7978845608f;
        out[i] = x[i] / (1.0f + scalar_vector_exp(-2.0f * u));
    }
}

static void gelu_backward(const float *x, const float *dout, size_t count, float *dx)
{
    for (size_t i = 0; i < count; i++) {
        const float t = clamp(x[i]);
        const float u = t * fmaf(0.044715f * t, t, 1.0f) * 0.7978845608f;
        const float s = 1.0f / (1.0f + scalar_vector_exp(-2.0f * u));
        const float slope = fmaf(0.2140644488f * t, t, 1.5957691216f);
        dx[i] = dout[i] * fmaf(t * s * (1.0f - s), slope, s);
    }
}

static void silu(const float *gate, const float *up, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = gate[i] / (1.0f + scalar_vector_exp(-gate[i])) * up[i];
}

static void silu_backward(const float *gate, const float *up, const float *dout, size_t count,
                          float *dgate, float *dup)
{
    for (size_t i = 0; i < count; i++) {
        const float g = gate[i], d = dout[i], s = 1.0f / (1.0f + scalar_vector_exp(-g));
        const float slope = s * fmaf(g, 1.0f - s, 1.0f);
        dgate[i] = d * up[i] * slope;
        dup[i] = d * (g * s);
    }
}

static void layer_norm(const struct training_norm *norm)
{
    const size_t n = norm->columns;
    for (size_t row = 0; row < norm->rows; row++) {
        const float *const x = norm->x + row * n;
        const float mean = sum_of(x, n) / (float)n;
        const float r = 1.0f / sqrtf(square_sum_of(x, mean, n) / (float)n + norm->epsilon);
        for (size_t i = 0; i < n; i++)
            norm->out[row * n + i] =
                fmaf((x[i] - mean) * r, norm->weight[i], norm->bias != NULL ? norm->bias[i] : 0.0f);
        norm->mean[row] = mean;
        norm->inverse[row] = r;
    }
}

static void rms_norm(const struct training_norm *norm)
{
    const size_t n = norm->columns;
    for (size_t row = 0; row < norm->rows; row++) {
        const float *const x = norm->x + row * n;
        const float r = 1.0f / sqrtf(square_sum_of(x, 0.0f, n) / (float)n + norm->epsilon);
        for (size_t i = 0; i < n; i++)
            norm->out[row * n + i] = (x[i] * r) * norm->weight[i];
        norm->inverse[row] = r;
    }
}

/* One row; RMSNorm subtracts +0 as its means, which changes nothing. */
static void norm_backward_row(const struct training_norm_backward *norm, size_t row, bool centred)
{
    const size_t n = norm->columns;
    const float *const x = norm->x + row * n, *const dout = norm->dout + row * n;
    float *const dx = norm->dx + row * n;
    const float mean = centred ? norm->mean[row] : 0.0f, r = norm->inverse[row];
    float sums[16] = {0}, products[16] = {0};
    for (size_t i = 0; i < n; i++) {
        const float g = dout[i] * norm->weight[i];
        sums[i % 16] = sums[i % 16] + g;
        products[i % 16] = fmaf(g, (x[i] - mean) * r, products[i % 16]);
    }
    const float mean_g = centred ? scalar_vector_tree(sums) / (float)n : 0.0f;
    const float mean_product = scalar_vector_tree(products) / (float)n;
    for (size_t i = 0; i < n; i++) {
        const float d = dout[i], xhat = (x[i] - mean) * r;
        const float value = r * fmaf(-xhat, mean_product, d * norm->weight[i] - mean_g);
        dx[i] = norm->accumulate ? dx[i] + value : value;
        if (norm->dweight != NULL)
            norm->dweight[i] = fmaf(d, xhat, norm->dweight[i]);
        if (centred && norm->dbias != NULL)
            norm->dbias[i] = norm->dbias[i] + d;
    }
}

static void layer_norm_backward(const struct training_norm_backward *norm)
{
    for (size_t row = 0; row < norm->rows; row++)
        norm_backward_row(norm, row, true);
}

static void rms_norm_backward(const struct training_norm_backward *norm)
{
    for (size_t row = 0; row < norm->rows; row++)
        norm_backward_row(norm, row, false);
}

/* Skips NaN; never -0. */
static float largest(const float *x, size_t count)
{
    float maximum = -INFINITY;
    for (size_t i = 0; i < count; i++)
        maximum = x[i] > maximum ? x[i] : maximum;
    return maximum + 0.0f;
}

/* x becomes exp(x - maximum); returns the sum. `out` NULL: the sum alone. */
static double exponentials(const float *x, float maximum, size_t count, float *out)
{
    double total = 0.0;
    for (size_t chunk = 0; chunk < count; chunk += TRAINING_CHUNK) {
        float lanes[16] = {0};
        for (size_t i = chunk; i < count && i < chunk + TRAINING_CHUNK; i++) {
            const float e = scalar_vector_exp(x[i] - maximum);
            lanes[i % 16] = lanes[i % 16] + e;
            if (out != NULL)
                out[i] = e;
        }
        total += (double)scalar_vector_tree(lanes);
    }
    return total;
}

static void multiply(float *x, float factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] * factor;
}

static float softmax(float *x, size_t count)
{
    const float maximum = largest(x, count);
    const double total = exponentials(x, maximum, count, x);
    multiply(x, (float)(1.0 / total), count);
    return (float)(log(total) + (double)maximum);
}

static void softmax_again(const float *x, float log_sum, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = scalar_vector_exp(x[i] - log_sum);
}

static void softmax_backward(const float *p, float correction, float scale, size_t count, float *dp)
{
    for (size_t i = 0; i < count; i++)
        dp[i] = p[i] * (dp[i] - correction) * scale;
}

static double log_sum(const float *x, size_t count)
{
    const float maximum = largest(x, count);
    return log(exponentials(x, maximum, count, NULL)) + (double)maximum;
}

static double cross_entropy(float *x, size_t count, size_t target, float scale)
{
    const float maximum = largest(x, count), chosen = x[target];
    const double total = exponentials(x, maximum, count, x);
    multiply(x, (float)((double)scale / total), count);
    x[target] = x[target] - scale;
    return log(total) + ((double)maximum - (double)chosen);
}

/* The sums of one chunk of two rows, student (s) and teacher (t), shifted by their maxima. */
struct sums {
    float plain[16];    /* exp(s) */
    float student[16];  /* exp(s / T) */
    float teacher[16];  /* exp(t / T) */
    float distance[16]; /* exp(t / T) * (t / T - s / T) */
};

static double distill(const struct training_distillation *d)
{
    const float inverse = 1.0f / d->temperature;
    const float s_most = largest(d->student, d->count), t_most = largest(d->teacher, d->count);
    const float chosen = d->student[d->target];
    double plain = 0.0, student = 0.0, teacher = 0.0, distance = 0.0;
    for (size_t chunk = 0; chunk < d->count; chunk += TRAINING_CHUNK) {
        struct sums sums = {0};
        for (size_t i = chunk; i < d->count && i < chunk + TRAINING_CHUNK; i++) {
            const float s = d->student[i] - s_most, t = (d->teacher[i] - t_most) * inverse;
            const float warm = s * inverse, q = scalar_vector_exp(t);
            sums.plain[i % 16] = sums.plain[i % 16] + scalar_vector_exp(s);
            sums.student[i % 16] = sums.student[i % 16] + scalar_vector_exp(warm);
            sums.teacher[i % 16] = sums.teacher[i % 16] + q;
            sums.distance[i % 16] = fmaf(q, t - warm, sums.distance[i % 16]);
        }
        plain += (double)scalar_vector_tree(sums.plain);
        student += (double)scalar_vector_tree(sums.student);
        teacher += (double)scalar_vector_tree(sums.teacher);
        distance += (double)scalar_vector_tree(sums.distance);
    }
    const double mix = (double)d->mix, temperature = (double)d->temperature,
                 scale = (double)d->scale;
    const float of_plain = (float)(scale * (1.0 - mix) / plain);
    const float of_student = (float)(scale * mix * temperature / student);
    const float of_teacher = (float)(scale * mix * temperature / teacher);
    for (size_t i = 0; i < d->count; i++) {
        const float s = d->student[i] - s_most, t = (d->teacher[i] - t_most) * inverse;
        const float soft = scalar_vector_exp(s * inverse) * of_student;
        const float both = fmaf(-scalar_vector_exp(t), of_teacher, soft);
        d->student[i] = fmaf(scalar_vector_exp(s), of_plain, both);
    }
    d->student[d->target] = d->student[d->target] - (float)(scale * (1.0 - mix));
    const double entropy = log(plain) + ((double)s_most - (double)chosen);
    const double divergence = distance / teacher + log(student) - log(teacher);
    return (1.0 - mix) * entropy + mix * temperature * temperature * divergence;
}

static float dot(const float *x, const float *y, size_t count)
{
    float lanes[16] = {0};
    for (size_t i = 0; i < count; i++)
        lanes[i % 16] = fmaf(x[i], y[i], lanes[i % 16]);
    return scalar_vector_tree(lanes);
}

static void add(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = y[i] + x[i];
}

static void add_scaled(float *y, float a, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = fmaf(a, x[i], y[i]);
}

static double square_sum(const float *x, size_t count)
{
    double lanes[16] = {0};
    for (size_t i = 0; i < count; i++)
        lanes[i % 16] = lanes[i % 16] + (double)x[i] * (double)x[i];
    for (size_t width = 8; width >= 1; width /= 2)
        for (size_t j = 0; j < width; j++)
            lanes[j] = lanes[j] + lanes[j + width];
    return lanes[0];
}

static void add_rows(const float *x, size_t rows, size_t columns, float *sums)
{
    for (size_t row = 0; row < rows; row++)
        add(sums, x + row * columns, columns);
}

static void rotate(const struct training_rotation *rotation)
{
    const size_t pairs = rotation->pairs;
    for (size_t head = 0; head < rotation->heads; head++)
        for (size_t i = 0; i < pairs; i++) {
            float *const x = rotation->x + head * rotation->dimensions;
            float *const first = rotation->interleaved ? x + 2 * i : x + i;
            float *const second = rotation->interleaved ? x + 2 * i + 1 : x + i + pairs;
            const float c = rotation->cosine[i];
            const float s = rotation->back ? -rotation->sine[i] : rotation->sine[i];
            const float x0 = *first, x1 = *second;
            *first = fmaf(x0, c, -(x1 * s));
            *second = fmaf(x0, s, x1 * c);
        }
}

static uint32_t mix_bits(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    return h ^ h >> 16;
}

static void dropout(float *x, size_t count, uint64_t key, float probability)
{
    const uint32_t threshold = training_threshold(probability);
    const float scale = 1.0f / (1.0f - probability);
    for (size_t j = 0; j < count; j++) {
        const uint32_t first = mix_bits((uint32_t)j * 0x9e3779b9u + (uint32_t)key);
        const uint32_t bits = mix_bits(first ^ (uint32_t)(key >> 32));
        x[j] = bits >= threshold ? x[j] * scale : 0.0f;
    }
}

static void adam(const struct training_adam *step, const float *gradient, size_t count, float *m,
                 float *v, float *w)
{
    for (size_t i = 0; i < count; i++) {
        const float g = gradient[i] * step->factor;
        m[i] = fmaf(step->beta_1, m[i], step->rest_1 * g);
        v[i] = fmaf(step->beta_2, v[i], step->rest_2 * g * g);
        const float root = sqrtf(v[i] * step->correction_2) + step->epsilon;
        const float change = fmaf(step->decay, w[i], m[i] * step->correction_1 / root);
        w[i] = fmaf(-step->rate, change, w[i]);
    }
}

#define TILE_ROWS    4
#define TILE_COLUMNS 4

static void pack(const float *from, size_t lane, size_t step, size_t lanes, size_t depth,
                 size_t width, float *to)
{
    for (size_t p = 0; p < depth; p++)
        for (size_t i = 0; i < lanes; i++)
            to[p * width + i] = from[i * lane + p * step];
}

static void tile(const struct training_tile *task)
{
    for (size_t i = 0; i < task->rows; i++)
        for (size_t j = 0; j < task->columns; j++) {
            float *const out = task->out + i * task->out_row + j;
            float sum = task->accumulate ? *out : 0.0f;
            for (size_t p = 0; p < task->depth; p++)
                sum = fmaf(task->a[p * task->rows + i], task->b[p * TILE_COLUMNS + j], sum);
            *out = task->bias != NULL ? sum + task->bias[j] : sum;
        }
}

/* To bfloat16 and back; what is below 2^-126 becomes a zero of its sign. */
static float rounded(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : bfloat_to_float(bfloat_from_float(x));
}

/* [2 * pairs][width]: an odd depth is followed by zeros. */
static void pack_bfloat(const float *from, size_t lane, size_t step, size_t lanes, size_t depth,
                        size_t width, float *to)
{
    for (size_t p = 0; p < depth + depth % 2; p++)
        for (size_t i = 0; i < lanes; i++)
            to[p * width + i] = p < depth ? rounded(from[i * lane + p * step]) : 0.0f;
}

static void tile_bfloat(const struct training_tile *task)
{
    for (size_t i = 0; i < task->rows; i++)
        for (size_t j = 0; j < task->columns; j++) {
            float *const out = task->out + i * task->out_row + j;
            float sum = task->accumulate ? *out : 0.0f;
            for (size_t p = 0; p < task->depth; p += 2) {
                const float *const a = task->a + p * task->rows + i;
                const float *const b = task->b + p * TILE_COLUMNS + j;
                sum = fmaf(a[task->rows], b[TILE_COLUMNS], sum);
                sum = fmaf(a[0], b[0], sum);
            }
            *out = task->bias != NULL ? sum + task->bias[j] : sum;
        }
}

void scalar_training_fill(struct training_kernel *kernel)
{
    *kernel = (struct training_kernel){
        .level = CPU_SCALAR,
        .gelu = gelu,
        .gelu_backward = gelu_backward,
        .silu = silu,
        .silu_backward = silu_backward,
        .layer_norm = layer_norm,
        .layer_norm_backward = layer_norm_backward,
        .rms_norm = rms_norm,
        .rms_norm_backward = rms_norm_backward,
        .softmax = softmax,
        .softmax_again = softmax_again,
        .softmax_backward = softmax_backward,
        .log_sum = log_sum,
        .cross_entropy = cross_entropy,
        .distill = distill,
        .dot = dot,
        .add = add,
        .add_scaled = add_scaled,
        .scale = multiply,
        .square_sum = square_sum,
        .add_rows = add_rows,
        .rotate = rotate,
        .dropout = dropout,
        .adam = adam,
        .tile_rows = TILE_ROWS,
        .tile_columns = TILE_COLUMNS,
        .panel_depth = 256,
        .block_columns = 256,
        .pack = pack,
        .tile = tile,
        .pair_floats = 2,
        .pack_bfloat = pack_bfloat,
        .tile_bfloat = tile_bfloat,
    };
}
