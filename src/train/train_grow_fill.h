/* train_grow_fill.h - the numbers of one tensor of a grown model, row by row.
 *
 * What each method puts where, and why "clone" keeps the function, is in train_grow_fill.c.
 */
#ifndef TRAIN_TRAIN_GROW_FILL_H
#define TRAIN_TRAIN_GROW_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "train/train_grow_axis.h"
#include "train/train_grow_map.h"

enum train_grow_kind {
    TRAIN_GROW_TABLE,  /* rows are looked up: the token embedding */
    TRAIN_GROW_LINEAR, /* rows are multiplied with an input and summed */
    TRAIN_GROW_NORM,   /* a vector of factors near 1 */
    TRAIN_GROW_BIAS,   /* a vector of terms near 0 */
    TRAIN_GROW_FACTORS /* a vector that belongs to the rotary pairs */
};

struct train_grow_fill {
    enum train_grow_method method;
    enum train_grow_kind kind;
    const struct train_grow_axis *rows, *columns; /* of a vector: rows is one */
    bool silent;            /* all 0: what a layer that is to change nothing adds */
    bool divided;           /* a vector's elements are divided by the number of their copies */
    double mean, deviation; /* of the source's tensor */
    double noise;           /* relative to `deviation` */
    uint64_t seed;          /* the tensor's own */
};

/* Doubles that a row needs beside its floats. */
size_t train_grow_fill_scratch(const struct train_grow_fill *fill);
/* Row `row` of the new tensor to out [columns->count], from row rows->sources[row] of the source
 * [columns->source_count]. A row depends on nothing but its number. */
void train_grow_fill_row(const struct train_grow_fill *fill, size_t row, const float *source,
                         double *scratch, float *out);

#endif
