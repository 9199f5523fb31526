/* rotary.h - rotary position embedding (Su et al. 2021): angles of positions, in binary64, with no
 * libm.
 *
 * Pair i of a head turns by position * frequency[i], frequency[i] = base^(-2i / dimensions) / scale
 * / factor[i]. Self-Extend (Jin et al. 2024, "LLM Maybe LongLM", section 3): with a group G and a
 * window W, a key at j also exists at j / G, and a query at i asks it from i / G + W - W / G.
 */
#ifndef TENSOR_ROTARY_H
#define TENSOR_ROTARY_H

#include <stddef.h>
#include "base/error.h"

struct rotary {
    size_t pairs;         /* half of the rotated dimensions */
    double *frequencies;  /* [pairs] */
    size_t group, window; /* Self-Extend; group <= 1: off */
};

/* `factors` [dimensions / 2] or NULL; scale 1 for none. */
primer_status rotary_create(struct rotary *rotary, size_t dimensions, double base, double scale,
                            const float *factors, size_t group, size_t window, primer_error *error);
void rotary_free(struct rotary *rotary);

/* cosine, sine [pairs] of a position. */
void rotary_angles(const struct rotary *rotary, size_t position, float *cosine, float *sine);
static inline size_t rotary_grouped_key(const struct rotary *rotary, size_t position)
{
    return position / rotary->group;
}
static inline size_t rotary_grouped_query(const struct rotary *rotary, size_t position)
{
    return position / rotary->group + rotary->window - rotary->window / rotary->group;
}

#endif
