/* train_grow_fill.c - copies, random numbers, copies that sum to the same.
 *
 * s(j) is the source of place j, m(j) how many places have the same source, z normal deviates, sd
 * the deviation of the source's matrix W.
 *
 *   tile    W'[r, c] = W[s(r), s(c)] + noise sd z          z only where r or c is a repeat
 *   reuse   W'[r, c] = W[s(r), s(c)], where r or c is a repeat: 0.02 z
 *   clone   W'[r, c] = W[s(r), s(c)] / m(c) + e[r, c]      of a table: W[s(r), s(c)]
 *   spread  the same, where the embedding grows by any factor and heads may get dimensions: their
 *           rows of queries are multiplied by the axis's factors (train_grow_axis.c)
 *
 * Clone (HyperCloning, arXiv 2409.12903; for units of the feed-forward Net2Net, arXiv 1511.05641).
 * Let every place c of an input hold x[s(c)]: copies are equal. Then
 *
 *   y'[r] = sum over c of W'[r, c] x[s(c)]
 *         = sum over sources j of x[j] (m W[s(r), j] / m + sum over c with s(c) = j of e[r, c])
 *
 * which is y[s(r)] whenever, for each row, e sums to 0 over the copies of each input. So copies of
 * outputs are equal too, and layer by layer all of them stay so: biases, activations, RoPE and
 * attention (each head with its own copy of keys and values) act on places one by one, the sums of
 * squares and the means of norms have all copies equally often (the embedding's factor is whole),
 * and the residual stream adds equal copies. Of two copies the rows of W' are [W/2 + e, W/2 - e]:
 * the paper's noisy symmetric expansion. For m copies the deviates have their mean subtracted; it
 * takes 1/m of their variance, which is given back:
 *
 *   e[r, c] = noise sd / m * sqrt(m / (m - 1)) * (z[r, c] - mean of z[r, c'] over s(c') = s(c))
 *
 * Copies compute the same and are no longer the same: the gradient of an input's copies is
 * sum over r of W'[r, c] g[r], which e makes different for each c, so that the rows that computed
 * those copies learn apart from the first step on, and after it the columns do.
 *
 * The table has no noise: equal copies begin there. Where the output matrix is the table, nothing
 * can be divided in it; the final norm's factors (and terms) are divided instead:
 *
 *   sum over c of E[v, s(c)] (w[s(c)] / m(c)) x[s(c)] = sum over j of E[v, j] w[j] x[j].
 *
 * Spread is exact but for the norms, whose means are taken over dimensions of which some are there
 * once more than others, and for rotary pairs whose angle is the nearest and not the same. It is
 * what bert2BERT's function-preserving initialization does to a transformer (arXiv 2110.07143).
 *
 * A layer that is to change nothing has all 0 in what it adds to the residual stream, weights and
 * biases, and the numbers of the layer it repeats inside.
 *
 * Vectors are copied; with reuse, what isn't the source's is the mean for a norm's factors and 0
 * for terms.
 */
#include "train/train_grow_fill.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

/* Of random weights, as those of Phi and GPT-2 began (initializer_range). The small model's are
 * larger, so that it is heard through them: with its own deviation in their place the new model of
 * one that was tied began at a loss of 16 nats instead of 6. */
#define FRESH_DEVIATION 0.02

size_t train_grow_fill_scratch(const struct train_grow_fill *fill)
{
    return fill->columns->count + fill->columns->source_count;
}

static void start(struct random *random, const struct train_grow_fill *fill, size_t row)
{
    random_seed(random, fill->seed + (uint64_t)row * UINT64_C(0xd1342543de82ef95));
}

static void fill_vector(const struct train_grow_fill *fill, const float *source, float *out)
{
    const struct train_grow_axis *columns = fill->columns;
    const bool fresh = fill->method == TRAIN_GROW_REUSE && fill->kind != TRAIN_GROW_FACTORS;
    const double other = fill->kind == TRAIN_GROW_NORM ? fill->mean : 0.0;
    for (size_t c = 0; c < columns->count; c++) {
        double value = (double)source[columns->sources[c]];
        if (fresh && columns->repeats[c])
            value = other;
        else if (fill->divided)
            value /= (double)columns->copies[columns->sources[c]];
        else if (columns->factors != NULL && fill->kind == TRAIN_GROW_BIAS)
            value *= columns->factors[c];
        out[c] = (float)value;
    }
}

static void tile_row(const struct train_grow_fill *fill, size_t row, const float *source,
                     float *out)
{
    const struct train_grow_axis *columns = fill->columns;
    const bool repeat = fill->rows->repeats[row], reuse = fill->method == TRAIN_GROW_REUSE;
    const double spread = reuse ? FRESH_DEVIATION : fill->deviation * fill->noise;
    struct random random;
    start(&random, fill, row);
    for (size_t c = 0; c < columns->count; c++) {
        double weight = (double)source[columns->sources[c]];
        if ((repeat || columns->repeats[c]) && spread > 0)
            weight = (reuse ? 0.0 : weight) + spread * random_normal(&random);
        out[c] = (float)weight;
    }
}

/* noise * sd / m * sqrt(m / (m - 1)), 0 for m = 1 */
static double clone_spread(const struct train_grow_fill *fill, double copies)
{
    return copies < 2 ? 0.0
                      : fill->noise * fill->deviation / copies * sqrt(copies / (copies - 1.0));
}

static void clone_row(const struct train_grow_fill *fill, size_t row, const float *source,
                      double *scratch, float *out)
{
    const struct train_grow_axis *columns = fill->columns;
    double *deviates = scratch, *sums = scratch + columns->count;
    const bool noisy = fill->noise > 0;
    struct random random;
    if (noisy) {
        start(&random, fill, row);
        memset(sums, 0, columns->source_count * sizeof *sums);
        for (size_t c = 0; c < columns->count; c++) {
            deviates[c] = random_normal(&random);
            sums[columns->sources[c]] += deviates[c];
        }
    }
    for (size_t c = 0; c < columns->count; c++) {
        const size_t from = columns->sources[c];
        const double copies = (double)columns->copies[from];
        double weight = (double)source[from] / copies;
        if (noisy)
            weight += clone_spread(fill, copies) * (deviates[c] - sums[from] / copies);
        if (fill->rows->factors != NULL)
            weight *= fill->rows->factors[row];
        out[c] = (float)weight;
    }
}

static void copy_row(const struct train_grow_fill *fill, const float *source, float *out)
{
    for (size_t c = 0; c < fill->columns->count; c++)
        out[c] = source[fill->columns->sources[c]];
}

void train_grow_fill_row(const struct train_grow_fill *fill, size_t row, const float *source,
                         double *scratch, float *out)
{
    if (fill->silent)
        memset(out, 0, fill->columns->count * sizeof *out);
    else if (fill->kind >= TRAIN_GROW_NORM)
        fill_vector(fill, source, out);
    else if (fill->method < TRAIN_GROW_SPREAD)
        tile_row(fill, row, source, out);
    else if (fill->kind == TRAIN_GROW_TABLE)
        copy_row(fill, source, out);
    else
        clone_row(fill, row, source, scratch, out);
}
