/* data_filter_learn.h - from rated samples to a judgement that says how good it is.
 *
 *   rated   | training, in folds: 1 2 3 4 5 1 2 ... | held out |
 *
 * Each method is measured by folds: what is in one is judged by what learned from the others, and
 * the score from which a sample is kept (the cut) comes from folds within those others. What is
 * held out takes part in nothing, and is judged once.
 */
#ifndef DATA_DATA_FILTER_LEARN_H
#define DATA_DATA_FILTER_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "data/data_filter.h"
#include "data/data_forest.h"
#include "data/data_linear.h"

enum data_filter_method { DATA_FILTER_FOREST, DATA_FILTER_LINEAR };

/* Rated samples: an embedding, and counts (data_filter_features.h) behind it. */
struct data_filter_set {
    float *values; /* [count][dimensions + features] */
    double *ratings;
    unsigned char *labels; /* rated at least as the threshold says */
    uint64_t *ids;
    size_t count, dimensions, features;
    size_t *training, *held; /* row numbers, in the order of a hash */
    size_t training_count, held_count;
};

/* Which of a sample's numbers are looked at. */
struct data_filter_columns {
    size_t from, width;
};

struct data_filter_learn_options {
    enum data_filter_method method;
    struct data_filter_columns columns;
    size_t trees, folds;
    uint64_t seed;
    struct pool *pool;
    bool (*go_on)(void *context); /* NULL, or asked before each fit; false: PRIMER_ECANCELED */
    void *context;
};

struct data_filter_fit {
    enum data_filter_method method;
    struct data_filter_columns columns;
    struct data_forest forest;
    struct data_linear linear;
    double cut; /* kept: a score from here on */
};

/* Which rows train: `parts` 0: all; else those whose id isn't a multiple of it, by a hash. */
primer_status data_filter_learn_divide(struct data_filter_set *set, size_t parts,
                                       primer_error *error);
void data_filter_set_free(struct data_filter_set *set);

/* By folds, of the first `count` training rows. PRIMER_EINVAL where a fold would lack one kind. */
primer_status data_filter_learn_cross(const struct data_filter_set *set, size_t count,
                                      const struct data_filter_learn_options *options,
                                      struct data_filter_figures *measure, primer_error *error);
/* All training rows, and a cut by folds. */
primer_status data_filter_learn_fit(const struct data_filter_set *set,
                                    const struct data_filter_learn_options *options,
                                    struct data_filter_fit *fit, primer_error *error);
void data_filter_fit_free(struct data_filter_fit *fit);
/* Of a sample's numbers, all of them. */
double data_filter_fit_score(const struct data_filter_fit *fit, const float *values);
primer_status data_filter_learn_judge(const struct data_filter_set *set,
                                      const struct data_filter_fit *fit,
                                      struct data_filter_figures *measure, primer_error *error);

/* The score from which keeping gives the best F1, between two of the scores. */
primer_status data_filter_learn_cut(const double *scores, const unsigned char *labels, size_t count,
                                    double *cut, primer_error *error);
/* Of samples that were kept or not. */
primer_status data_filter_learn_measure(const double *scores, const unsigned char *labels,
                                        const unsigned char *kept, size_t count, uint64_t seed,
                                        struct data_filter_figures *measure, primer_error *error);

#endif
