/* quant_affine.c - see quant_affine.h. */
#include "quant/quant_affine.h"

#include <float.h>

#include "quant/quant_terms.h"

#define STARTS 2
#define REFITS 4

/* Sums of one part: r the residuals, q the levels, w the weights. */
struct fit {
    float error;              /* sum w r^2 */
    float residual_level;     /* sum w r q */
    float residual;           /* sum w r */
    float level_level, level; /* sum w q^2, sum w q */
    float weight;             /* sum w */
};

/* Normal equations of two factors: | aa ab | (a b)' = | ra rb |. */
struct normal {
    float aa, ab, bb, ra, rb;
};

/* A scale and minimum that were tried. */
struct choice {
    struct quant_affine affine;
    struct fit fit;
    float bound; /* refit_error */
};

__attribute__((always_inline)) static inline struct fit
measure_count(float high, const float *values, const float *weights, struct quant_affine affine,
              size_t count)
{
    const float scale = affine.scale, minimum = affine.minimum;
    const float inverse = scale != 0 ? 1 / scale : 0;
    float error[32], residual_level[32], residuals[32], level_level[32], levels[32], weight[32];
    for (size_t i = 0; i < count; i++) {
        const float level = quant_terms_nearest((values[i] - minimum) * inverse, 0, high);
        const float residual = values[i] - (scale * level + minimum);
        const float weighted_level = weights[i] * level;
        residuals[i] = weights[i] * residual;
        error[i] = residuals[i] * residual;
        residual_level[i] = residuals[i] * level;
        level_level[i] = weighted_level * level;
        levels[i] = weighted_level;
        weight[i] = weights[i];
    }
    return (struct fit){quant_terms_sum(error, count),     quant_terms_sum(residual_level, count),
                        quant_terms_sum(residuals, count), quant_terms_sum(level_level, count),
                        quant_terms_sum(levels, count),    quant_terms_sum(weight, count)};
}

static struct fit measure(const struct quant_affine_grid *grid, const float *values,
                          const float *weights, struct quant_affine affine)
{
    return grid->count == 32 ? measure_count(grid->high, values, weights, affine, 32)
                             : measure_count(grid->high, values, weights, affine, 16);
}

__attribute__((always_inline)) static inline float error_count(float high, const float *values,
                                                               const float *weights,
                                                               struct quant_affine affine,
                                                               size_t count)
{
    const float scale = affine.scale, minimum = affine.minimum;
    const float inverse = scale != 0 ? 1 / scale : 0;
    float error[32];
    for (size_t i = 0; i < count; i++) {
        const float level = quant_terms_nearest((values[i] - minimum) * inverse, 0, high);
        const float residual = values[i] - (scale * level + minimum);
        error[i] = weights[i] * residual * residual;
    }
    return quant_terms_sum(error, count);
}

/* measure's error alone. */
static float error_of(const struct quant_affine_grid *grid, const float *values,
                      const float *weights, struct quant_affine affine)
{
    return grid->count == 32 ? error_count(grid->high, values, weights, affine, 32)
                             : error_count(grid->high, values, weights, affine, 16);
}

/* Solves for the change of both factors, or of one where the other has nothing to act on. Returns
 * by how much the error falls if the levels stay. */
static float solve(const struct normal *normal, float *a, float *b)
{
    const double determinant = (double)normal->aa * normal->bb - (double)normal->ab * normal->ab;
    *a = *b = 0;
    if (determinant > 1e-6 * (double)normal->aa * normal->bb) {
        *a = (float)(((double)normal->ra * normal->bb - (double)normal->rb * normal->ab) /
                     determinant);
        *b = (float)(((double)normal->rb * normal->aa - (double)normal->ra * normal->ab) /
                     determinant);
    } else if (normal->aa > 0) {
        *a = normal->ra / normal->aa;
    } else if (normal->bb > 0) {
        *b = normal->rb / normal->bb;
    }
    return *a * normal->ra + *b * normal->rb;
}

static struct normal normal_of(const struct fit *fit)
{
    return (struct normal){fit->level_level, fit->level, fit->weight, fit->residual_level,
                           fit->residual};
}

static float refit_error(const struct fit *fit)
{
    float scale, minimum;
    const struct normal normal = normal_of(fit);
    return fit->error - solve(&normal, &scale, &minimum);
}

static struct choice try_affine(const struct quant_affine_grid *grid, const float *values,
                                const float *weights, struct quant_affine affine)
{
    if (grid->below && affine.minimum > 0)
        affine.minimum = 0;
    if (!grid->below) {
        affine.scale = quant_search_half(affine.scale);
        affine.minimum = quant_search_half(affine.minimum);
    }
    const struct fit fit = measure(grid, values, weights, affine);
    return (struct choice){affine, fit, refit_error(&fit)};
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

static struct choice refit(const struct quant_affine_grid *grid, const float *values,
                           const float *weights, struct choice best)
{
    for (size_t round = 0; round < REFITS; round++) {
        const struct normal normal = normal_of(&best.fit);
        struct quant_affine change;
        solve(&normal, &change.scale, &change.minimum);
        if (grid->below && best.affine.minimum + change.minimum > 0) { /* held at the border */
            change.minimum = -best.affine.minimum;
            change.scale = normal.aa > 0 ? (normal.ra - normal.ab * change.minimum) / normal.aa : 0;
        }
        const struct choice next =
            try_affine(grid, values, weights,
                       (struct quant_affine){best.affine.scale + change.scale,
                                             best.affine.minimum + change.minimum});
        if (!(next.fit.error < best.fit.error))
            break;
        best = next;
    }
    return best;
}

static struct choice search(const struct quant_affine_grid *grid, const float *values,
                            const float *weights)
{
    float least = values[0], most = values[0];
    for (size_t i = 1; i < grid->count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    if (grid->below && least > 0)
        least = 0;
    struct choice starts[STARTS];
    size_t count = 0;
    /* The grid ends `left` and `right` levels inside the weights; negative: past them. */
    for (float left = -grid->outward; left <= grid->inward; left += grid->step)
        for (float right = -grid->outward; right <= grid->inward; right += grid->step) {
            const float scale = (most - least) / (grid->high + left + right);
            keep_start(starts, &count,
                       try_affine(grid, values, weights,
                                  (struct quant_affine){scale, least + left * scale}));
        }
    struct choice best = refit(grid, values, weights, starts[0]);
    for (size_t i = 1; i < count; i++) {
        const struct choice next = refit(grid, values, weights, starts[i]);
        if (next.fit.error < best.fit.error)
            best = next;
    }
    return best;
}

struct quant_affine quant_affine_search(const struct quant_affine_grid *grid, const float *values,
                                        const float *weights)
{
    return search(grid, values, weights).affine;
}

void quant_affine_levels(const struct quant_affine_grid *grid, const float *values,
                         struct quant_affine affine, uint8_t *levels)
{
    const float inverse = affine.scale != 0 ? 1 / affine.scale : 0;
    for (size_t i = 0; i < grid->count; i++)
        levels[i] =
            (uint8_t)quant_terms_nearest((values[i] - affine.minimum) * inverse, 0, grid->high);
}

/* A super-block's choice with its error and the equations for a refit. */
struct super_trial {
    struct quant_affine_super super;
    float error;
    struct normal normal; /* of the common scale and minimum */
};

struct super_problem {
    const struct quant_affine_shape *shape;
    const struct quant_search_block *block;
    struct choice ideals[QUANT_AFFINE_PARTS]; /* each part's own best */
};

struct quant_affine quant_affine_part(const struct quant_affine_super *super, size_t part)
{
    return (struct quant_affine){super->scale * (float)super->subscales[part],
                                 -(super->minimum * (float)super->subminima[part])};
}

/* value / unit rounded down, in 0..most - 1: it and the next integer are the two neighbours. */
static int lower_neighbour(float value, float unit, int most)
{
    const float quotient = unit > 0 ? value / unit : 0;
    if (!(quotient > 0))
        return 0;
    return quotient < (float)(most - 1) ? (int)quotient : most - 1;
}

static void add_part(struct super_trial *trial, const struct fit *fit, int subscale, int subminimum)
{
    const float a = (float)subscale, b = -(float)subminimum;
    trial->error += fit->error;
    trial->normal.aa += a * a * fit->level_level;
    trial->normal.ab += a * b * fit->level;
    trial->normal.bb += b * b * fit->weight;
    trial->normal.ra += a * fit->residual_level;
    trial->normal.rb += b * fit->residual;
}

/* The best of the neighbours of the part's ideal: two sub-scales, and for each two sub-minima
 * around the one that keeps the mean of the part where the ideal has it. */
static void choose_factors(const struct super_problem *problem, size_t part,
                           struct super_trial *trial)
{
    const struct quant_affine_grid *grid = problem->shape->grid;
    const int most = problem->shape->most;
    const struct choice *ideal = &problem->ideals[part];
    const float *values = problem->block->values + part * grid->count;
    const float *weights = problem->block->weights + part * grid->count;
    const float mean = ideal->fit.level / ideal->fit.weight;
    struct quant_affine_super *super = &trial->super;
    float least_error = FLT_MAX;
    int subscale = 0, subminimum = 0;
    const int first = lower_neighbour(ideal->affine.scale, super->scale, most);
    for (int i = first; i <= first + 1; i++) {
        const float shift = (super->scale * (float)i - ideal->affine.scale) * mean;
        const int least = lower_neighbour(shift - ideal->affine.minimum, super->minimum, most);
        for (int j = least; j <= least + 1; j++) {
            super->subscales[part] = i;
            super->subminima[part] = j;
            const float error = error_of(grid, values, weights, quant_affine_part(super, part));
            if (error < least_error) {
                least_error = error;
                subscale = i;
                subminimum = j;
            }
        }
    }
    super->subscales[part] = subscale;
    super->subminima[part] = subminimum;
    const struct fit fit = measure(grid, values, weights, quant_affine_part(super, part));
    add_part(trial, &fit, subscale, subminimum);
}

static bool try_super(const struct super_problem *problem, float scale, float minimum,
                      struct super_trial *best)
{
    struct super_trial trial = {
        .super = {.scale = quant_search_half(scale), .minimum = quant_search_half(minimum)}};
    for (size_t part = 0; part < problem->shape->parts; part++) {
        choose_factors(problem, part, &trial);
        if (!(trial.error < best->error))
            return false;
    }
    *best = trial;
    return true;
}

/* Tries common scales that put the largest sub-scale near the end of its range, then the same for
 * minima. */
static void sample_super(const struct super_problem *problem, float scale, float minimum,
                         struct super_trial *best)
{
    static const float reaches[] = {-0.5f, 0.5f, 1};
    const float most = (float)problem->shape->most;
    try_super(problem, scale / most, minimum / most, best);
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++)
        try_super(problem, scale / (most - reaches[i]), best->super.minimum, best);
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++)
        try_super(problem, best->super.scale, minimum / (most - reaches[i]), best);
}

static void search_super(const struct quant_affine_shape *shape,
                         const struct quant_search_block *block, struct quant_affine_super *super)
{
    const struct quant_affine_grid *grid = shape->grid;
    struct super_problem problem = {.shape = shape, .block = block};
    float scale = 0, minimum = 0;
    for (size_t part = 0; part < shape->parts; part++) {
        const struct choice ideal =
            search(grid, block->values + part * grid->count, block->weights + part * grid->count);
        problem.ideals[part] = ideal;
        scale = ideal.affine.scale > scale ? ideal.affine.scale : scale;
        minimum = -ideal.affine.minimum > minimum ? -ideal.affine.minimum : minimum;
    }
    struct super_trial best = {.error = FLT_MAX};
    sample_super(&problem, scale, minimum, &best);
    for (size_t round = 0; round < REFITS; round++) {
        float a, b;
        solve(&best.normal, &a, &b);
        if (!try_super(&problem, best.super.scale + a, best.super.minimum + b, &best))
            break;
    }
    *super = best.super;
}

/* Whether parts that lie wholly above zero weigh more than parts wholly below it. */
static bool lies_above(const struct quant_affine_shape *shape,
                       const struct quant_search_block *block)
{
    float above = 0, below = 0;
    for (size_t part = 0; part < shape->parts; part++) {
        const float *values = block->values + part * shape->grid->count;
        float least = values[0], most = values[0];
        for (size_t i = 1; i < shape->grid->count; i++) {
            least = values[i] < least ? values[i] : least;
            most = values[i] > most ? values[i] : most;
        }
        above += least > 0 ? least * least : 0;
        below += most < 0 ? most * most : 0;
    }
    return above > below;
}

void quant_affine_search_super(const struct quant_affine_shape *shape,
                               const struct quant_search_block *block,
                               struct quant_affine_super *super)
{
    if (!lies_above(shape, block)) {
        search_super(shape, block, super);
        return;
    }
    struct quant_search_block negated = *block;
    for (size_t i = 0; i < QUANT_SEARCH_MOST; i++)
        negated.values[i] = -negated.values[i];
    search_super(shape, &negated, super);
    super->scale = 0 - super->scale;
    super->minimum = 0 - super->minimum;
}
