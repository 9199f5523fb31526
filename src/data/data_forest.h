/* data_forest.h - a random forest (Breiman, 2001): trees of yes-or-no questions, each grown on a
 * bootstrap sample, that say together how probable it is that a vector has the label.
 *
 *   node   | feature, threshold | left: x[feature] <= threshold | right |     a leaf: its share of
 *          | -1                 | value                                 |     labelled samples
 *
 * A split is the one of the root of so many features, drawn anew for each node, after which the
 * Gini impurity is lowest. The same samples, options and seed give the same forest, whatever the
 * threads.
 */
#ifndef DATA_DATA_FOREST_H
#define DATA_DATA_FOREST_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"

/* Vectors to learn from, borrowed: row i begins at values[i * stride]. */
struct data_table {
    const float *values;
    size_t stride, width;        /* width: columns that count, from the first */
    const unsigned char *labels; /* 0 or 1 */
    const double *ratings;
};

struct data_forest_node {
    int32_t feature;     /* -1: a leaf */
    int32_t left, right; /* within the tree, behind this one */
    float threshold;     /* or a leaf's value */
};

struct data_forest_tree {
    struct data_forest_node *nodes;
    size_t count;
};

struct data_forest {
    struct data_forest_tree *trees;
    size_t count, width;
};

#define DATA_FOREST_TREES 300

/* Zero means the default. */
struct data_forest_options {
    size_t trees, leaf; /* DATA_FOREST_TREES; samples a leaf has at least (2) */
    uint64_t seed;
    struct pool *pool; /* required */
};

/* From rows [count] of the table, by their numbers. */
primer_status data_forest_grow(struct data_forest *forest, const struct data_table *table,
                               const size_t *rows, size_t count,
                               const struct data_forest_options *options, primer_error *error);
void data_forest_free(struct data_forest *forest);
/* 0 to 1: the mean of the leaves that x [width] comes to. */
double data_forest_score(const struct data_forest *forest, const float *x);
/* PRIMER_EFORMAT where following the nodes could go wrong; for forests read from files. */
primer_status data_forest_check(const struct data_forest *forest, primer_error *error);

#endif
