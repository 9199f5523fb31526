/* quant_search.c - see quant_search.h. */
#include "quant/quant_search.h"

#include "base/half.h"
#include "quant/quant_terms.h"

#define VALUE_MOST       0x1p28f
#define VALUE_LEAST      0x1p-40f
#define WEIGHT_LEAST     0x1p-20f
#define IMPORTANCE_LEAST 0x1p-100f
#define IMPORTANCE_MOST  0x1p126f
#define HALF_MOST        65504.0f
#define STARTS           2
#define REFITS           4

static float clean_value(float value)
{
    const float magnitude = value < 0 ? -value : value;
    if (!(magnitude >= VALUE_LEAST)) /* tiny, or NaN */
        return 0;
    if (magnitude > VALUE_MOST)
        return value < 0 ? -VALUE_MOST : VALUE_MOST;
    return value;
}

static float largest_weight(const float *importance, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        if (importance[i] > most && importance[i] <= IMPORTANCE_MOST)
            most = importance[i];
    return most;
}

void quant_search_load(struct quant_search_block *block, const float *in, const float *importance,
                       size_t count)
{
    const float most = importance == NULL ? 0 : largest_weight(importance, count);
    for (size_t i = 0; i < count; i++)
        block->values[i] = clean_value(in[i]);
    if (!(most >= IMPORTANCE_LEAST)) {
        for (size_t i = 0; i < count; i++)
            block->weights[i] = 1;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const float weight = importance[i] / most;
        block->weights[i] = weight > WEIGHT_LEAST ? (weight < 1 ? weight : 1) : WEIGHT_LEAST;
    }
}

float quant_search_half(float value)
{
    if (value > HALF_MOST)
        return HALF_MOST;
    if (value < -HALF_MOST)
        return -HALF_MOST;
    return half_to_float(half_from_float(value)) + 0.0f; /* -0 becomes 0 */
}

__attribute__((always_inline)) static inline struct quant_search_fit
measure(const struct quant_search_grid *grid, const float *values, const float *weights,
        float scale, size_t count)
{
    const float inverse = scale != 0 ? 1 / scale : 0;
    const float low = grid->low, high = grid->high;
    float error[32], slope[32], curvature[32];
    for (size_t i = 0; i < count; i++) {
        const float level = quant_terms_nearest(values[i] * inverse, low, high);
        const float residual = values[i] - scale * level;
        const float weighted = weights[i] * residual;
        error[i] = weighted * residual;
        slope[i] = weighted * level;
        curvature[i] = weights[i] * level * level;
    }
    return (struct quant_search_fit){quant_terms_sum(error, count), quant_terms_sum(slope, count),
                                     quant_terms_sum(curvature, count)};
}

struct quant_search_fit quant_search_measure_16(const struct quant_search_grid *grid,
                                                const float *values, const float *weights,
                                                float scale)
{
    return measure(grid, values, weights, scale, 16);
}

struct quant_search_fit quant_search_measure_32(const struct quant_search_grid *grid,
                                                const float *values, const float *weights,
                                                float scale)
{
    return measure(grid, values, weights, scale, 32);
}

/* A scale that was tried. */
struct choice {
    float scale;
    struct quant_search_fit fit;
    float bound; /* refit_error */
};

/* The error at the lowest point of the parabola that `fit` lies on: at most this a refit gives. */
static float refit_error(const struct quant_search_fit *fit)
{
    return fit->curvature > 0 ? fit->error - fit->slope * fit->slope / fit->curvature : fit->error;
}

static struct choice try_scale(const struct quant_search_grid *grid, const float *values,
                               const float *weights, bool half, float scale)
{
    struct choice choice = {.scale = half ? quant_search_half(scale) : scale};
    choice.fit = grid->measure(grid, values, weights, choice.scale);
    choice.bound = refit_error(&choice.fit);
    return choice;
}

/* Keeps the STARTS choices of least refit error, in order. */
static void keep_start(struct choice *starts, size_t *count, struct choice choice)
{
    size_t at = *count;
    while (at > 0 && choice.bound < starts[at - 1].bound)
        at--;
    if (at == STARTS)
        return;
    if (*count < STARTS)
        ++*count;
    for (size_t i = *count - 1; i > at; i--)
        starts[i] = starts[i - 1];
    starts[at] = choice;
}

static struct choice refit(const struct quant_search_grid *grid, const float *values,
                           const float *weights, bool half, struct choice best)
{
    for (size_t round = 0; round < REFITS && best.fit.curvature > 0; round++) {
        const struct choice next = try_scale(grid, values, weights, half,
                                             best.scale + best.fit.slope / best.fit.curvature);
        if (!(next.fit.error < best.fit.error))
            break;
        best = next;
    }
    return best;
}

static float extreme_value(const float *values, size_t count)
{
    float extreme = 0;
    for (size_t i = 0; i < count; i++)
        if ((values[i] < 0 ? -values[i] : values[i]) > (extreme < 0 ? -extreme : extreme))
            extreme = values[i];
    return extreme;
}

/* Whether every value is an integer of the grid's range times `scale`. Most scales fail at the
 * first. */
static bool all_multiples(const struct quant_search_grid *grid, const float *values, float scale)
{
    const float inverse = 1 / scale;
    for (size_t i = 0; i < grid->count; i++)
        if (scale * quant_terms_nearest(values[i] * inverse, grid->low, grid->high) != values[i])
            return false;
    return true;
}

/* Whether extreme / level is a binary16 under which every value is a level, without error. */
static bool scale_is_exact(const struct quant_search_grid *grid, const float *values,
                           const float *weights, float extreme, float level)
{
    const float scale = extreme / level;
    return (half_float_to_bits(scale) & 0x1fffu) == 0 && /* cheap, and false for most */
           scale * level == extreme && quant_search_half(scale) == scale &&
           all_multiples(grid, values, scale) &&
           grid->measure(grid, values, weights, scale).error == 0;
}

static float least_magnitude(const float *values, size_t count)
{
    float least = VALUE_MOST;
    for (size_t i = 0; i < count; i++) {
        const float magnitude = values[i] < 0 ? -values[i] : values[i];
        least = magnitude > 0 && magnitude < least ? magnitude : least;
    }
    return least;
}

/* Such a scale if there is one, else 0: a block that was decoded from this format, or from a
 * coarser one, is encoded without loss. The extreme value can be any level but 0, and no other
 * value lies below the scale. */
static float exact_scale(const struct quant_search_grid *grid, const float *values,
                         const float *weights, float extreme)
{
    if ((half_float_to_bits(extreme) & 0x3fu) != 0) /* a product of 11 and 7 bits has 18 */
        return 0;
    const bool mirrored = grid->high == -grid->low;
    const float ratio = (extreme < 0 ? -extreme : extreme) / least_magnitude(values, grid->count);
    if (ratio > -grid->low)
        return 0;
    for (float level = (float)(int)ratio; level <= -grid->low; level++) { /* ratio >= 1 */
        if (scale_is_exact(grid, values, weights, extreme, -level))
            return extreme / -level;
        if (!mirrored && level <= grid->high &&
            scale_is_exact(grid, values, weights, extreme, level))
            return extreme / level;
    }
    return 0;
}

float quant_search_scale(const struct quant_search_grid *grid, const float *values,
                         const float *weights, bool half)
{
    const float extreme = extreme_value(values, grid->count);
    if (extreme == 0)
        return 0;
    if (half) {
        const float scale = exact_scale(grid, values, weights, extreme);
        if (scale != 0)
            return scale;
    }
    struct choice starts[STARTS];
    size_t count = 0;
    for (float reach = -grid->inward; reach <= grid->outward; reach += grid->step) {
        keep_start(starts, &count,
                   try_scale(grid, values, weights, half, extreme / (grid->low - reach)));
        if (grid->high == -grid->low) /* the other end gives the same scales, negated */
            continue;
        keep_start(starts, &count,
                   try_scale(grid, values, weights, half, extreme / (grid->high + reach)));
    }
    struct choice best = refit(grid, values, weights, half, starts[0]);
    for (size_t i = 1; i < count; i++) {
        const struct choice next = refit(grid, values, weights, half, starts[i]);
        if (next.fit.error < best.fit.error)
            best = next;
    }
    return best.scale;
}

void quant_search_levels(const struct quant_search_grid *grid, const float *values, float scale,
                         int8_t *levels)
{
    const float inverse = scale != 0 ? 1 / scale : 0;
    for (size_t i = 0; i < grid->count; i++)
        levels[i] = (int8_t)quant_terms_nearest(values[i] * inverse, grid->low, grid->high);
}
