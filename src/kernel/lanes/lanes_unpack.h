/* lanes_unpack.h - what lanes_unpack.inc works on. */
#ifndef KERNEL_LANES_LANES_UNPACK_H
#define KERNEL_LANES_LANES_UNPACK_H

#include <string.h>
#include "kernel/lanes/lanes.h"

typedef uint32_t unpack_dwords __attribute__((vector_size(32)));
typedef int32_t unpack_integers __attribute__((vector_size(32)));
typedef float unpack_floats __attribute__((vector_size(32)));

/* Sixteen rows of one block of the file, to the panel's blocks from `block` on. */
struct unpack_rows {
    const uint8_t *rows;
    size_t stride;
    const struct quant_panel *panel;
    size_t block;
    /* Of a product with one token instead: its activations from that block on, and the integer sums
     * [block][half][rows 8 h ..]; what the panel has besides values is stored all the same. */
    const int8_t *activations;
    unpack_integers (*sums)[2];
    bool wide; /* integers reach 255: Q8_0 */
};
typedef void unpack_one(const struct unpack_rows *unpack);

UNROLL_INLINE void unpack_to_panel(const struct unpack_rows *unpack, size_t block, size_t group,
                                   size_t h, lanes_bytes values)
{
    memcpy(unpack->panel->values +
               (((unpack->block + block) * 8 + group) * QUANT_PANEL_ROWS + 8 * h) * 4,
           &values, sizeof values);
}

#endif
