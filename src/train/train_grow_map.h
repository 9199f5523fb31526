/* train_grow_map.h - which of a small model's layers, heads, dimensions and units each of a large
 * one's is made of.
 *
 * Pure arithmetic of two shapes; formulas are beside the functions, what is published and what was
 * chosen in docs/growth.md.
 */
#ifndef TRAIN_TRAIN_GROW_MAP_H
#define TRAIN_TRAIN_GROW_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "primer_train.h"

enum train_grow_method { TRAIN_GROW_TILE, TRAIN_GROW_REUSE, TRAIN_GROW_SPREAD, TRAIN_GROW_CLONE };

/* PRIMER_EINVAL lists the names there are. NULL is "tile". */
primer_status train_grow_map_method(const char *name, enum train_grow_method *method,
                                    primer_error *error);

/* The shape that is asked for, sizes of 0 filled in; checks every size against the source's and the
 * method's conditions. `to->parameters` is left 0. */
primer_status train_grow_map_shape(const primer_grow_shape *from,
                                   const primer_grow_options *options,
                                   enum train_grow_method method, primer_grow_shape *to,
                                   primer_error *error);

/* The layer that new layer `layer` of `to` copies, of `from`. */
size_t train_grow_map_layer(size_t layer, size_t from, size_t to);
/* The same for pairs of rotary dimensions. */
size_t train_grow_map_pair(size_t pair, size_t from, size_t to);

/* Every map of the summary, by its two shapes; to be freed by primer_grow_summary_free, after a
 * failure too. */
primer_status train_grow_map_create(primer_grow_summary *summary, bool interleaved,
                                    primer_error *error);

#endif
