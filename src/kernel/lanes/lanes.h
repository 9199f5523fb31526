/* lanes.h - what the registers of all levels have in common.
 *
 * A level's header (lanes_avx512.h, lanes_avx2.h, lanes_neon.h) defines the type `lanes`, one
 * register of LANES floats (16, 8 or 4), and the functions below on it; the bodies (lanes_*.inc)
 * are written once over them, and lanes.inc makes a level's kernels of them. Sixteen lanes of the
 * numeric contract are LANES_PARTS registers: lane j is lane j % LANES of register j / LANES.
 *
 *   lanes_load(p), lanes_store(p, v)      LANES floats at any address
 *   lanes_load_first(p, n)                n < LANES floats, zeros above; nothing else is read
 *   lanes_store_first(p, v, n)            nothing else is written
 *   lanes_fetch_to_write(p)               fetches the cache line at p
 *   lanes_select_first(n, a, b)           lanes below n of a, the others of b; n of any size
 *   lanes_set(x), lanes_zero()            all lanes x, all +0
 *   lanes_first(v)                        lane 0
 *   lanes_add, _subtract, _multiply, _divide, _square_root
 *   lanes_fma(a, b, c)                    a * b + c, rounded once
 *   lanes_larger(a, b)                    a > b ? a : b, so b where either is NaN
 *   lanes_smaller(a, b)                   a < b ? a : b
 *   lanes_largest(v)                      the largest of all lanes, none being NaN; of +0 and -0
 *                                         either
 *   lanes_where_above(a, b, yes, no)      a > b ? yes : no
 *   lanes_round(v)                        half to even, for |v| < 2^31; else any value
 *   lanes_times_power(y, n)               (y * 2^(n >> 1)) * 2^(n - (n >> 1)) for integers
 *                                         |n| <= 128; else any value, but NaN where y is NaN
 *   lanes_magnitude(v), lanes_negate(v)   sign bit cleared, flipped
 *   lanes_larger_bits(a, b)               the larger as unsigned integers
 *   lanes_largest_bits(v)                 the largest of all lanes so
 *   lanes_store_i8(p, v)                  to bytes, half to even, in range; returns their sum
 *   lanes_widen(type, p)                  LANES elements F32, F16, BF16, or for Q8_0 i8, unscaled
 *   lanes_store_half(p, v)                LANES binary16; lanes_store_bfloat
 *   lanes_load_pairs(p, &even, &odd)      2 * LANES floats; lanes_store_pairs
 *   lanes_tree(sums)                      the contract's tree over LANES_PARTS registers
 *
 * And shapes of the blocked loops, whose accumulators fit into the level's registers:
 *
 *   LANES_ROWS x LANES_TOKENS             float product of many tokens
 *   LANES_FEW                             tokens, 3 to 6, of which four rows' sums fit
 *   LANES_KEY_TILES x LANES_QUERIES       scores: tiles of 16 keys
 *   LANES_WIDTHS x LANES_MIXED            mixing of values: registers of dimensions x queries
 */
#ifndef KERNEL_LANES_LANES_H
#define KERNEL_LANES_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/half.h"
#include "kernel/kernel.h"
#include "kernel/lanes/unroll.h"

#define LANES_PARTS (16 / LANES)

/* 32 bytes, in as many registers as it takes (lanes_unpack.inc). */
typedef uint8_t lanes_bytes __attribute__((vector_size(32)));

static inline size_t lanes_element_size(enum quant_type type)
{
    return type == QUANT_F32 ? 4 : type == QUANT_Q8_0 ? 1 : 2;
}

#endif
