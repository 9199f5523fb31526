/* quant_super.c - see quant_super.h. */
#include "quant/quant_super.h"

#include <float.h>

#define REFITS  3
#define OUTWARD 0.5f /* how far past the range's ends the extreme sub-scale is tried */
#define INWARD  1.0f /* and how far inside */
#define STEP    1.0f

/* A super-block's choice with its error and the parabola of the common scale (quant_search.h). */
struct trial {
    struct quant_super super;
    struct quant_search_fit fit;
};

struct problem {
    const struct quant_super_shape *shape;
    const struct quant_search_block *block;
    float ideals[QUANT_SUPER_PARTS]; /* each part's own best scale */
};

static int nearest_integer(float value, int low, int high)
{
    if (value <= (float)low)
        return low;
    if (value >= (float)high)
        return high;
    return (int)(value + (value < 0 ? -0.5f : 0.5f));
}

/* The best of the sub-scales next to the ideal, for one part; its fit is added to the trial's. */
static void choose_subscale(const struct problem *problem, size_t part, struct trial *trial)
{
    const struct quant_super_shape *shape = problem->shape;
    const struct quant_search_grid *grid = shape->grid;
    const float *values = problem->block->values + part * grid->count;
    const float *weights = problem->block->weights + part * grid->count;
    const float scale = trial->super.scale;
    const int centre = nearest_integer(problem->ideals[part] / scale, shape->low, shape->high);
    struct quant_search_fit best = {.error = FLT_MAX};
    int chosen = 0;
    for (int subscale = centre - 1; subscale <= centre + 1; subscale++) {
        if (subscale < shape->low || subscale > shape->high)
            continue;
        const struct quant_search_fit fit =
            grid->measure(grid, values, weights, scale * (float)subscale);
        if (fit.error < best.error) {
            best = fit;
            chosen = subscale;
        }
    }
    trial->super.subscales[part] = chosen;
    trial->fit.error += best.error;
    trial->fit.slope += (float)chosen * best.slope;
    trial->fit.curvature += (float)(chosen * chosen) * best.curvature;
}

/* Tries a common scale; replaces `best` where it is better, and says whether it was. */
static bool try_scale(const struct problem *problem, float scale, struct trial *best)
{
    struct trial trial = {.super.scale = quant_search_half(scale)};
    if (trial.super.scale == 0)
        return false;
    for (size_t part = 0; part < problem->shape->parts; part++) {
        choose_subscale(problem, part, &trial);
        if (!(trial.fit.error < best->fit.error))
            return false;
    }
    *best = trial;
    return true;
}

static float sum_of_squares(const struct quant_search_block *block, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += block->weights[i] * block->values[i] * block->values[i];
    return sum;
}

void quant_super_search(const struct quant_super_shape *shape,
                        const struct quant_search_block *block, struct quant_super *super)
{
    const struct quant_search_grid *grid = shape->grid;
    struct problem problem = {.shape = shape, .block = block};
    float extreme = 0;
    for (size_t part = 0; part < shape->parts; part++) {
        const float ideal = quant_search_scale(grid, block->values + part * grid->count,
                                               block->weights + part * grid->count, false);
        problem.ideals[part] = ideal;
        if ((ideal < 0 ? -ideal : ideal) > (extreme < 0 ? -extreme : extreme))
            extreme = ideal;
    }
    struct trial best = {.fit.error = sum_of_squares(block, shape->parts * grid->count)};
    for (float reach = -INWARD; extreme != 0 && reach <= OUTWARD; reach += STEP) {
        try_scale(&problem, extreme / ((float)shape->low - reach), &best);
        try_scale(&problem, extreme / ((float)shape->high + reach), &best);
    }
    for (size_t round = 0; round < REFITS && best.fit.curvature > 0; round++)
        if (!try_scale(&problem, best.super.scale + best.fit.slope / best.fit.curvature, &best))
            break;
    *super = best.super;
}
