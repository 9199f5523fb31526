/* data_linear.h - ridge regression (Hoerl and Kennard, 1970): the rating as a weighted sum of a
 * vector's numbers, with small weights. The baseline of the forest.
 *
 *   x      (number - mean) / deviation, of the samples
 *   w      least of  sum (rating - mean rating - w x)^2 + lambda |w|^2
 *   score  mean rating + w x, folded into weights of the numbers as they are, and a constant
 *
 * Lambda is the one, of a few, with which samples left out are predicted best.
 */
#ifndef DATA_DATA_LINEAR_H
#define DATA_DATA_LINEAR_H

#include <stddef.h>
#include "data/data_forest.h"

struct data_linear {
    double *weights; /* [width] */
    double constant, lambda;
    size_t width;
};

/* From rows [count] of the table; memory for the smaller of count and width, squared. */
primer_status data_linear_fit(struct data_linear *linear, const struct data_table *table,
                              const size_t *rows, size_t count, primer_error *error);
void data_linear_free(struct data_linear *linear);
double data_linear_score(const struct data_linear *linear, const float *x);

#endif
